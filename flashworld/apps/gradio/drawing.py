"""Drawings of camera paths as SVG: from above, and from behind at an angle, with the view of some cameras.

Only numbers go into them, so whatever a visitor wrote, the page stays as it is. Cards of sentences are drawn too, of
those that come with the project.
"""

import math
from html import escape
from textwrap import wrap

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.apps.gradio.paths import ShownPath
from flashworld.cameras import Cameras

SIDE = 240.0
MARGIN = 16.0
MOST_FRUSTUMS = 9
MOST_POINTS = 200
BEGIN, END, BETWEEN, WAY = "#3b82f6", "#10b981", "#94a3b8", "#64748b"

TOP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""From above: x to the right, what lies ahead upwards."""

_YAW, _PITCH = math.radians(35), math.radians(28)
OBLIQUE = torch.tensor(
    [
        [math.cos(_YAW), 0.0, math.sin(_YAW)],
        [-math.sin(_YAW) * math.sin(_PITCH), -math.cos(_PITCH), math.cos(_YAW) * math.sin(_PITCH)],
    ]
)
"""From behind, from the right and from above."""


def draw(path: ShownPath) -> str:
    """Both views side by side, as an element of a page."""
    views = ((TOP, "from above"), (OBLIQUE, "from behind"))
    panels = "".join(
        f'<g transform="translate({number * SIDE:g} 0)">{_panel(path, view)}'
        f'<text x="{SIDE / 2:g}" y="{SIDE - 3:g}" text-anchor="middle" font-size="13" fill="{WAY}">{name}</text></g>'
        for number, (view, name) in enumerate(views)
    )
    return _svg(panels, 2 * SIDE, "The camera path from above and from behind; it begins blue and ends green")


def draw_small(path: ShownPath) -> str:
    """One view, as a picture of its own."""
    return _svg(_panel(path, OBLIQUE), SIDE, "A camera path")


def draw_sentence(sentence: str) -> str:
    """A sentence as a picture, for an example that has no other."""
    lines = wrap(f"“{sentence}”", 26)
    first = SIDE / 2 - 14 * (len(lines) - 1) + 7
    text = "".join(f'<tspan x="176" y="{first + 28 * k:g}">{escape(line)}</tspan>' for k, line in enumerate(lines))
    return _svg(
        f'<defs><linearGradient id="sky" x2="0.4" y2="1"><stop stop-color="#1d4ed8"/><stop offset="1" '
        f'stop-color="#047857"/></linearGradient></defs><rect width="352" height="{SIDE:g}" fill="url(#sky)"/>'
        f'<text text-anchor="middle" font-size="21" font-style="italic" fill="#ffffff">{text}</text>',
        352,
        "A sentence",
    )


def _svg(content: str, width: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {SIDE:g}" role="img" '
        f'aria-label="{title}" font-family="system-ui, sans-serif" stroke-linejoin="round">{content}</svg>'
    )


def _panel(path: ShownPath, view: Float[Tensor, "2 3"]) -> str:
    """The way as a line, and the frustums of some cameras, fitted into a square."""
    cameras = path.cameras
    chosen = torch.linspace(0, len(cameras) - 1, min(len(cameras), MOST_FRUSTUMS)).round().long()
    corners = _frustums(cameras[chosen])
    line = cameras.positions[torch.linspace(0, len(cameras) - 1, min(len(cameras), MOST_POINTS)).round().long()]
    flat_corners, flat_line = corners @ view.T, line @ view.T
    everything = torch.cat([flat_corners.flatten(0, 1), flat_line])
    low, high = everything.amin(0), everything.amax(0)
    scale = (SIDE - 2 * MARGIN - 8) / (high - low).max().clamp(min=1e-6)
    middle = (low + high) / 2

    def place(points: Float[Tensor, "*n 2"]) -> list:
        return ((points - middle) * scale + torch.tensor([SIDE / 2, SIDE / 2 - 4])).tolist()

    last = len(chosen) - 1
    shapes = [_frustum(place(flat_corners[k]), _colour(k, last), k in (0, last)) for k in [*range(1, last), last, 0]]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in place(flat_line))
    way = f'<polyline points="{points}" fill="none" stroke="{WAY}" stroke-width="2" stroke-linecap="round"/>'
    return "".join([*shapes[:-2], way, *shapes[-2:]])


def _frustums(cameras: Cameras) -> Float[Tensor, "cameras 5 3"]:
    """Apex and the four corners of what each camera sees, some way ahead of it."""
    fx, fy, cx, cy = cameras.intrinsics.unbind(-1)
    left, right, up, down = -cx / fx, (1 - cx) / fx, cy / fy, -(1 - cy) / fy
    ahead = -torch.ones_like(fx)
    rays = torch.stack(
        [torch.stack([x, y, ahead], -1) for x, y in ((left, up), (right, up), (right, down), (left, down))], dim=1
    )
    # A wide view would fill the drawing: every frustum's corners are as far from its apex.
    rays = 0.32 * rays / rays.norm(dim=-1, keepdim=True)
    corners = rays @ cameras.rotations.mT + cameras.positions[:, None]
    return torch.cat([cameras.positions[:, None], corners], dim=1)


def _colour(number: int, last: int) -> str:
    if number == 0:
        return BEGIN
    return END if number == last else BETWEEN


def _frustum(points: list[list[float]], colour: str, strong: bool) -> str:
    apex, *corners = [f"{x:.1f},{y:.1f}" for x, y in points]
    edges = "".join(f"M{apex}L{corner}" for corner in corners)
    width, opacity = ("1.8", "1") if strong else ("1", "0.55")
    return (
        f'<g stroke="{colour}" stroke-width="{width}" opacity="{opacity}">'
        f'<polygon points="{" ".join(corners)}" fill="{colour}" fill-opacity="0.16"/>'
        f'<path d="{edges}" fill="none"/></g>'
    )
