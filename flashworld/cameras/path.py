"""Resampling of a camera path, and its fit to pictures of another aspect."""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.geometry import slerp


def resample(cameras: Cameras, t: Float[Tensor, " m"]) -> Cameras:
    """The path [*batch, n] at the times `t`, [*batch, m]: 0 is its first camera, 1 its last.

    All segments take equally long. Orientations are interpolated spherically along the short way, positions and
    intrinsics linearly. A path of one camera stands still.
    """
    last = cameras.positions.shape[-2] - 1
    place = t.to(cameras.positions).clamp(0, 1) * last
    before = place.floor().long().clamp(max=max(last - 1, 0))
    share = (place - before)[:, None]
    start, end = _at(cameras, before), _at(cameras, (before + 1).clamp(max=last))
    return Cameras(
        quaternions=slerp(start.quaternions, end.quaternions, share[:, 0].expand(start.quaternions.shape[:-1])),
        positions=torch.lerp(start.positions, end.positions, share),
        intrinsics=torch.lerp(start.intrinsics, end.intrinsics, share),
    )


def cropped(cameras: Cameras, sizes: Float[Tensor, "n 2"], target: tuple[int, int]) -> Cameras:
    """The cameras of what remains when pictures of `sizes` (height, width) are cut, centred, to the target's aspect."""
    height, width = sizes.to(cameras.intrinsics).unbind(-1)
    shown = torch.minimum(width, height * target[1] / target[0]), torch.minimum(height, width * target[0] / target[1])
    growth = torch.stack([width / shown[0], height / shown[1]], dim=-1)
    focal, centre = cameras.intrinsics.split(2, dim=-1)
    intrinsics = torch.cat([focal * growth, 0.5 + (centre - 0.5) * growth], dim=-1)
    return Cameras(cameras.quaternions, cameras.positions, intrinsics)


def _at(cameras: Cameras, index: Tensor) -> Cameras:
    return Cameras.from_vectors(cameras.vectors().index_select(-2, index))
