"""What can be shown of a world without a model: the picture again, or the picture as a board to walk towards."""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.training.data import SeenWorld


def baselines(seen: SeenWorld, usual_distance: float) -> dict[str, Float[Tensor, "views 3 height width"]]:
    """Pictures of all views by the name of the way they are made, each from the first view alone.

    `billboard` stands at the distance that is usual, `billboard_true_median` at the median of this view's true ones.
    """
    picture = seen.rgb[0].float() / 255
    return {
        "repeat": picture.expand(len(seen.rgb), -1, -1, -1),
        "billboard": billboard(picture, seen.cameras, usual_distance),
        "billboard_true_median": billboard(picture, seen.cameras, float(seen.distance[0].float().median())),
    }


def billboard(
    picture: Float[Tensor, "3 height width"], cameras: Cameras, distance: float
) -> Float[Tensor, "views 3 height width"]:
    """The picture as an endless board `distance` before the first camera, its border's colours going on for ever."""
    height, width = picture.shape[-2:]
    origins, directions = cast_rays(cameras, height, width)
    first = cameras[0]
    start, ahead = ((v - o) @ first.rotations for v, o in ((origins, first.positions), (directions, 0.0)))
    # Rays that never meet the board go on until they are far to its side.
    along = (-distance - start[..., 2]) / ahead[..., 2].clamp(max=-1e-3)
    x, y, _ = (start + along[..., None] * ahead).unbind(-1)
    fx, fy, cx, cy = first.intrinsics.tolist()
    grid = torch.stack([2 * (fx * x / distance + cx) - 1, 2 * (cy - fy * y / distance) - 1], dim=-1)
    source = picture.expand(len(cameras), -1, -1, -1)
    return torch.nn.functional.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)
