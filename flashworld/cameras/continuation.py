"""A path that begins where another one ends."""

import torch

from flashworld.cameras.cameras import Cameras
from flashworld.geometry import matrix_from_quaternion, multiply


def continued(path: Cameras, start: Cameras) -> Cameras:
    """The path [n], which begins at the origin, upright, as it looks for one who flies it from the camera `start` [1].

    Poses are turned and moved with `start`. Its intrinsics are taken over, the focal lengths growing as they do along
    the path.
    """
    turn = matrix_from_quaternion(start.quaternions)
    positions = start.positions + (turn @ path.positions[..., None]).squeeze(-1)
    quaternions = multiply(start.quaternions.expand_as(path.quaternions), path.quaternions)
    zoom = path.intrinsics[:, :2] / path.intrinsics[:1, :2]
    centre = start.intrinsics[:, 2:].expand(len(path), 2)
    return Cameras(quaternions, positions, torch.cat([start.intrinsics[:, :2] * zoom, centre], dim=-1))
