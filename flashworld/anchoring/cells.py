"""The picture as Gaussians that lie on the surface which predicted distances make of it."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, pad, unfold

from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.geometry import quaternion_from_matrix
from flashworld.geometry.harmonics import HARMONIC_OF_COLOUR

OPAQUE = 0.98
SHARE = 0.45
"""Standard deviation within the surface as a share of the way to the neighbour. Wider ones blur (0.55 costs 0.9 dB of
the given view at its own size); the gaps that narrower ones leave where the picture is magnified show as a grid."""
LINING_SHARE = 0.55
"""The same of the lining, behind those gaps."""
LINING_DISTANCE = 1.03
"""Of the lining, as a multiple of the surface's."""
ALIKE = 1.1
"""Pixels whose distances differ by no more than so many times show one thing."""
THICKNESS = 0.3
"""Standard deviation through the surface, in pixels at the Gaussian's distance."""
STRETCH = 3.0
"""Pixels at a Gaussian's distance that lie between it and its neighbour at most, on surfaces seen from the side."""


def picture_cells(
    camera: Cameras, pixels: Float[Tensor, "b 3 H W"], distance: Float[Tensor, "b h w"], num_harmonics: int
) -> Gaussians:
    """Pictures as Gaussians on surfaces, one for each pixel, row by row.

    A distance is that of two pixels, one above the other (H = 2 h, W = w): these lie on the way to the next distance in
    the column, a quarter of it up and down.
    """
    height, width = distance.shape[-2:]
    origins, directions = cast_rays(camera, height, width)
    means = origins + distance[..., None] * directions
    pixel = distance / (camera.intrinsics[:, None, None, 0] * pixels.shape[-1])
    # In training, how Gaussians lie follows from where they are, and teaches nothing about it.
    across, down = _neighbours(means.detach(), pixel.detach())
    rotations, scales = _lying_on(across, down, pixel.detach())
    harmonics = plain_harmonics(pixels, num_harmonics)
    parts = (
        rearrange(torch.stack([means - down / 4, means + down / 4], dim=2), "b h row w c -> b (h row) w c"),
        quaternion_from_matrix(rotations).repeat_interleave(2, dim=1),
        scales.repeat_interleave(2, dim=1),
        torch.full_like(harmonics[..., 0, 0], OPAQUE),
        harmonics,
    )
    return Gaussians(*(part.flatten(1, 2) for part in parts))


def lining(
    camera: Cameras, pixels: Float[Tensor, "b 3 H W"], distance: Float[Tensor, "b h w"], cells: Gaussians
) -> Gaussians:
    """As many Gaussians once more as the pictures' `cells`, just behind the corners of four pixels each.

    There light comes through between the cells, and where the picture is magnified that would show as a grid, in the
    colour of whatever is far behind. At an outline the lining is of the farther side, which goes on behind the nearer.
    """
    own = distance.repeat_interleave(2, dim=1).clamp(min=1e-6)
    around = _corners(own)
    farthest = around.amax(dim=-1)
    shows = (ALIKE * around >= farthest[..., None]).to(pixels)
    colours = (_corners(pixels) * shows[:, None]).sum(dim=-1) / shows[:, None].sum(dim=-1)
    origins, directions = cast_rays(camera, farthest.shape[-2], farthest.shape[-1])
    towards = normalize(_corners(directions.movedim(-1, 1)).mean(dim=-1).movedim(1, -1), dim=-1)
    means = origins + LINING_DISTANCE * farthest[..., None] * towards
    # Of what the cells are, but wider, and as much larger as it is farther away.
    larger = LINING_SHARE / SHARE * LINING_DISTANCE * (farthest / own).detach()
    return Gaussians(
        means=means.flatten(1, 2),
        quaternions=cells.quaternions,
        scales=larger.flatten(1)[..., None] * cells.scales,
        opacities=cells.opacities,
        harmonics=plain_harmonics(colours, cells.harmonics.shape[-2]).flatten(1, 2),
    )


def _corners(values: Float[Tensor, "*b H W"]) -> Float[Tensor, "*b H W 4"]:
    """For each pixel the values of those around its lower right corner; the border's go on."""
    padded = torch.cat([values, values[..., -1:, :]], dim=-2)
    padded = torch.cat([padded, padded[..., -1:]], dim=-1)
    return torch.stack([padded[..., :-1, :-1], padded[..., :-1, 1:], padded[..., 1:, :-1], padded[..., 1:, 1:]], dim=-1)


def without_specks(distance: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Distances of which single ones that stand out are a neighbour's: medians of 3 x 3."""
    around = unfold(pad(distance[:, None], (1, 1, 1, 1), mode="replicate"), kernel_size=3)
    return around.median(dim=1).values.view(distance.shape)


def plain_harmonics(pixels: Float[Tensor, "b 3 H W"], num: int) -> Float[Tensor, "b H W k 3"]:
    """Harmonics of pixels that look alike from everywhere."""
    constant = HARMONIC_OF_COLOUR * rearrange(pixels, "b c h w -> b h w 1 c")
    return pad(constant, (0, 0, 0, num - 1))


def _neighbours(
    means: Float[Tensor, "b h w 3"], pixel: Float[Tensor, "b h w"]
) -> tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w 3"]]:
    """The ways to the neighbours in row and column. Beyond `STRETCH` for each pixel between them there is an edge."""
    across, down = _to_the_nearer_neighbour(means, dim=2), _to_the_nearer_neighbour(means, dim=1)
    widest = (STRETCH * pixel)[..., None]
    return _at_most(across, widest), _at_most(down, 2 * widest)


def _at_most(way: Float[Tensor, "b h w 3"], length: Float[Tensor, "b h w 1"]) -> Float[Tensor, "b h w 3"]:
    return way * (length / way.norm(dim=-1, keepdim=True).clamp(min=1e-12)).clamp(max=1)


def _lying_on(
    across: Float[Tensor, "b h w 3"], down: Float[Tensor, "b h w 3"], pixel: Float[Tensor, "b h w"]
) -> tuple[Float[Tensor, "b h w 3 3"], Float[Tensor, "b h w 3"]]:
    """Rotations and scales of Gaussians that lie in the plane of the ways to their neighbours, two of them in a column.

    The first axis leads along the row, the second is what of the way down the column is square to it.
    """
    first = normalize(across, dim=-1)
    square = down - (down * first).sum(-1, keepdim=True) * first
    second = normalize(square, dim=-1)
    rotations = torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
    scales = [SHARE * across.norm(dim=-1), SHARE / 2 * square.norm(dim=-1), THICKNESS * pixel]
    return rotations, torch.stack(scales, dim=-1)


def _to_the_nearer_neighbour(means: Float[Tensor, "b h w 3"], dim: int) -> Float[Tensor, "b h w 3"]:
    """The way to the nearer of a Gaussian's two neighbours in a row (dim 2) or column (dim 1), always onwards."""
    steps = means.diff(dim=dim)
    last = steps.shape[dim] - 1
    onwards = torch.cat([steps, steps.narrow(dim, last, 1)], dim=dim)
    back = torch.cat([steps.narrow(dim, 0, 1), steps], dim=dim)
    return torch.where(onwards.norm(dim=-1, keepdim=True) < back.norm(dim=-1, keepdim=True), onwards, back)
