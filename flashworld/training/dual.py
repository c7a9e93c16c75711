"""Stage `dual`: all views, in two modes by turns.

Multi-view mode learns velocities at every noise level. 3D mode learns Gaussians whose pictures are right at the views
that the model sees and at others (FlashWorld, arXiv 2510.13678, section 3.2), at the steps of generation. Each step
begins with what the model itself has made in the steps before (as in Self Forcing, Huang et al., arXiv 2506.08009):
what noised truth says of other views, generation cannot know.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.gaussians import Gaussians
from flashworld.models.compilation import compile_whole
from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal
from flashworld.training.flow import levels, velocity_loss
from flashworld.training.lift import is_from_autoencoder, weighted
from flashworld.training.measures import pooled_psnr, psnr, sheet, ssim
from flashworld.training.mirroring import some_mirrored
from flashworld.training.pupil import Pupil
from flashworld.training.rollout import first_inputs, generate_batch, gone_through, look_of, next_inputs, sigmas_of
from flashworld.training.scenes import (
    Known,
    Prediction,
    SceneBatch,
    as_generated,
    gaussians_of,
    known,
    predict,
    velocity_of,
)
from flashworld.training.targets import colour_loss, distance_loss, distances, opacity_loss, size_loss
from flashworld.training.trainer import Plan, Task

WEIGHTS = {
    "latents": 0.5,
    "first_log_distance": 1.0,
    "log_distance": 0.5,
    "colour": 2.0,
    "size": 0.1,
    "opacity": 0.3,
    "render": 4.0,
}
"""Of the losses of scenes."""
SQUARES = 4.0
"""Weight of squared differences of pictures: of an eighth, they count as much as half the absolute ones."""


@dataclass(frozen=True)
class DualStage:
    """Settings of the stage. A batch is drawn from `window` worlds; a new one joins every `renew` steps."""

    plan: Plan
    window: int
    renew: int
    multiview_share: float = 0.35
    """Of the steps; the others are in 3D mode."""
    taught_steps: int = 4
    """Of generation, from which 3D mode learns at a time. It takes as many times fewer worlds instead, if it can: a
    sample is a world at one step."""
    image_drop: float = 0.35
    text_drop: float = 0.15
    render_from: float = 0.5
    """Share of the training before which no pictures are compared: with distances still weak, blur serves them best."""
    decoder_rate: float = 0.3
    held_out: int = 16


def task(
    pupil: Pupil,
    stage: DualStage,
    batches: Callable[[int], Iterator[list[SeenWorld]]],
    held_out: list[SeenWorld],
    num_views: int,
    device: torch.device,
    compiled: bool = False,
) -> Task[list[SeenWorld]]:
    """The stage's task; `batches(k)` begins with the worlds from which step k draws.

    Cameras beyond `num_views` only supervise. A `compiled` task waits for torch's compiler first.
    """
    for part in (pupil.transformer, pupil.recon_decoder, pupil.text_encoder):
        part.requires_grad_(True)
    truth = SceneBatch.of(held_out, device)

    def losses(window: list[SeenWorld], generator: torch.Generator, progress: float) -> dict[str, Tensor]:
        chosen = torch.randint(len(window), (stage.plan.part,), generator=generator).tolist()
        in_multiview_mode = torch.rand((), generator=generator) < stage.multiview_share
        taught = min(stage.taught_steps, len(sigmas_of(pupil)))
        worlds = chosen if in_multiview_mode else chosen[: max(1, len(chosen) // taught)]
        batch = some_mirrored(SceneBatch.of([window[i] for i in worlds], device), generator)
        if in_multiview_mode:
            return multiview_losses(pupil, batch.views(num_views), generator, stage, compiled)
        return scene_losses(pupil, batch, num_views, generator, stage, progress, compiled)

    return Task(
        "dual",
        pupil,
        batches,
        losses,
        lambda: score(pupil, truth, num_views),
        lambda name: stage.decoder_rate if is_from_autoencoder(name) else 1.0,
    )


def multiview_losses(
    pupil: Pupil, batch: SceneBatch, generator: torch.Generator, stage: DualStage, compiled: bool = False
) -> dict[str, Tensor]:
    """Flow matching: the velocity from clean latents to noise, at uniform levels bent as in generation."""
    given = known(pupil, batch, generator, stage.image_drop, stage.text_drop)
    sigma = levels(given.clean, pupil.config.shift, generator)
    noise = normal(given.clean.shape, generator, given.clean.device)
    velocity = (compile_whole(taught_velocities) if compiled else taught_velocities)(pupil, given, sigma, noise)
    return {"loss": velocity, "velocity": velocity}


def taught_velocities(
    pupil: Pupil, given: Known, sigma: Float[Tensor, " b"], noise: Float[Tensor, "b z t h w"]
) -> Float[Tensor, ""]:
    """The loss of multi-view mode at given levels and noise. Nothing is drawn here, so it can be compiled."""
    return velocity_loss(velocity_of(pupil.transformer, given), given.clean, sigma, noise)


def scene_losses(
    pupil: Pupil,
    batch: SceneBatch,
    num_views: int,
    generator: torch.Generator,
    stage: DualStage,
    progress: float,
    compiled: bool = False,
) -> dict[str, Tensor]:
    """Losses of scenes at some of generation's steps, each of which begins with what the one before it has made."""
    teach = compile_whole(taught_scenes) if compiled else taught_scenes
    taught = torch.randperm(len(sigmas_of(pupil)), generator=generator)[: stage.taught_steps].tolist()
    seen = batch.views(num_views)
    given = known(pupil, seen, generator, stage.image_drop, stage.text_drop)
    inputs = first_inputs(pupil, given, generator)
    each = []
    for step in range(max(taught) + 1):
        if step not in taught:
            found, pictures = gone_through(pupil, given, seen, inputs)
        else:
            found, scenes, losses = teach(pupil, given, seen, *inputs)
            if progress >= stage.render_from:
                pictures = look_of(as_generated(pupil, scenes, seen, given.shown), batch)
                losses["render"] = _render_loss(pictures, batch.rgb)
            else:
                pictures = look_of(as_generated(pupil, scenes.detach(), seen, given.shown), seen)
            each.append(losses)
        if step < max(taught):
            inputs = next_inputs(pupil, found, pictures[:, :num_views], step + 1, generator)
    losses = {name: torch.stack([values[name] for values in each]).mean() for name in each[0]}
    return {"loss": weighted(losses, WEIGHTS), **losses}


def taught_scenes(
    pupil: Pupil, given: Known, seen: SceneBatch, noisy: Tensor, sigma: Tensor, feedback: Tensor
) -> tuple[Prediction, Gaussians, dict[str, Tensor]]:
    """Predictions, scenes and all losses but those of pictures. Nothing is drawn here, so it can be compiled."""
    found = predict(pupil.transformer, given, noisy, sigma, feedback)
    scenes = gaussians_of(pupil, found, seen.cameras)
    far = distances(scenes, seen)
    losses = {
        "latents": (found.latents - given.clean).square().mean(),
        "first_log_distance": distance_loss(far[:, :1], seen.distance[:, :1]),
        "log_distance": distance_loss(far, seen.distance),
        "colour": colour_loss(scenes, seen),
        "size": size_loss(scenes, seen),
        "opacity": opacity_loss(scenes, seen),
    }
    return found, scenes, losses


def _render_loss(pictures: Float[Tensor, "b v 3 H W"], truth: Float[Tensor, "b v 3 H W"]) -> Tensor:
    """Mean difference of pictures, absolute and squared: the one for edges, the other for what is all wrong."""
    apart = pictures - truth
    return 0.5 * apart.abs().mean() + SQUARES * apart.square().mean()


def score(pupil: Pupil, truth: SceneBatch, num_views: int) -> tuple[dict[str, float], Image.Image]:
    """Scores of the whole generation, against its first step alone and against repeating the picture."""

    def pictures_after(step: int) -> Tensor:
        scenes = generate_batch(pupil, truth.views(num_views), torch.Generator().manual_seed(0), step)
        return look_of(scenes, truth).clamp(0, 1)

    pictures, first = pictures_after(len(sigmas_of(pupil)) - 1), pictures_after(0)
    repeated = truth.rgb[:, :1].expand_as(truth.rgb)
    values = {
        "input_psnr": psnr(pictures[:, 0], truth.rgb[:, 0]).mean().item(),
        "novel_psnr": pooled_psnr(pictures[:, 1:], truth.rgb[:, 1:]).mean().item(),
        "novel_psnr_first": pooled_psnr(first[:, 1:], truth.rgb[:, 1:]).mean().item(),
        "novel_psnr_repeat": pooled_psnr(repeated[:, 1:], truth.rgb[:, 1:]).mean().item(),
        "novel_ssim": ssim(pictures[:, 1:].flatten(0, 1), truth.rgb[:, 1:].flatten(0, 1)).mean().item(),
    }
    return values, sheet([row for scene in range(min(4, len(pictures))) for row in (truth.rgb[scene], pictures[scene])])
