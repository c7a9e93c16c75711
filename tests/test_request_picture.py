"""Pictures: the formats, the orientation, transparency and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from flashworld.errors import RequestError
from flashworld.request import decode_picture
from flashworld.request.picture import check_picture

ORIENTATION = 0x0112


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 // width, rows * 255 // height, (rows + columns) * 2], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG file that claims a size, followed by no pixels at all."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return start + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_png_pixels_come_back_exactly(mode: str):
    image = scene(mode)
    decoded = decode_picture(encode(image))
    assert decoded.mode == "RGB"
    np.testing.assert_array_equal(decoded, image.convert("RGB"))
    np.testing.assert_array_equal(decode_picture(encode(image), strict=True), image.convert("RGB"))


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L"), ("WEBP", "RGB")])
def test_lossy_pictures_come_back_nearly(kind: str, mode: str):
    image = scene(mode)
    decoded = np.asarray(decode_picture(encode(image, kind, quality=95)), dtype=float)
    assert np.abs(decoded - np.asarray(image.convert("RGB"))).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_set_upright(orientation: int):
    """A camera stores the sensor's pixels and says how to turn them; undoing that gives the sight back."""
    upright = scene()
    sensor_from_upright = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if sensor_from_upright is None else upright.transpose(sensor_from_upright)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(stored, exif=exif)
    np.testing.assert_array_equal(decode_picture(data), upright)
    np.testing.assert_array_equal(decode_picture(data, strict=True), stored)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white(mode: str):
    image = scene(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 10, 10))
    alpha.paste(128, (10, 10, 20, 20))
    image.putalpha(alpha)
    decoded = np.asarray(decode_picture(encode(image)), dtype=float)
    colour = np.asarray(image.convert("RGB"), dtype=float)
    assert (decoded[:10, :10] == 255).all()
    np.testing.assert_allclose(decoded[10:20, 10:20], (colour[10:20, 10:20] * 128 + 255 * 127) / 255, atol=1)
    np.testing.assert_array_equal(decoded[20:], colour[20:])
    np.testing.assert_array_equal(decode_picture(encode(image), strict=True), image.convert("RGB"))


def test_transparency_of_a_palette_and_of_one_colour_is_white_too():
    palette = scene("P")
    data = encode(palette, transparency=palette.getpixel((0, 0)))
    assert decode_picture(data).getpixel((0, 0)) == (255, 255, 255)
    colour = Image.new("RGB", (4, 4), (10, 20, 30))
    assert decode_picture(encode(colour, transparency=(10, 20, 30))).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_keep_their_brightness():
    grey = np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)
    decoded = decode_picture(encode(Image.fromarray(grey)))
    np.testing.assert_array_equal(np.asarray(decoded)[..., 0], grey >> 8)


def test_a_transparent_grey_of_sixteen_bits_is_white_and_no_other_is():
    grey = np.array([[0, 1, 300, 0]], np.uint16)
    decoded = decode_picture(encode(Image.fromarray(grey), transparency=0))
    np.testing.assert_array_equal(np.asarray(decoded)[..., 0], [[255, 0, 1, 255]])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str):
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encode(first, kind, save_all=True, append_images=[second], duration=50)
    red, green, blue = decode_picture(data).getpixel((4, 4))
    assert red > 200
    assert max(green, blue) < 50


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_cut_off_picture_is_refused(kind: str):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encode(noise, kind)
    check_picture(data)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(RequestError, match=r"damaged|no PNG"):
            check_picture(data[: int(len(data) * share)])
        with pytest.raises(RequestError, match=r"damaged|no PNG"):
            decode_picture(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused(kind: str):
    with pytest.raises(RequestError, match="PNG, JPEG or WebP"):
        decode_picture(encode(scene(), kind))


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (10_000, 5_001)])
def test_a_picture_that_claims_too_many_pixels_is_refused_before_they_are_decoded(size: tuple[int, int]):
    with pytest.raises(RequestError, match="megapixels"):
        decode_picture(png_header(*size))


def test_a_file_of_too_many_bytes_is_refused():
    with pytest.raises(RequestError, match="64 MB are allowed"):
        decode_picture(encode(scene()) + bytes(64_000_000))
