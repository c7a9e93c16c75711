"""Whole scenes, anchored to their pictures."""

from dataclasses import replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.anchoring.beyond import backdrop, carried_on, coarse
from flashworld.anchoring.cells import OPAQUE, lining, picture_cells, without_specks
from flashworld.anchoring.edges import with_edges
from flashworld.anchoring.sight import stands_before
from flashworld.cameras import Cameras
from flashworld.conditioning import PictureAt
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.protocols import GaussianDecoder
from flashworld.rendering import FAR

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

    The Gaussians of the view `picture.view` become the picture. They keep their distances but at specks and outlines,
    unless a constant one is given: what anchoring alone is worth. Those of other views turn clear where they would
    stand before its surface, and opaque elsewhere, where nothing else is to be seen; close to the picture's border they
    go on with its colours. The surface's lining and a backdrop come last. Where any scene of a batch has a picture, one
    without is filled up by clear Gaussians.
    """
    views = {picture.view for picture in pictures if picture is not None}
    vectors = None
    for view in views:
        chosen = [number for number, picture in enumerate(pictures) if picture is not None and picture.view == view]
        pixels = torch.stack([picture.pixels for picture in pictures if picture is not None and picture.view == view])
        where = torch.tensor(chosen, device=scenes.means.device)
        made = _anchored(scenes[where], cameras[where], view, pixels.to(scenes.means), constant_distance).vectors()
        if vectors is None:
            vectors = _with_room(scenes, made.shape[1]).vectors()
        vectors = vectors.index_copy(0, where, made)
    return scenes if vectors is None else Gaussians.from_vectors(vectors)


def anchored(
    scene: Gaussians, cameras: Cameras, picture: PictureAt, constant_distance: float | None = None
) -> Gaussians:
    """One scene of cameras [t], anchored to its picture."""
    one = Cameras.from_vectors(cameras.vectors()[None])
    return anchored_batch(Gaussians.from_vectors(scene.vectors()[None]), one, [picture], constant_distance)[0]


def _with_room(scenes: Gaussians, num: int) -> Gaussians:
    """Scenes filled up to `num` Gaussians each by clear ones."""
    filling = scenes.vectors()[:, :1].expand(-1, num - len(scenes), -1)
    filled = Gaussians.from_vectors(torch.cat([scenes.vectors(), filling], dim=1))
    return replace(filled, opacities=torch.cat([scenes.opacities, torch.zeros_like(filling[..., 0])], dim=1))


def _anchored(
    scenes: Gaussians, cameras: Cameras, view: int, pixels: Float[Tensor, "b 3 H W"], constant_distance: float | None
) -> Gaussians:
    """Scenes whose view number `view` is the picture."""
    camera = Cameras.from_vectors(cameras.vectors()[:, view])
    num, num_harmonics = len(scenes) // cameras.positions.shape[1], scenes.harmonics.shape[-2]
    own = slice(view * num, (view + 1) * num)
    h, w = pixels.shape[-2] // 2, pixels.shape[-1] // 2
    distance = (scenes.means[:, own] - camera.positions[:, None]).norm(dim=-1)
    distance = rearrange(distance, "b (p h w) -> b h (w p)", p=2, h=h, w=w)
    if constant_distance is None:
        distance = with_edges(without_specks(distance))
    else:
        distance = torch.full_like(distance, constant_distance)
    border = coarse(pixels)
    clear = stands_before(scenes.means, camera, BEHIND * distance)
    imagined = replace(
        scenes,
        opacities=OPAQUE * (~clear).to(scenes.opacities),
        harmonics=carried_on(scenes.harmonics, scenes.means, camera, border),
    ).vectors()
    cells = picture_cells(camera, pixels, distance, num_harmonics)
    lined = lining(camera, pixels, distance, cells)
    farthest = torch.maximum(_farthest(scenes, camera), distance.detach().flatten(1).amax(dim=1))
    behind = backdrop(camera, border, farthest.clamp(max=FAR / 2), num_harmonics).vectors()
    parts = [imagined[:, : own.start], cells.vectors(), imagined[:, own.stop :], lined.vectors(), behind]
    return Gaussians.from_vectors(torch.cat(parts, dim=1))


def _farthest(scenes: Gaussians, camera: Cameras) -> Float[Tensor, " b"]:
    """Largest distance of Gaussians from cameras [b]."""
    return (scenes.means.detach() - camera.positions[:, None]).norm(dim=-1).nan_to_num(0, 0, 0).amax(dim=1)
