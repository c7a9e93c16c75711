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
SHARES = (0.55, 0.45, 0.3)
"""Standard deviations along a row, along a column and through the surface, as shares of the way to the neighbour in a
row, of that in a column, and of a pixel. Wider ones blur, narrower ones leave gaps where the picture is magnified."""
STRETCH = 4.0
"""Pixels at a Gaussian's distance that it reaches at most, on surfaces seen from the side."""
BEHIND = 1.12
"""Nearer than this many times the given view's surface, another view's Gaussian shows what that view shows better."""
CONTINUED = 0.5
"""Share of the picture's nearest border in the colours of what lies beside it."""


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


def anchored_batch(scenes: Gaussians, cameras: Cameras, pictures: list[PictureAt | None]) -> Gaussians:
    """Scenes [b, n] of cameras [b, t], anchored where there is a picture."""
    each = [
        scenes[index] if picture is None else anchored(scenes[index], cameras[index], picture)
        for index, picture in enumerate(pictures)
    ]
    return Gaussians(*(torch.stack([getattr(scene, f.name) for scene in each]) for f in fields(Gaussians)))


def anchored(
    scene: Gaussians, cameras: Cameras, picture: PictureAt, constant_distance: float | None = None
) -> Gaussians:
    """A scene of views [t], in the order view, point, row, column, whose view `picture.view` is the picture itself.

    Its Gaussians keep their distances, unless a constant one is given: what anchoring alone is worth. Those of other
    views turn clear where they would stand before its surface, and opaque elsewhere, where nothing else is to be seen.
    Beside the picture they take half of their colours from its border: what a small model says of places that it is not
    shown is a guess, and so is the border, but the mean of two guesses is better than either.
    """
    camera = cameras[picture.view : picture.view + 1]
    num = len(scene) // len(cameras)
    own = torch.arange(len(scene), device=scene.means.device) // num == picture.view
    h, w = picture.pixels.shape[-2] // 2, picture.pixels.shape[-1] // 2
    distance = rearrange((scene.means[own] - camera.positions).norm(dim=-1), "(p h w) -> h (w p)", p=2, h=h, w=w)
    if constant_distance is not None:
        distance = torch.full_like(distance, constant_distance)
    clear = ~own & stands_before(scene.means, camera, BEHIND * distance)
    opacities = torch.where(clear, 0.0, torch.full_like(scene.opacities, OPAQUE))
    pixels = picture.pixels.to(distance)
    harmonics = _continued(scene, camera, pixels)
    return _with(replace(scene, opacities=opacities, harmonics=harmonics), own, camera, pixels, distance)


def _with(
    scene: Gaussians, own: Bool[Tensor, " n"], camera: Cameras, pixels: Tensor, distance: Float[Tensor, "h w2"]
) -> Gaussians:
    """The scene with the `own` Gaussians as cells of the picture: two pixels, one above the other."""
    origins, directions = cast_rays(camera, distance.shape[0], distance.shape[1])
    means = (origins + distance[..., None] * directions)[0]
    pixel = distance / (camera.intrinsics[0, 0] * pixels.shape[-1])
    # In training, how Gaussians lie follows from where they are, and teaches nothing about it.
    rotations, scales = _lying_on(means.detach(), pixel.detach())
    colours = rearrange(pixels, "c (h row) w -> h w c row", row=2).mean(-1) / 2

    def put(values: Float[Tensor, "n *c"], cells: Float[Tensor, "h w2 *c"]) -> Float[Tensor, "n *c"]:
        values = values.clone()
        values[own] = rearrange(cells, "h (w p) ... -> (p h w) ...", p=2)
        return values

    harmonics = torch.zeros(*distance.shape, *scene.harmonics.shape[1:]).to(distance)
    harmonics[:, :, 0] = colours / ZEROTH_HARMONIC
    return replace(
        scene,
        means=put(scene.means, means),
        quaternions=put(scene.quaternions, quaternion_from_matrix(rotations)),
        scales=put(scene.scales, scales),
        harmonics=put(scene.harmonics, harmonics),
    )


def _lying_on(
    means: Float[Tensor, "h w2 3"], pixel: Float[Tensor, "h w2"]
) -> tuple[Float[Tensor, "h w2 3 3"], Float[Tensor, "h w2 3"]]:
    """Rotations and scales with which Gaussians lie on the surface through them and reach their neighbours.

    Across an edge of the surface they do not: the nearer neighbour counts, and only up to `STRETCH`.
    """
    across, down = _to_the_nearer_neighbour(means, dim=1), _to_the_nearer_neighbour(means, dim=0)
    first = torch.nn.functional.normalize(across, dim=-1)
    down = down - (down * first).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(down, dim=-1)
    rotations = torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
    widest = STRETCH * pixel
    lengths = [across.norm(dim=-1).minimum(widest), down.norm(dim=-1).minimum(2 * widest), pixel]
    return rotations, torch.stack([share * length for share, length in zip(SHARES, lengths, strict=True)], dim=-1)


def _to_the_nearer_neighbour(means: Float[Tensor, "h w2 3"], dim: int) -> Float[Tensor, "h w2 3"]:
    """The way to the nearer of a Gaussian's two neighbours in a row (dim 1) or column (dim 0), always onwards."""
    steps = means.diff(dim=dim)
    last = steps.shape[dim] - 1
    onwards = torch.cat([steps, steps.narrow(dim, last, 1)], dim=dim)
    back = torch.cat([steps.narrow(dim, 0, 1), steps], dim=dim)
    return torch.where(onwards.norm(dim=-1, keepdim=True) < back.norm(dim=-1, keepdim=True), onwards, back)


def _continued(scene: Gaussians, camera: Cameras, pixels: Float[Tensor, "3 height width"]) -> Float[Tensor, "n k 3"]:
    """Colours of the scene, those beside what a camera sees drawn to the nearest pixel of its border."""
    right, down, inside = _projected(scene.means.detach(), camera)
    places = torch.stack([2 * right - 1, 2 * down - 1], dim=-1)[None, None]
    nearest = torch.nn.functional.grid_sample(pixels[None], places, padding_mode="border", align_corners=False)
    border = torch.zeros_like(scene.harmonics)
    border[:, 0] = nearest[0, :, 0].mT / 2 / ZEROTH_HARMONIC
    return torch.where(inside[:, None, None], scene.harmonics, scene.harmonics.lerp(border, CONTINUED))


def stands_before(points: Float[Tensor, "n 3"], camera: Cameras, surface: Float[Tensor, "h w"]) -> Bool[Tensor, " n"]:
    """Whether a camera sees points before a surface, given by its distances on a grid over the picture."""
    right, down, inside = _projected(points, camera)
    h, w = surface.shape
    column, row = (right * w).long().clamp(0, w - 1), (down * h).long().clamp(0, h - 1)
    return inside & ((points - camera.positions).norm(dim=-1) < surface[row, column])


def _projected(
    points: Float[Tensor, "n 3"], camera: Cameras
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Where a camera sees points, 0 to 1 to the right and down, and whether it does."""
    x, y, z = ((points - camera.positions) @ camera.rotations[0]).unbind(-1)
    fx, fy, cx, cy = camera.intrinsics[0]
    ahead = (-z).clamp(min=1e-4)
    right, down = fx * x / ahead + cx, cy - fy * y / ahead
    return right, down, (z < -1e-4) & (right > 0) & (right < 1) & (down > 0) & (down < 1)
