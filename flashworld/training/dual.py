"""Stage `dual`: all views, in two modes by turns.

Multi-view mode learns velocities at every noise level. 3D mode learns, at the levels of generation, Gaussians whose
pictures are right at the views that the model sees and at others, and goes on from its own previous step as the loop
does (FlashWorld, arXiv 2510.13678, section 3.2).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.models.compilation import compile_whole
from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal
from flashworld.training.flow import levels, noised, velocity_loss
from flashworld.training.lift import is_from_autoencoder, weighted
from flashworld.training.measures import pooled_psnr, psnr, sheet, ssim
from flashworld.training.mirroring import some_mirrored
from flashworld.training.pupil import Pupil
from flashworld.training.rollout import fed_back, generate_batch, inputs_of_step, sigmas_of
from flashworld.training.scenes import (
    Known,
    SceneBatch,
    as_generated,
    gaussians_of,
    known,
    nothing_fed_back,
    predict,
    render_batch,
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
SEEN_RENDERED = 2
"""Views of a scene that are rendered of those that the model sees."""
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
    feedback_share: float = 0.6
    """Of the 3D steps beyond the first noise level: the model's own previous step is fed back."""
    rendered_share: float = 0.33
    """Of the feedback: a step begins where generation would, after its own steps before, rendered and encoded. Else the
    previous step began with the truth, whose latents say of other views what generation cannot know."""
    image_drop: float = 0.35
    text_drop: float = 0.15
    render_from: float = 0.5
    """Share of the training before which nothing is rendered: with distances still weak, blur serves pictures best."""
    rendered: int = 16
    """Scenes of a batch whose pictures are compared; rendering costs most."""
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
        batch = some_mirrored(SceneBatch.of([window[i] for i in chosen], device), generator)
        if torch.rand((), generator=generator) < stage.multiview_share:
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
    """Losses of scenes at one step of generation, which all scenes of a batch share."""
    seen = batch.views(num_views)
    given = known(pupil, seen, generator, stage.image_drop, stage.text_drop)
    renders = progress >= stage.render_from
    # In one layout, wherever it comes from: for another it would be compiled again.
    state = [part.contiguous() for part in _at_a_step(pupil, given, seen, generator, stage, renders)]
    scenes, losses = (compile_whole(taught_scenes) if compiled else taught_scenes)(pupil, given, seen, *state)
    if renders:
        few = slice(stage.rendered)
        made = as_generated(pupil, scenes[few], seen.scenes(few), given.shown[few])
        losses["render"] = _render_loss(made, _supervised(batch.scenes(few), num_views, generator))
    return {"loss": weighted(losses, WEIGHTS), **losses}


def taught_scenes(
    pupil: Pupil, given: Known, seen: SceneBatch, noisy: Tensor, sigma: Tensor, feedback: Tensor
) -> tuple[Gaussians, dict[str, Tensor]]:
    """Scenes and all losses but those of pictures. Nothing is drawn here, so it can be compiled."""
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
    return scenes, losses


def _at_a_step(
    pupil: Pupil, given: Known, seen: SceneBatch, generator: torch.Generator, stage: DualStage, may_render: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy latents, their level and feedback, as some step of generation would meet them."""
    sigmas = sigmas_of(pupil)
    step = int(torch.randint(len(sigmas), (), generator=generator))
    feeds, renders = torch.rand(2, generator=generator) < torch.tensor([stage.feedback_share, stage.rendered_share])
    if step > 0 and feeds and renders and may_render:
        return inputs_of_step(pupil, given, seen, step, generator)
    noises = [normal(given.clean.shape, generator, given.clean.device) for _ in range(2)]
    level = given.clean.new_full((len(given.clean),), sigmas[step])
    if step == 0 or not feeds:
        noisy = noised(given.clean, noises[0], level)
        return noisy, level, nothing_fed_back(pupil.transformer, noisy)
    with torch.no_grad():
        before = torch.full_like(level, sigmas[step - 1])
        previous = predict(pupil.transformer, given, noised(given.clean, noises[1], before), before)
    return noised(previous.latents, noises[0], level), level, fed_back(previous, previous.latents)


def _supervised(batch: SceneBatch, num_views: int, generator: torch.Generator) -> SceneBatch:
    """Some of the views that the model sees and all that it does not: a picture more costs little more."""
    seen = torch.randperm(num_views, generator=generator)[:SEEN_RENDERED].tolist()
    views = [*seen, *range(num_views, batch.rgb.shape[1])]
    cameras = Cameras.from_vectors(batch.cameras.vectors()[:, views])
    return replace(batch, rgb=batch.rgb[:, views], distance=batch.distance[:, views], cameras=cameras)


def _render_loss(scenes: Gaussians, batch: SceneBatch) -> Tensor:
    """Mean difference of pictures, absolute and squared: the one for edges, the other for what is all wrong."""
    apart = render_batch(scenes, batch.cameras, *batch.rgb.shape[-2:]) - batch.rgb
    return 0.5 * apart.abs().mean() + SQUARES * apart.square().mean()


def score(pupil: Pupil, truth: SceneBatch, num_views: int) -> tuple[dict[str, float], Image.Image]:
    """Scores of the whole generation, against repeating the picture."""
    scenes = generate_batch(pupil, truth.views(num_views), torch.Generator().manual_seed(0))
    pictures = render_batch(scenes, truth.cameras, *truth.rgb.shape[-2:]).clamp(0, 1)
    repeated = truth.rgb[:, :1].expand_as(truth.rgb)
    values = {
        "input_psnr": psnr(pictures[:, 0], truth.rgb[:, 0]).mean().item(),
        "novel_psnr": pooled_psnr(pictures[:, 1:], truth.rgb[:, 1:]).mean().item(),
        "novel_psnr_repeat": pooled_psnr(repeated[:, 1:], truth.rgb[:, 1:]).mean().item(),
        "novel_ssim": ssim(pictures[:, 1:].flatten(0, 1), truth.rgb[:, 1:].flatten(0, 1)).mean().item(),
    }
    return values, sheet([row for scene in range(min(4, len(pictures))) for row in (truth.rgb[scene], pictures[scene])])
