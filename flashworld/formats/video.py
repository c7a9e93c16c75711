"""MP4 video: H.264, 4:2:0, BT.709 in limited range, and tagged so that players show the colours that were rendered."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace
from jaxtyping import UInt8

from flashworld.errors import FormatError
from flashworld.events import Progress, Report, ignore
from flashworld.publish import published

QUALITY = 17
"""x264's constant rate factor: visually lossless, about 40 dB and more on rendered scenes."""
_BT709 = 1
"""BT.709 in ITU-T H.273's tables of primaries and of transfer functions."""


def write_video(
    path: Path | str,
    frames: Iterable[UInt8[np.ndarray, "height width 3"]],
    fps: float | Fraction,
    num_frames: int,
    report: Report = ignore,
) -> None:
    """Write frames as they come; only a few are held at a time.

    Args:
        path: A name that ends in `.mp4`.
        frames: RGB bytes, all of one size with even sides (4:2:0 halves the colour's resolution).
        fps: Frames per second, above 0 and at most 1,000.
        num_frames: How many there will be, for the progress of stage `encode`.
        report: Receives that progress.

    Raises:
        FormatError: Another suffix, rate or size, no frames, or the place cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise FormatError(f"{path.name}: videos are written as .mp4, not '{path.suffix}'. Change the name's end.")
    if not 0 < fps <= 1000:
        raise FormatError(f"A video of {fps} frames per second is not possible; give a number above 0, up to 1000.")
    with published(path) as beside:
        try:
            _encode(beside, frames, Fraction(fps).limit_denominator(1001), num_frames, report)
        except FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _encode(path: Path, frames: Iterable[np.ndarray], rate: Fraction, num_frames: int, report: Report) -> None:
    """Stream frames through the encoder into a container."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream, size = None, (0, 0)
        for index, pixels in enumerate(frames):
            if stream is None:
                size = pixels.shape[:2]
                stream = _add_stream(container, rate, *size)
            if pixels.shape[:2] != size:
                raise FormatError(f"Frame {index} has {pixels.shape[:2]} pixels, those before have {size}.")
            container.mux(stream.encode(_limited_bt709(pixels)))
            report(Progress("encode", index + 1, num_frames))
        if stream is None:
            raise FormatError("A video needs at least one frame.")
        container.mux(stream.encode())


def _add_stream(container: OutputContainer, rate: Fraction, height: int, width: int) -> av.VideoStream:
    """An H.264 stream with its colours tagged."""
    if height % 2 or width % 2:
        raise FormatError(f"A video needs even sides; {width}x{height} has an odd one. Use {width & ~1}x{height & ~1}.")
    stream = container.add_stream("libx264", rate=rate, options={"crf": str(QUALITY), "preset": "medium"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    context.color_primaries = context.color_trc = _BT709
    return stream


def _limited_bt709(pixels: UInt8[np.ndarray, "height width 3"]) -> av.VideoFrame:
    """The frame in the encoder's colours, by the BT.709 matrix (FFmpeg's default is BT.601)."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        dst_colorspace="ITU709",
        src_color_range="JPEG",
        dst_color_range="MPEG",
    )
