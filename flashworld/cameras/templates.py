"""Ready-made camera movements. Each begins at the origin, upright, looking along -z.

A template says where the camera is for a progress of 0 (start) to 1 (end) and an amount; `make_path` adds frames, field
of view and easing. Movements that keep something in view keep the subject, a point `SUBJECT_DISTANCE` straight ahead of
the start. The unit of length is free: only its ratio to that distance shows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.easing import EASINGS
from flashworld.errors import RequestError
from flashworld.geometry import multiply, quaternion_from_matrix

SUBJECT_DISTANCE = 2.0
"""Distance from the starting point to the subject, in units of the world."""

Progress = Float[Tensor, " n"]


@dataclass(frozen=True)
class Motion:
    """Poses along a movement, and by how much the focal lengths grow."""

    positions: Float[Tensor, "n 3"]
    quaternions: Float[Tensor, "n 4"]
    zoom: Float[Tensor, " n"]


@dataclass(frozen=True)
class Template:
    """A movement with the meaning of its amount: `unit`, `default`, and the allowed range."""

    description: str
    unit: str
    default: float
    smallest: float
    largest: float
    move: Callable[[float, Progress], Motion]


def make_path(
    name: str,
    amount: float | None = None,
    frames: int = 24,
    fov: float = 70.0,
    height: int = 480,
    width: int = 704,
    easing: str = "linear",
) -> Cameras:
    """The path of a template.

    Args:
        name: one of `TEMPLATES`.
        amount: how far, in the template's unit; its default if none.
        frames: number of cameras, 1 to 1024.
        fov: horizontal field of view in degrees at the start, 5 to 170.
        height: rows of the picture; only the aspect matters.
        width: columns of the picture.
        easing: one of `EASINGS`.

    Raises:
        RequestError: an unknown name, or a number out of range; all faults at once.
    """
    faults = [] if name in TEMPLATES else [f"there is no template {name!r}; allowed: {', '.join(TEMPLATES)}"]
    if easing not in EASINGS:
        faults.append(f"there is no easing {easing!r}; allowed: {', '.join(EASINGS)}")
    if not 1 <= frames <= 1024:
        faults.append(f"{frames} frames were asked for; allowed: 1 to 1024")
    if not 5 <= fov <= 170:
        faults.append(f"a field of view of {fov} degrees was asked for; allowed: 5 to 170")
    template = TEMPLATES.get(name)
    if template and amount is not None and not template.smallest <= amount <= template.largest:
        allowed = f"{template.smallest:g} to {template.largest:g} {template.unit}"
        faults.append(f"{name} was asked to go {amount:g} {template.unit}; allowed: {allowed}")
    if faults or template is None:
        raise RequestError(faults)
    time = torch.linspace(0, 1, frames, dtype=torch.float64)
    motion = template.move(template.default if amount is None else amount, EASINGS[easing](time))
    focal = 0.5 / math.tan(math.radians(fov) / 2) * motion.zoom
    middle = torch.full_like(focal, 0.5)
    intrinsics = torch.stack([focal, focal * width / height, middle, middle], dim=-1)
    return Cameras(motion.quaternions, motion.positions, intrinsics).to(torch.float32)


def _places(x: Tensor, y: Tensor, z: Tensor) -> Float[Tensor, "n 3"]:
    return torch.stack(torch.broadcast_tensors(x, y, z), dim=-1)


def _turned(left: Tensor, up: Tensor) -> Float[Tensor, "n 4"]:
    """Upright orientations that look `left` and then `up` of straight ahead, in radians."""
    none = torch.zeros_like(left)
    yaw = torch.stack([(left / 2).cos(), none, (left / 2).sin(), none], dim=-1)
    pitch = torch.stack([(up / 2).cos(), (up / 2).sin(), none, none], dim=-1)
    return multiply(yaw, pitch)


def _looking_at(positions: Float[Tensor, "n 3"], target: Float[Tensor, "*n 3"]) -> Float[Tensor, "n 4"]:
    """Upright orientations at `positions` whose view goes through `target`."""
    back = torch.nn.functional.normalize(positions - target, dim=-1)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=back.dtype).expand_as(back)
    right = torch.nn.functional.normalize(torch.linalg.cross(up, back), dim=-1)
    return quaternion_from_matrix(torch.stack([right, torch.linalg.cross(back, right), back], dim=-1))


def _subject(ahead: Tensor) -> Float[Tensor, "n 3"]:
    """The point `SUBJECT_DISTANCE` in front of a camera that has gone `ahead` along -z."""
    none = torch.zeros_like(ahead)
    return _places(none, none, -ahead - SUBJECT_DISTANCE)


def _straight(x: float, y: float, z: float) -> Callable[[float, Progress], Motion]:
    """Travel along a direction, looking ahead."""

    def move(amount: float, s: Progress) -> Motion:
        way = amount * s
        still = torch.zeros_like(s)
        return Motion(_places(x * way, y * way, z * way), _turned(still, still), torch.ones_like(s))

    return move


def _turn(left: float, up: float) -> Callable[[float, Progress], Motion]:
    """Turn on the spot."""

    def move(amount: float, s: Progress) -> Motion:
        angle = math.radians(amount) * s
        still = torch.zeros_like(s)
        return Motion(_places(still, still, still), _turned(left * angle, up * angle), torch.ones_like(s))

    return move


def _orbit(right: float) -> Callable[[float, Progress], Motion]:
    """Walk on a circle around the subject, which stays in the middle of the picture."""

    def move(amount: float, s: Progress) -> Motion:
        angle = right * math.radians(amount) * s
        still = torch.zeros_like(s)
        around = SUBJECT_DISTANCE * _places(angle.sin(), still, angle.cos() - 1)
        return Motion(around, _turned(angle, still), torch.ones_like(s))

    return move


def _crane(up: float) -> Callable[[float, Progress], Motion]:
    """Rise or sink while the subject stays in the middle of the picture."""

    def move(amount: float, s: Progress) -> Motion:
        still = torch.zeros_like(s)
        positions = _places(still, up * amount * s, still)
        return Motion(positions, _looking_at(positions, _subject(still)), torch.ones_like(s))

    return move


def _spiral(amount: float, s: Progress) -> Motion:
    """Two windings that open and close again around the way ahead."""
    radius, angle = amount / 4 * (math.pi * s).sin(), 4 * math.pi * s
    positions = _places(radius * angle.sin(), radius * (1 - angle.cos()), -amount * s)
    return Motion(positions, _looking_at(positions, _subject(amount * s)), torch.ones_like(s))


def _dolly_zoom(amount: float, s: Progress) -> Motion:
    """The size of the subject is focal length / distance: both grow alike."""
    still = torch.zeros_like(s)
    zoom = 1 + amount * s / SUBJECT_DISTANCE
    return Motion(_places(still, still, amount * s), _turned(still, still), zoom)


def _look_around(amount: float, s: Progress) -> Motion:
    """To the left, to the right and back, the glance drawing a flat figure eight."""
    angle, still = math.radians(amount), torch.zeros_like(s)
    glance = _turned(angle * (2 * math.pi * s).sin(), angle / 4 * (4 * math.pi * s).sin())
    return Motion(_places(still, still, still), glance, torch.ones_like(s))


def _figure_eight(amount: float, s: Progress) -> Motion:
    """A lying eight across the line of sight."""
    positions = _places(amount * (2 * math.pi * s).sin(), amount / 2 * (4 * math.pi * s).sin(), torch.zeros_like(s))
    return Motion(positions, _looking_at(positions, _subject(torch.zeros_like(s))), torch.ones_like(s))


TEMPLATES: dict[str, Template] = {
    "forward": Template("travel ahead", "units", 1.0, 0.01, 100.0, _straight(0.0, 0.0, -1.0)),
    "back": Template("travel backwards, looking ahead", "units", 1.0, 0.01, 100.0, _straight(0.0, 0.0, 1.0)),
    "left": Template("travel to the left, looking ahead", "units", 1.0, 0.01, 100.0, _straight(-1.0, 0.0, 0.0)),
    "right": Template("travel to the right, looking ahead", "units", 1.0, 0.01, 100.0, _straight(1.0, 0.0, 0.0)),
    "orbit-left": Template("walk to the left around the subject", "degrees", 45.0, 1.0, 360.0, _orbit(-1.0)),
    "orbit-right": Template("walk to the right around the subject", "degrees", 45.0, 1.0, 360.0, _orbit(1.0)),
    "crane-up": Template("rise, looking at the subject", "units", 1.0, 0.01, 100.0, _crane(1.0)),
    "crane-down": Template("sink, looking at the subject", "units", 0.5, 0.01, 100.0, _crane(-1.0)),
    "pan-left": Template("turn to the left on the spot", "degrees", 60.0, 1.0, 360.0, _turn(1.0, 0.0)),
    "pan-right": Template("turn to the right on the spot", "degrees", 60.0, 1.0, 360.0, _turn(-1.0, 0.0)),
    "tilt-up": Template("turn upwards on the spot", "degrees", 30.0, 1.0, 90.0, _turn(0.0, 1.0)),
    "tilt-down": Template("turn downwards on the spot", "degrees", 30.0, 1.0, 90.0, _turn(0.0, -1.0)),
    "spiral": Template("travel ahead in two windings", "units", 1.0, 0.01, 100.0, _spiral),
    "dolly-zoom": Template("travel backwards, zooming in on the subject", "units", 1.0, 0.01, 100.0, _dolly_zoom),
    "look-around": Template(
        "look left, right and back on the spot", "degrees to a side", 40.0, 1.0, 180.0, _look_around
    ),
    "figure-eight": Template("sway along a lying eight", "units to a side", 0.4, 0.01, 100.0, _figure_eight),
}
"""Name to template, as written in commands."""
