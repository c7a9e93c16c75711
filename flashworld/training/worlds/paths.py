"""Where cameras stand: the movement of a world, scaled to what its first view shows, clear of everything.

One unit of a world is a fixed share of the median distance that the first view shows, and a movement reaches one unit
less the margin that normalisation adds, so the model's world and this one are the same but for the first camera's
pose. Depth can be learned from a single picture only because of that: the normaliser divides lengths by the reach
of the path, and data has to tie the reach to the picture. Turns on the spot have the same unit.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from flashworld.cameras import Cameras, reach, resample
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.normalisation import MARGIN
from flashworld.cameras.templates import SUBJECT_DISTANCE, TEMPLATES, make_path
from flashworld.geometry import matrix_from_quaternion, multiply, quaternion_from_matrix
from flashworld.training.worlds.cpu_caster import MISS, cast_view, free_room
from flashworld.training.worlds.rooms import Setting
from flashworld.training.worlds.scene import Array, SceneArrays
from flashworld.training.worlds.seeds import Draw
from flashworld.training.worlds.things import turned

SHARE = 0.4
"""Reach of a movement as a share of the first view's median distance."""
LOOK = (24, 32)
"""Rows and columns of the look with which a standpoint is judged."""
CLEARANCE = 0.22
"""Metres that every camera keeps from every surface."""
FEWEST = 2
"""Named things that a first view shows at least."""


@dataclass(frozen=True)
class Movement:
    """A path from the origin, looking along -z, in units of a world; and views beside it, for training alone."""

    template: str
    cameras: Cameras
    """First those of the path, then the others."""


def movement(draw: Draw, template: str, share: float, aspect: float, num_views: int, num_extra: int) -> Movement:
    """The movement of a template, for pictures `aspect` times as wide as high."""
    fov = draw.between(50.0, 78.0)
    easing = draw.one_of(["linear", "linear", "linear", *EASINGS])
    pivot = draw.between(0.75, 1.25)
    amount = _amount(draw, template, SUBJECT_DISTANCE * share / pivot)
    path = make_path(template, amount, num_views, fov, height=1000, width=round(1000 * aspect), easing=easing)
    length = float(reach(path))
    path = replace(path, positions=path.positions * ((1.0 - MARGIN) / length if length > 1e-6 else 0.0))
    times = [draw.between(0, 1) for _ in range(num_extra)]
    others = resample(path, torch.tensor(times)) if num_extra else path[:0]
    return Movement(template, _joined(path, _strayed(draw, others)))


def _amount(draw: Draw, template: str, length: float) -> float:
    """An amount that makes the movement of a template reach `length`; of turns, a random angle."""
    facts = TEMPLATES[template]
    if float(reach(make_path(template, frames=9))) < 1e-6:
        return draw.between(0.35, 0.9) * facts.default
    low, high = facts.smallest, min(facts.largest, 150.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        shorter = float(reach(make_path(template, middle, frames=17))) < length
        low, high = (middle, high) if shorter else (low, middle)
    return low


def _strayed(draw: Draw, cameras: Cameras) -> Cameras:
    """Cameras a little beside their path, turned a little."""
    steps = [[draw.between(-0.12, 0.12) for _ in range(3)] for _ in range(len(cameras))]
    turns = [turned(draw.between(-0.08, 0.08), draw.between(-0.06, 0.06)) for _ in range(len(cameras))]
    if not steps:
        return cameras
    rotations = quaternion_from_matrix(torch.tensor(np.array(turns), dtype=torch.float32))
    return Cameras(
        multiply(cameras.quaternions, rotations), cameras.positions + torch.tensor(steps), cameras.intrinsics
    )


def _joined(first: Cameras, second: Cameras) -> Cameras:
    return Cameras.from_vectors(torch.cat([first.vectors(), second.vectors()]))


@dataclass(frozen=True)
class Standpoint:
    """A first camera in metres, the length of one unit there, and what it sees at the size of `LOOK`."""

    place: Array
    rotation: Array
    unit: float
    distance: Array
    thing: Array


def find_standpoint(
    draw: Draw, scene: SceneArrays, setting: Setting, moves: Movement, share: float
) -> Standpoint | None:
    """A standpoint from which the movement meets nothing and the first view shows something, if some tries find one."""
    intrinsics = moves.cameras.intrinsics[0].numpy()
    for _ in range(60):
        place = np.array([draw.between(a, b) for a, b in zip(setting.low, setting.high, strict=True)])
        target = np.array(
            [draw.between(-1, 1) * setting.target, draw.between(0.2, 1.3), draw.between(-1, 1) * setting.target]
        )
        if free_room(scene, place[None])[0] < 2 * CLEARANCE or np.linalg.norm((target - place)[[0, 2]]) < 1.2:
            continue
        away = target - place
        pitch = math.atan2(away[1], math.hypot(away[0], away[2]))
        rotation = turned(math.atan2(-away[0], -away[2]), pitch)
        _, distance, thing = cast_view(scene, camera_row(place, rotation, intrinsics), *LOOK, colour=False)
        standpoint = _judged(scene, moves, share, Standpoint(place, rotation, 0.0, distance, thing))
        if standpoint is not None:
            return standpoint
    return None


def _judged(scene: SceneArrays, moves: Movement, share: float, look: Standpoint) -> Standpoint | None:
    surface = look.distance[look.distance < MISS]
    if surface.size < 0.45 * look.distance.size:
        return None
    unit = share * float(np.median(surface))
    counts = np.unique(look.thing[look.thing >= 0], return_counts=True)[1]
    if surface.min() < 0.45 * unit or (counts >= 0.01 * look.thing.size).sum() < FEWEST:
        return None
    if not 0.07 < counts.sum() / look.thing.size < 0.8:
        return None
    places = look.place + moves.cameras.positions.double().numpy() @ look.rotation.T * unit
    between = 0.5 * (places[1:] + places[:-1])
    if free_room(scene, np.concatenate([places, between])).min() < max(CLEARANCE, 0.12 * unit):
        return None
    return replace(look, unit=unit)


def camera_row(place: Array, rotation: Array, intrinsics: Array) -> Array:
    """A camera as the casters take it: place 3, rotation by rows 9, intrinsics 4."""
    return np.concatenate([place, np.ravel(rotation), intrinsics]).astype(np.float64)


def in_units(moves: Movement, standpoint: Standpoint) -> Cameras:
    """The movement's cameras in the world, in its units."""
    rotation = torch.from_numpy(standpoint.rotation)
    first = quaternion_from_matrix(rotation)
    positions = moves.cameras.positions.double() @ rotation.mT + torch.from_numpy(standpoint.place) / standpoint.unit
    quaternions = multiply(first.expand(len(moves.cameras), 4), moves.cameras.quaternions.double())
    return Cameras(quaternions, positions, moves.cameras.intrinsics.double()).to(torch.float32)


def camera_rows(cameras: Cameras, unit: float) -> Array:
    """Cameras in units of a world as rows in metres for the casters, [views, 16]."""
    rotations = matrix_from_quaternion(cameras.quaternions.double()).reshape(len(cameras), 9)
    return torch.cat([cameras.positions.double() * unit, rotations, cameras.intrinsics.double()], dim=-1).numpy()
