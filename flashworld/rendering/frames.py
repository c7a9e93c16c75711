"""Frames of a fly-through, a few views at a time so that a long video needs little memory."""

from collections.abc import Iterator

from flashworld.cameras import Cameras
from flashworld.events import Progress, Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.rendering.rasterise import Rendering, render

VIEWS_AT_ONCE = 8
PIXELS_AT_ONCE = 8 * 1280 * 1280
"""Larger pictures come fewer at a time."""


def render_along(
    gaussians: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    near: float = 0.01,
    far: float = 1000.0,
    rasteriser: str = "auto",
    report: Report = ignore,
) -> Iterator[Rendering]:
    """Yield the rendering of one camera after another."""
    options = {"background": background, "near": near, "far": far, "rasteriser": rasteriser}
    report(Progress("render", 0, len(cameras)))
    at_once = min(VIEWS_AT_ONCE, max(1, PIXELS_AT_ONCE // (height * width)))
    for start in range(0, len(cameras), at_once):
        told = Progress("render", start, len(cameras))
        views = render(
            gaussians,
            cameras[start : start + at_once],
            height,
            width,
            **options,
            report=lambda _, told=told: report(told),
        )
        for index in range(len(views.alpha)):
            yield Rendering(*(part[index : index + 1] for part in (views.colour, views.alpha, views.depth)))
            report(Progress("render", start + index + 1, len(cameras)))
