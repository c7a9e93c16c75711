"""What the loop is conditioned on: a sentence, a picture at one view, and the cameras."""

from dataclasses import dataclass

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras, ray_map
from flashworld.events import Report, ignore
from flashworld.noise import Noise
from flashworld.protocols import PictureEncoder


@dataclass(frozen=True)
class Conditioning:
    """Inputs that stay the same in every denoising step. `cameras` are normalised, [b, t].

    `latents` are zero except at the frame that the picture shows.
    """

    text: Float[Tensor, "b l d"]
    latents: Float[Tensor, "b z t h w"]
    rays: Float[Tensor, "b 6 t h w"]
    cameras: Cameras


@dataclass(frozen=True)
class PictureAt:
    """A picture (values -1..1, at the model's working size) and the view that it shows, counted from 0."""

    pixels: Float[Tensor, "3 H W"]
    view: int


def condition(
    encoder: PictureEncoder,
    text: Float[Tensor, "b l d"],
    pictures: list[PictureAt | None],
    cameras: Cameras,
    latent_shape: tuple[int, int, int],
    noises: list[Noise],
    report: Report = ignore,
) -> Conditioning:
    """Join what is known of b scenes. `latent_shape` is z, h, w; `pictures` has one entry a scene."""
    num_scenes, num_views = cameras.positions.shape[:2]
    z, h, w = latent_shape
    latents = text.new_zeros(num_scenes, z, num_views, h, w)
    for scene, picture in enumerate(pictures):
        if picture is not None:
            posterior = encoder(picture.pixels[None].to(text.device), report)
            fresh = noises[scene]("image_posterior", tuple(posterior.mean.shape))
            sample = posterior.sample(fresh.to(text.device))
            latents[scene, :, picture.view] = sample[0]
    rays = rearrange(ray_map(cameras, h, w), "b t h w c -> b c t h w")
    return Conditioning(text, latents, rays.to(text), cameras)
