"""Pictures as they are sent: from text to bytes to RGB pixels. Everything is refused before it can do harm."""

import binascii
import io
import string

import numpy as np
from PIL import Image

from flashworld.errors import RequestError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 64_000_000
MAX_PIXELS = 50_000_000

_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the turn that sets the picture upright; 1 needs none."""


def bytes_from_text(text: str) -> bytes:
    """The bytes of a data URL or of bare base64; everything up to the first comma is dropped, as published.

    Raises:
        RequestError: the text is no base64, or longer than a picture may be.
    """
    if len(text) > MAX_BYTES * 4 // 3 + 1000:
        raise RequestError([f"the picture is {len(text) / 1e6:.0f} MB of text; {MAX_BYTES // 10**6} MB are allowed"])
    try:
        encoded = (text.partition(",")[2] if "," in text else text).encode("ascii").rstrip(b"= \t\r\n")
        blank = encoded.translate(None, _ALPHABET)
        if blank.strip():
            raise ValueError
        return binascii.a2b_base64(encoded + b"=" * (-(len(encoded) - len(blank)) % 4))
    except ValueError:
        raise RequestError(
            ["the text is not base64; a picture is sent as a data URL or as base64, not as the path of a file"]
        ) from None


def check_picture(data: bytes) -> None:
    """Raise `RequestError` unless `data` is a whole picture that `decode_picture` can read."""
    image = _open(data)
    # JPEG decodes at an eighth of its size here: all of its data is read for a fraction of the work.
    image.draft("RGB", (image.width // 8, image.height // 8))
    _load(image)


def decode_picture(data: bytes, strict: bool = False) -> Image.Image:
    """The upright RGB picture in a PNG, JPEG or WebP file: first frame, EXIF orientation applied, alpha over white.

    Args:
        data: the file.
        strict: as the published release reads it: EXIF orientation is ignored and alpha is dropped.

    Raises:
        RequestError: another format, too large, or damaged.
    """
    image = _load(_open(data))
    if strict:
        return image.convert("RGB")
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    image = _on_white(image)
    return image if turn is None else image.transpose(turn)


def _open(data: bytes) -> Image.Image:
    """The picture's header, its size checked before any pixel is decoded."""
    if len(data) > MAX_BYTES:
        raise RequestError([f"the picture has {len(data) / 1e6:.0f} MB; {MAX_BYTES // 10**6} MB are allowed"])
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RequestError([f"the picture has over {MAX_PIXELS // 10**6} megapixels; make it smaller"]) from None
    except Exception:  # Pillow raises whatever its parsers trip over
        raise RequestError([f"its {len(data)} bytes are no PNG, JPEG or WebP picture (paths are not read)"]) from None
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} x {image.height} pixels"
        raise RequestError([f"the picture has {size}; {MAX_PIXELS // 10**6} megapixels are allowed, make it smaller"])
    return image


def _load(image: Image.Image) -> Image.Image:
    try:
        image.load()
        image.getexif()
    except Exception:  # truncated or damaged data surfaces as many kinds of exception
        raise RequestError(["the picture is damaged or cut off; save it again"]) from None
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """RGB pixels, transparent ones white. Sixteen-bit grey keeps its upper eight bits instead of being clipped."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        if image.has_transparency_data:  # one grey stands for nothing
            grey[grey == image.info["transparency"]] = 65535
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
