"""Where a scene's matter is, against where the true surfaces are."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from flashworld.anchoring import stands_before
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.rendering import Rendering, render
from flashworld.training.targets import FARTHEST

CLEARLY_BEFORE = 0.7
"""A Gaussian floats if it is nearer than this share of the surface's distance."""


def rendered_distance(rendering: Rendering, cameras: Cameras) -> Float[Tensor, "views height width"]:
    """Distance along each pixel's ray to where the light comes from, holes aside."""
    _, height, width = rendering.depth.shape
    directions = cast_rays(cameras, height, width)[1]
    z_per_distance = -torch.einsum("vhwi,vi->vhw", directions, cameras.rotations[..., 2])
    return rendering.depth / rendering.alpha.clamp(min=1e-3) / z_per_distance


def floaters(scene: Gaussians, cameras: Cameras, distance: Float[Tensor, "views height width"]) -> float:
    """Share of the pictures that is covered by what floats before the true surfaces, 0 (nothing) to 1 (all of it).

    `distance` is the true one along each pixel's ray. A Gaussian floats before a view if its centre lies in the picture
    and is nearer than `CLEARLY_BEFORE` times the nearest true distance within one pixel of it; the sky, and what is
    farther, counts as `FARTHEST`, as it is taught. The floating ones of a view are rendered by themselves, and the mean
    of their opacity over all pixels and views is the share.
    """
    height, width = distance.shape[-2:]
    nearest = -max_pool2d(-distance.clamp(max=FARTHEST), kernel_size=3, stride=1, padding=1)
    covered = []
    for view in range(len(cameras)):
        camera = cameras[view : view + 1]
        (before,) = stands_before(scene.means[None], camera, CLEARLY_BEFORE * nearest[view : view + 1])
        floating = scene[before]
        covered.append(render(floating, camera, height, width).alpha.mean())
    return torch.stack(covered).mean().item()
