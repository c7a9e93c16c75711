"""Videos, PNG frames and depth, read back by decoders."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from flashworld.errors import FormatError
from flashworld.events import Progress
from flashworld.formats import to_uint8, write_depth, write_frames
from flashworld.formats.video import write_video

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40), (30, 90, 200)]


def patches(size: int = 32) -> np.ndarray:
    """One square of each colour, side by side."""
    return np.array(COLOURS, np.uint8)[None].repeat(size, axis=0).repeat(size, axis=1)


def counted(num: int) -> Iterator[np.ndarray]:
    """Frames whose brightness tells their index."""
    for index in range(num):
        yield np.full((48, 64, 3), 20 * index, np.uint8)


def test_video_has_every_frame_in_order_at_the_rate(tmp_path: Path):
    reports: list[Progress] = []
    write_video(tmp_path / "a.mp4", counted(10), 12, 10, reports.append)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (64, 48, 12, 10)
        brightness = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
    np.testing.assert_allclose(brightness, 20 * np.arange(10), atol=2)
    assert [(progress.done, progress.total) for progress in reports] == [(n, 10) for n in range(1, 11)]


def test_video_colours_are_bt709_in_limited_range_and_say_so(tmp_path: Path):
    """The stored numbers equal the standard's formulas, and the tags tell players to use them."""
    write_video(tmp_path / "a.mp4", [patches()] * 3, 24, 3)
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = context.color_range, context.colorspace, context.color_primaries, context.color_trc
        frame = next(container.decode(video=0))
    assert tags == (1, 1, 1, 1)
    assert frame.format.name == "yuv420p"
    planes = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]
    for index, (red, green, blue) in enumerate(np.array(COLOURS) / 255):
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        expected = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
        middle = [planes[0][16, 32 * index + 16], planes[1][8, 16 * index + 8], planes[2][8, 16 * index + 8]]
        np.testing.assert_allclose(middle, expected, atol=1.5)


def test_video_resembles_its_frames(tmp_path: Path):
    """At least 38 dB on a smooth picture, read as a player would."""
    y, x = np.mgrid[0:96, 0:128] / 128
    picture = np.stack([x, y, 0.5 + 0.4 * np.sin(6 * x * y)], axis=-1)
    picture = (255 * picture).astype(np.uint8)
    write_video(tmp_path / "a.mp4", [picture] * 5, Fraction(30000, 1001), 5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    error = np.square(decoded[4].astype(float) - picture).mean()
    assert 10 * np.log10(255**2 / error) > 38


@pytest.mark.parametrize(
    ("name", "frames", "fps", "words"),
    [
        ("a.avi", [patches()], 24, "as .mp4"),
        ("a.mp4", [], 24, "at least one frame"),
        ("a.mp4", [patches()], 0, "frames per second"),
        ("a.mp4", [patches()], float("nan"), "frames per second"),
        ("a.mp4", [patches()[:31]], 24, "even sides; 224x31"),
        ("a.mp4", [patches(), patches()[:16]], 24, "Frame 1 "),
        ("missing/a.mp4", [patches()], 24, "there is no folder"),
    ],
)
def test_videos_that_cannot_be(tmp_path: Path, name: str, frames: list, fps: float, words: str):
    with pytest.raises(FormatError, match=words):
        write_video(tmp_path / name, frames, fps, len(frames))
    assert not list(tmp_path.iterdir())


def test_bytes_are_truncated_and_clamped():
    colour = torch.tensor([0.0, 0.999, 1.0, 1.5, -0.5, 0.5])[None, None, :].expand(2, 3, 1, 6)
    assert to_uint8(colour).shape == (2, 1, 6, 3)
    assert to_uint8(colour)[0, 0, :, 0].tolist() == [0, 254, 255, 255, 0, 127]


def test_png_frames(tmp_path: Path):
    write_frames(tmp_path / "deep" / "frames", [patches(), 255 - patches()], 2)
    assert sorted(path.name for path in (tmp_path / "deep" / "frames").iterdir()) == ["0000.png", "0001.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "deep" / "frames" / "0001.png")), 255 - patches())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FormatError, match="Cannot make the folder"):
        write_frames(tmp_path / "file", [patches()], 1)


def test_depth_is_of_the_surface_whatever_its_opacity(tmp_path: Path):
    alpha = torch.tensor([[[1.0, 0.5, 0.0]]])
    write_depth(tmp_path / "depth.npz", 4 * alpha, alpha)
    with np.load(tmp_path / "depth.npz") as archive:
        assert archive["depth"].tolist() == [[[4, 4, 0]]]
        assert archive["depth"].dtype == archive["alpha"].dtype == np.float32
        assert archive["alpha"].tolist() == alpha.tolist()
    with pytest.raises(FormatError, match=r"\.npz"):
        write_depth(tmp_path / "depth.png", alpha, alpha)
