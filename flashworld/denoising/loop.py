"""The loop that turns noise into a scene. Read `denoise`; it is the method.

Every step ends with a complete scene. All but the last step render it, encode the pictures again and thereby force the
views to agree with one 3D world (FlashWorld, arXiv 2510.13678, section 3).

Letters as in `flashworld.protocols`: b scenes, t views, z latent and f feature channels, h w latent grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.clock import StageClock
from flashworld.conditioning import Conditioning
from flashworld.denoising.schedule import Schedule, add_noise
from flashworld.events import Progress, Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.noise import Noise, draw_for_all
from flashworld.protocols import Denoiser, GaussianDecoder, PictureEncoder
from flashworld.rendering import render

PIXELS_PER_LATENT = 16


@dataclass(frozen=True)
class DenoiseStep:
    """What one step found. `gaussians` is a whole scene in the normalised world of the conditioning's cameras.

    `pictures` (values -1..1) and `encoded` are the scene's views and their latents, the next step's starting point; the
    last step has none. `seconds` are times by stage.
    """

    index: int
    num_steps: int
    inputs: Float[Tensor, "b c t h w"]
    velocity: Float[Tensor, "b z t h w"]
    features: Float[Tensor, "b f t h w"]
    latents: Float[Tensor, "b z t h w"]
    gaussians: Gaussians
    pictures: Float[Tensor, "b t 3 H W"] | None
    encoded: Float[Tensor, "b z t h w"] | None
    seconds: dict[str, float]


@torch.no_grad()
def denoise(
    denoiser: Denoiser,
    decoder: GaussianDecoder,
    encoder: PictureEncoder,
    conditioning: Conditioning,
    schedule: Schedule,
    noises: list[Noise],
    *,
    feature_channels: int,
    rasteriser: str = "auto",
    views_at_once: int | None = None,
    report: Report = ignore,
) -> Iterator[DenoiseStep]:
    """Yield each step's result; the last one holds the finished scenes. Closing the iterator stops the work.

    A report that raises `flashworld.errors.Cancelled` stops it in the middle of a step. Views are rendered
    `views_at_once`, all of a scene by default. On CUDA the host waits for the device only between two steps.
    """
    device = conditioning.latents.device
    feedback = conditioning.latents.new_zeros(_feedback_shape(conditioning, feature_channels))
    scene_shape = tuple(conditioning.latents.shape[1:])
    noisy = draw_for_all(noises, "initial", scene_shape, device)
    for index, (timestep, sigma) in enumerate(zip(schedule.timesteps, schedule.sigmas, strict=True)):
        clock = StageClock(device)
        last = index == len(schedule) - 1
        inputs = torch.cat([noisy, conditioning.rays, conditioning.latents, feedback], dim=1)
        velocity, features = denoiser(
            inputs, torch.full((len(inputs),), timestep, device=device), conditioning.text, _at_step(report, index)
        )
        latents = noisy - sigma * velocity
        clock.lap("denoise")
        gaussians = decoder(features, latents, conditioning.cameras, _at_step(report, index))
        clock.lap("decode")
        pictures = encoded = None
        if not last:
            pictures = _render_views(gaussians, conditioning, rasteriser, views_at_once, _at_step(report, index))
            clock.lap("render")
            encoded = _encode_views(encoder, pictures, noises, index, _at_step(report, index))
            clock.lap("encode")
            feedback = torch.cat([features, encoded], dim=1)
            fresh = draw_for_all(noises, f"renoise{index}", scene_shape, device)
            noisy = add_noise(encoded, fresh, schedule.sigmas[index + 1])
        yield DenoiseStep(
            index, len(schedule), inputs, velocity, features, latents, gaussians, pictures, encoded, clock.seconds()
        )


def _at_step(report: Report, step: int) -> Report:
    def forward(progress: Progress) -> None:
        report(Progress(progress.stage, progress.done, progress.total, step))

    return forward


def _feedback_shape(conditioning: Conditioning, feature_channels: int) -> tuple[int, ...]:
    b, z, *grid = conditioning.latents.shape
    return (b, feature_channels + z, *grid)


def _render_views(
    scenes: Gaussians, conditioning: Conditioning, rasteriser: str, views_at_once: int | None, report: Report
) -> Float[Tensor, "b t 3 H W"]:
    h, w = conditioning.latents.shape[-2:]
    height, width = PIXELS_PER_LATENT * h, PIXELS_PER_LATENT * w
    num_scenes, _, num_views = conditioning.latents.shape[:3]
    chunk = views_at_once or num_views
    views = []
    for scene in range(num_scenes):
        for start in range(0, num_views, chunk):
            before = scene * num_views + start
            cameras = conditioning.cameras[scene][start : start + chunk]

            def tell(progress: Progress, before: int = before) -> None:
                report(Progress("render", before + progress.done, num_scenes * num_views))

            views.append(render(scenes[scene], cameras, height, width, rasteriser=rasteriser, report=tell).colour)
    report(Progress("render", num_scenes * num_views, num_scenes * num_views))
    pictures = rearrange(torch.cat(views), "(b t) c H W -> b t c H W", b=num_scenes)
    return (pictures * 2 - 1).clamp(-1, 1)


def _encode_views(
    encoder: PictureEncoder, pictures: Float[Tensor, "b t 3 H W"], noises: list[Noise], index: int, report: Report
) -> Float[Tensor, "b z t h w"]:
    posterior = encoder(rearrange(pictures, "b t c H W -> (b t) c H W"), report)
    shape = (pictures.shape[1], *posterior.mean.shape[1:])
    fresh = draw_for_all(noises, f"view_posterior{index}", shape, pictures.device)
    sample = posterior.sample(rearrange(fresh, "b t z h w -> (b t) z h w"))
    return rearrange(sample, "(b t) z h w -> b z t h w", b=len(pictures))
