"""What Gaussians should be where the truth is known: each a cell of its view's picture, upon the surface seen there.

No picture is rendered for these losses, so they cost next to nothing, and they teach every Gaussian of every view.
A cell is two pixels, one above the other: point p of a half-resolution pixel stands for its column p. Where no distance
is known (it is 0), nothing is said about distances, nor about what a view hides.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.anchoring import OPAQUE
from flashworld.anchoring.sight import stands_before
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.geometry.harmonics import CONSTANT_HARMONIC
from flashworld.training.scenes import SceneBatch
from flashworld.training.worlds import SKY_DISTANCE

FARTHEST = 16.0
"""Distances beyond, and the sky, are taught as this one: parallax hardly tells them apart, a logarithm would."""
SKY_WEIGHT = 0.2
"""Of a pixel of sky among distances: errors at its border with surfaces are then borne by the sky."""
CELL_SIZE = 0.7
"""Standard deviation of a Gaussian in pixels. Narrower ones leave gaps, wider ones blur: true colours at true distances
render the first view at 27.8 dB with this, at 26.9 dB with 0.5."""
HIDDEN_BEYOND = 1.05
"""A point is hidden if it is this many times as far as what the first view sees in its direction. Distances are true
here; `flashworld.anchoring`, which goes by predicted ones, allows for more."""


def distances(scenes: Gaussians, batch: SceneBatch) -> Float[Tensor, "b v h p w"]:
    """How far each Gaussian of each view is from its camera; w p is the picture's column at full resolution."""
    means = rearrange(scenes.means, "b (v p h w) c -> b v h w p c", **_grid(batch))
    origins = rearrange(batch.cameras.positions, "b v c -> b v 1 1 1 c")
    return (means - origins).norm(dim=-1)


def distance_loss(found: Float[Tensor, "b v h w p"], truth: Float[Tensor, "b v H W"]) -> Float[Tensor, ""]:
    """Weighted mean difference of logarithms. For a cell across an edge, anything between its two pixels is best."""
    pixels = rearrange(truth, "b v (h row) (w p) -> b v h w p row", row=2, p=2)
    weight = torch.where(pixels < SKY_DISTANCE, 1.0, SKY_WEIGHT) * (pixels > 0)
    apart = found.clamp(min=1e-3).log()[..., None] - pixels.clamp(min=1e-3, max=FARTHEST).log()
    return (weight * apart.abs()).sum() / weight.sum().clamp(min=1)


def picture_of_distances(found: Float[Tensor, "b v h w p"]) -> Float[Tensor, "b v H W"]:
    """Each Gaussian's distance at the pixels for which it stands."""
    return rearrange(found, "b v h w p -> b v h (w p)").repeat_interleave(2, dim=-2)


def colour_loss(scenes: Gaussians, batch: SceneBatch) -> Float[Tensor, ""]:
    """Mean difference of the Gaussians' constant colours from the mean colours of their cells."""
    cells = rearrange(batch.rgb, "b v c (h row) (w p) -> b (v p h w) c row", row=2, p=2).mean(-1)
    return (0.5 + CONSTANT_HARMONIC * scenes.harmonics[:, :, 0] - cells).abs().mean()


def size_loss(scenes: Gaussians, batch: SceneBatch) -> Float[Tensor, ""]:
    """Mean difference of the logarithms of standard deviations from `CELL_SIZE` pixels at the Gaussian's distance."""
    sizes = rearrange(scenes.scales, "b (v p h w) c -> b v h w p c", **_grid(batch))
    pixel = 1 / (batch.cameras.intrinsics[..., 0] * batch.rgb.shape[-1])
    wanted = CELL_SIZE * pixel[:, :, None, None, None] * distances(scenes, batch).detach()
    return (sizes.log() - wanted.clamp(min=1e-6).log()[..., None]).abs().mean()


def opacity_loss(scenes: Gaussians, seen: SceneBatch) -> Float[Tensor, ""]:
    """Mean difference of opacities from what they should be: opaque, but clear where the first view sees already.

    Views lie upon each other; without this their average is fog.
    """
    first = torch.ones_like(seen.distance[:, :1])
    target = OPAQUE * torch.cat([first, 1 - seen_first(seen)[:, 1:]], dim=1)
    known = torch.cat([first, (seen.distance[:, 1:] > 0).float()], dim=1)
    cells, weight = (
        rearrange(values, "b v (h row) (w p) -> b (v p h w) row", row=2, p=2).mean(-1) for values in (target, known)
    )
    return (weight * (scenes.opacities - cells).abs()).sum() / weight.sum()


@torch.no_grad()
def seen_first(seen: SceneBatch) -> Float[Tensor, "b v H W"]:
    """1 where what a pixel shows is seen by the first view too, else 0. Follows from true distances."""
    height, width = seen.distance.shape[-2:]
    origins, directions = cast_rays(seen.cameras, height, width)
    points = origins + seen.distance[..., None] * directions
    first = Cameras.from_vectors(seen.cameras.vectors()[:, 0])
    near = stands_before(points.flatten(1, 3), first, HIDDEN_BEYOND * seen.distance[:, 0])
    return near.view_as(seen.distance).float()


def _grid(batch: SceneBatch) -> dict[str, int]:
    """Lengths of the axes into which the Gaussians of a scene are divided."""
    height, width = batch.rgb.shape[-2:]
    return {"v": batch.rgb.shape[1], "p": 2, "h": height // 2, "w": width // 2}
