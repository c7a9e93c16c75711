"""What a path asks too much of: told before any time is spent on it.

Views of one scene have to agree, so each must share sight with its neighbours, and with the picture if there is one.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.normalisation import normalise

MAX_TURN = 0.5
"""Turn between neighbouring frames, as a share of the narrower field of view: beyond it they share less than half."""
MAX_STEP = 0.5
"""Step between neighbouring frames in the model's world, where the whole path reaches one unit far."""
JUMP = 4.0
"""A step this many times as long as the usual one (the median) is a jump."""
DEPTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Where something may be seen, in units of the model's world."""
GRID = 7
"""Points across the picture at each depth."""


@dataclass(frozen=True)
class PathWarning:
    """Something about a path that will likely spoil the scene. `frames` are those concerned, counted from 0."""

    kind: str
    frames: tuple[int, ...]
    message: str


def judge(path: Cameras, picture_frame: int) -> list[PathWarning]:
    """Warnings for a path [n] with one camera a frame, whose picture is at `picture_frame`; none if all is well."""
    if len(path) == 1:
        return []
    normalised = normalise(Cameras.from_vectors(path.vectors()[None]))[0]
    cameras = Cameras(normalised.quaternions[0], normalised.positions[0], path.intrinsics).to(torch.float64)
    steps = (cameras.positions[1:] - cameras.positions[:-1]).norm(dim=-1)
    turns = _angles(cameras.quaternions[1:], cameras.quaternions[:-1])
    allowed_turn = MAX_TURN * _narrow_fov(cameras)[1:]
    usual = steps.median()
    jumps = (steps > JUMP * usual) & (steps > MAX_STEP) & (len(steps) > 2)
    far = (steps > MAX_STEP) & ~jumps & (len(steps) > 1 / MAX_STEP)
    found = [
        _warning("rotation", turns > allowed_turn, 1, "the view turns by more than half of what it shows"),
        _warning("translation", far, 1, "the camera moves further than half of the whole path's reach"),
        _warning("jump", jumps, 1, f"the camera jumps over {JUMP:g} times as far as between the other frames"),
        _warning("overlap", ~_overlapping(cameras, picture_frame), 0, "nothing of what the picture shows is seen"),
    ]
    return [warning for warning in found if warning is not None]


def _warning(kind: str, bad: Bool[Tensor, " m"], first: int, what: str) -> PathWarning | None:
    frames = tuple((bad.nonzero().flatten() + first).tolist())
    if not frames:
        return None
    remedy = {
        "rotation": "Turn less, or use more frames.",
        "translation": "Go less far, or use more frames.",
        "jump": "Put cameras in between.",
        "overlap": "Bring the path nearer to the picture's view, or make another frame the picture's.",
    }[kind]
    return PathWarning(kind, frames, f"At {_listed(frames)} {what}. {remedy}")


def _listed(frames: tuple[int, ...]) -> str:
    """Frames as a person counts them, from 1; neighbours as a range."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    words = [f"{a + 1}" if a == b else f"{a + 1} to {b + 1}" for a, b in runs[:6]]
    more = " and others" if len(runs) > 6 else ""
    return f"frame{'s' if len(frames) > 1 else ''} {', '.join(words)}{more}"


def _angles(a: Float[Tensor, "n 4"], b: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
    """Angle of the rotation between orientations, in radians."""
    cosine = (a * b).sum(-1).abs() / (a.norm(dim=-1) * b.norm(dim=-1))
    return 2 * torch.arccos(cosine.clamp(max=1.0))


def _narrow_fov(cameras: Cameras) -> Float[Tensor, " n"]:
    """The smaller of horizontal and vertical field of view, in radians."""
    return 2 * torch.arctan(0.5 / cameras.intrinsics[:, :2]).amin(dim=-1).clamp(max=math.pi)


def _overlapping(cameras: Cameras, picture_frame: int) -> Bool[Tensor, " n"]:
    """Which views see any of the points that the picture's view sees at all `DEPTHS`."""
    across = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID
    u, v, depth = torch.meshgrid(across, across, torch.tensor(DEPTHS, dtype=torch.float64), indexing="ij")
    fx, fy, cx, cy = cameras.intrinsics[picture_frame]
    local = torch.stack([(u - cx) / fx * depth, (cy - v) / fy * depth, -depth], dim=-1).reshape(-1, 3)
    world = local @ cameras.rotations[picture_frame].T + cameras.positions[picture_frame]
    seen = torch.einsum("nji,npj->npi", cameras.rotations, world[None] - cameras.positions[:, None])
    ahead = -seen[..., 2]
    place = seen[..., :2] / ahead.clamp(min=1e-9)[..., None] * cameras.intrinsics[:, None, :2]
    u_seen = cameras.intrinsics[:, None, 2] + place[..., 0]
    v_seen = cameras.intrinsics[:, None, 3] - place[..., 1]
    inside = (u_seen > 0) & (u_seen < 1) & (v_seen > 0) & (v_seen < 1) & (ahead > 1e-6)
    return inside.any(dim=-1)
