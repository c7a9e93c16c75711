"""Anchoring: the view that the picture shows takes its colours from the picture's own pixels, at predicted distances.

Not part of the published method. A small autoencoder blurs what it codes and a small model's views do not quite agree;
anchored, the given view stays sharp and no other view's Gaussians float before it. `ModelConfig.anchored` asks for it.
"""

from dataclasses import fields, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.conditioning import PictureAt
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.geometry import quaternion_from_matrix
from flashworld.protocols import GaussianDecoder

ZEROTH_HARMONIC = 0.28209479177387814
OPAQUE = 0.98
SHARES = (0.62, 0.5, 0.3)
"""Standard deviations along a row, along a column and through the surface, as shares of the way to the neighbour in a
row, of that in a column, and of a pixel. Wider ones blur (0.75 and 0.6 cost 1.6 dB of the given view), narrower ones
leave gaps where the picture is magnified."""
STRETCH = 6.0
"""Pixels at a Gaussian's distance that it reaches at most, on surfaces seen from the side."""
BEHIND = 1.12
"""Nearer than this many times the given view's surface, another view's Gaussian shows what that view shows better."""


class AnchoredDecoder:
    """A decoder whose scenes are anchored to their pictures. Implements `protocols.GaussianDecoder`."""

    def __init__(self, decoder: GaussianDecoder, pictures: list[PictureAt | None]):
        self.decoder = decoder
        self.pictures = pictures

    def __call__(
        self,
        features: Float[Tensor, "b f t h w"],
        latents: Float[Tensor, "b z t h w"],
        cameras: Cameras,
        report: Report = ignore,
    ) -> Gaussians:
        """The decoder's scenes, anchored where there is a picture."""
        return anchored_batch(self.decoder(features, latents, cameras, report), cameras, self.pictures)


def decoder_for(decoder: GaussianDecoder, anchor: bool, pictures: list[PictureAt | None]) -> GaussianDecoder:
    """The decoder of a model whose configuration says whether to `anchor` scenes to the pictures that there are."""
    return AnchoredDecoder(decoder, pictures) if anchor else decoder


def anchored_batch(
    scenes: Gaussians,
    cameras: Cameras,
    pictures: list[PictureAt | None],
    constant_distance: float | None = None,
) -> Gaussians:
    """Scenes [b, n] of cameras [b, t], in the order view, point, row, column, anchored where there is a picture.

    The Gaussians of the view `picture.view` become the picture. They keep their distances, unless a constant one is
    given: what anchoring alone is worth. Those of other views turn clear where they would stand before its surface, and
    opaque elsewhere, where nothing else is to be seen.
    """
    views = {picture.view for picture in pictures if picture is not None}
    for view in views:
        chosen = [number for number, picture in enumerate(pictures) if picture is not None and picture.view == view]
        pixels = torch.stack([picture.pixels for picture in pictures if picture is not None and picture.view == view])
        where = torch.tensor(chosen, device=scenes.means.device)
        made = _anchored(scenes[where], cameras[where], view, pixels.to(scenes.means), constant_distance)
        scenes = Gaussians(
            *(getattr(scenes, f.name).index_copy(0, where, getattr(made, f.name)) for f in fields(Gaussians))
        )
    return scenes


def anchored(
    scene: Gaussians, cameras: Cameras, picture: PictureAt, constant_distance: float | None = None
) -> Gaussians:
    """One scene of cameras [t], anchored to its picture."""
    one = Cameras.from_vectors(cameras.vectors()[None])
    return anchored_batch(Gaussians.from_vectors(scene.vectors()[None]), one, [picture], constant_distance)[0]


def _anchored(
    scenes: Gaussians, cameras: Cameras, view: int, pixels: Float[Tensor, "b 3 H W"], constant_distance: float | None
) -> Gaussians:
    """Scenes whose view number `view` is the picture."""
    camera = Cameras.from_vectors(cameras.vectors()[:, view])
    num = len(scenes) // cameras.positions.shape[1]
    own = slice(view * num, (view + 1) * num)
    h, w = pixels.shape[-2] // 2, pixels.shape[-1] // 2
    distance = (scenes.means[:, own] - camera.positions[:, None]).norm(dim=-1)
    distance = rearrange(distance, "b (p h w) -> b h (w p)", p=2, h=h, w=w)
    if constant_distance is not None:
        distance = torch.full_like(distance, constant_distance)
    clear = stands_before(scenes.means, camera, BEHIND * distance)
    opacities = OPAQUE * (~clear).to(scenes.opacities)
    others = replace(scenes, opacities=opacities)
    cells = _cells(camera, pixels, distance, scenes.harmonics.shape[-2])
    return Gaussians(
        *(
            torch.cat([values[:, : own.start], cell, values[:, own.stop :]], dim=1)
            for values, cell in ((getattr(others, f.name), getattr(cells, f.name)) for f in fields(Gaussians))
        )
    )


def _cells(
    camera: Cameras, pixels: Float[Tensor, "b 3 H W"], distance: Float[Tensor, "b h w2"], num_harmonics: int
) -> Gaussians:
    """Pictures as Gaussians on surfaces, each a cell of two pixels, one above the other."""
    height, width = distance.shape[-2:]
    origins, directions = cast_rays(camera, height, width)
    means = origins + distance[..., None] * directions
    pixel = distance / (camera.intrinsics[:, None, None, 0] * pixels.shape[-1])
    # In training, how Gaussians lie follows from where they are, and teaches nothing about it.
    rotations, scales = _lying_on(means.detach(), pixel.detach())
    colours = rearrange(pixels, "b c (h row) w -> b h w c row", row=2).mean(-1) / 2
    harmonics = torch.zeros(*distance.shape, num_harmonics, 3).to(distance)
    harmonics[..., 0, :] = colours / ZEROTH_HARMONIC
    parts = means, quaternion_from_matrix(rotations), scales, torch.full_like(distance, OPAQUE), harmonics
    return Gaussians(*(rearrange(part, "b h (w p) ... -> b (p h w) ...", p=2) for part in parts))


def _lying_on(
    means: Float[Tensor, "b h w2 3"], pixel: Float[Tensor, "b h w2"]
) -> tuple[Float[Tensor, "b h w2 3 3"], Float[Tensor, "b h w2 3"]]:
    """Rotations and scales with which Gaussians lie on the surface through them and reach their neighbours.

    Across an edge of the surface they do not: the nearer neighbour counts, and only up to `STRETCH`.
    """
    across, down = _to_the_nearer_neighbour(means, dim=2), _to_the_nearer_neighbour(means, dim=1)
    first = torch.nn.functional.normalize(across, dim=-1)
    down = down - (down * first).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(down, dim=-1)
    rotations = torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
    widest = STRETCH * pixel
    lengths = [across.norm(dim=-1).minimum(widest), down.norm(dim=-1).minimum(2 * widest), pixel]
    return rotations, torch.stack([share * length for share, length in zip(SHARES, lengths, strict=True)], dim=-1)


def _to_the_nearer_neighbour(means: Float[Tensor, "b h w2 3"], dim: int) -> Float[Tensor, "b h w2 3"]:
    """The way to the nearer of a Gaussian's two neighbours in a row (dim 2) or column (dim 1), always onwards."""
    steps = means.diff(dim=dim)
    last = steps.shape[dim] - 1
    onwards = torch.cat([steps, steps.narrow(dim, last, 1)], dim=dim)
    back = torch.cat([steps.narrow(dim, 0, 1), steps], dim=dim)
    return torch.where(onwards.norm(dim=-1, keepdim=True) < back.norm(dim=-1, keepdim=True), onwards, back)


def stands_before(
    points: Float[Tensor, "b n 3"], camera: Cameras, surface: Float[Tensor, "b h w"]
) -> Bool[Tensor, "b n"]:
    """Whether cameras [b] see points before a surface, given by its distances on a grid over each picture."""
    right, down, inside = _projected(points, camera)
    h, w = surface.shape[-2:]
    column, row = (right * w).long().clamp(0, w - 1), (down * h).long().clamp(0, h - 1)
    behind = surface.flatten(1).gather(1, row * w + column)
    return inside & ((points - camera.positions[:, None]).norm(dim=-1) < behind)


def _projected(
    points: Float[Tensor, "b n 3"], camera: Cameras
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"], Bool[Tensor, "b n"]]:
    """Where cameras [b] see points, 0 to 1 to the right and down, and whether they do."""
    x, y, z = ((points - camera.positions[:, None]) @ camera.rotations).unbind(-1)
    fx, fy, cx, cy = camera.intrinsics[:, None].unbind(-1)
    ahead = (-z).clamp(min=1e-4)
    right, down = fx * x / ahead + cx, cy - fy * y / ahead
    return right, down, (z < -1e-4) & (right > 0) & (right < 1) & (down > 0) & (down < 1)
