"""Stage `dual`: all views, in two modes by turns.

Multi-view mode learns velocities at every noise level. 3D mode learns, at the levels of generation, Gaussians whose
pictures are right at the views that the model sees and at others, and goes on from its own previous step as the loop
does (FlashWorld, arXiv 2510.13678, section 3.2).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.denoising import Schedule
from flashworld.gaussians import Gaussians
from flashworld.training.data import SeenWorld, windows
from flashworld.training.lift import distance_loss, distances, is_from_autoencoder
from flashworld.training.measures import pooled_psnr, psnr, sheet, ssim
from flashworld.training.pupil import Pupil
from flashworld.training.scenes import Known, Prediction, SceneBatch, gaussians_of, known, predict, render_batch, spread
from flashworld.training.trainer import Plan, Task

BEHIND = 1.05
"""A point is hidden if it is this many times as far as what the first view sees in its direction."""


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
    """Of the feedback: the previous step's pictures are rendered and encoded, as the loop does, not its latents."""
    image_drop: float = 0.25
    text_drop: float = 0.15
    latent_weight: float = 0.5
    depth_weight: float = 0.5
    render_weight: float = 1.0
    novel_weight: float = 1.0
    ramp: float = 0.3
    """Share of the training over which the loss of novel views grows to its weight."""
    opacity_weight: float = 0.2
    decoder_rate: float = 0.3
    held_out: int = 16


def task(
    pupil: Pupil,
    stage: DualStage,
    worlds: Callable[[int], Iterator[SeenWorld]],
    held_out: list[SeenWorld],
    num_views: int,
    device: torch.device,
) -> Task[list[SeenWorld]]:
    """The stage's task; `worlds(n)` begins at training world n. Cameras beyond `num_views` only supervise."""
    for part in (pupil.transformer, pupil.recon_decoder, pupil.text_encoder):
        part.requires_grad_(True)
    truth = SceneBatch.of(held_out, device)

    def losses(window: list[SeenWorld], generator: torch.Generator, progress: float) -> dict[str, Tensor]:
        chosen = torch.randint(len(window), (stage.plan.batch,), generator=generator).tolist()
        batch = SceneBatch.of([window[i] for i in chosen], device)
        if torch.rand((), generator=generator) < stage.multiview_share:
            return multiview_losses(pupil, batch.views(num_views), generator, stage)
        return scene_losses(pupil, batch, num_views, generator, stage, progress)

    return Task(
        "dual",
        pupil,
        lambda step: windows(worlds, step, stage.renew, stage.window),
        losses,
        lambda: _score(pupil, truth, num_views),
        lambda name: stage.decoder_rate if is_from_autoencoder(name) else 1.0,
    )


def multiview_losses(
    pupil: Pupil, batch: SceneBatch, generator: torch.Generator, stage: DualStage
) -> dict[str, Tensor]:
    """Flow matching: the velocity from clean latents to noise, at uniform levels bent as in generation."""
    given = known(pupil, batch, generator, stage.image_drop, stage.text_drop)
    uniform, shift = torch.rand(len(given.clean), generator=generator).to(given.clean), pupil.config.shift
    sigma = shift * uniform / (1 + (shift - 1) * uniform)
    noise = torch.randn(given.clean.shape, generator=generator).to(given.clean)
    found = predict(pupil, given, _noised(given.clean, noise, sigma), sigma)
    velocity = (found.velocity - (noise - given.clean)).square().mean()
    return {"loss": velocity, "velocity": velocity}


def scene_losses(
    pupil: Pupil, batch: SceneBatch, num_views: int, generator: torch.Generator, stage: DualStage, progress: float
) -> dict[str, Tensor]:
    """Losses of scenes at one step of generation, which all scenes of a batch share."""
    seen = batch.views(num_views)
    given = known(pupil, seen, generator, stage.image_drop, stage.text_drop)
    found = predict(pupil, given, *_at_a_step(pupil, given, seen, generator, stage))
    scenes = gaussians_of(pupil, found, seen.cameras)
    shown, novel = _supervised(batch, num_views, generator)
    losses = {
        "latents": (found.latents - given.clean).square().mean(),
        "log_distance": distance_loss(distances(scenes, seen), seen.distance),
        "render": _render_loss(scenes, shown),
        "novel": _render_loss(scenes, novel),
        "opacity": opacity_loss(scenes, seen),
    }
    weights = {
        "latents": stage.latent_weight,
        "log_distance": stage.depth_weight,
        "render": stage.render_weight,
        "novel": stage.novel_weight * min(1.0, progress / stage.ramp),
        "opacity": stage.opacity_weight,
    }
    total = sum((weights[name] * value for name, value in losses.items()), torch.zeros((), device=batch.rgb.device))
    return {"loss": total, **losses}


def _noised(clean: Tensor, noise: Tensor, sigma: Float[Tensor, " b"]) -> Tensor:
    return spread(sigma) * noise + (1 - spread(sigma)) * clean


def _at_a_step(
    pupil: Pupil, given: Known, seen: SceneBatch, generator: torch.Generator, stage: DualStage
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Noisy latents, their level and feedback, as some step of generation would meet them."""
    sigmas = Schedule.flow(pupil.config.denoising_steps, pupil.config.shift).sigmas
    step = int(torch.randint(len(sigmas), (), generator=generator))
    noises = [torch.randn(given.clean.shape, generator=generator).to(given.clean) for _ in range(2)]
    feeds, renders = torch.rand(2, generator=generator) < torch.tensor([stage.feedback_share, stage.rendered_share])
    level = given.clean.new_full((len(given.clean),), sigmas[step])
    if step == 0 or not feeds:
        return _noised(given.clean, noises[0], level), level, None
    with torch.no_grad():
        before = torch.full_like(level, sigmas[step - 1])
        previous = predict(pupil, given, _noised(given.clean, noises[1], before), before)
        latents = encode_scenes(pupil, previous, seen) if renders else previous.latents
    return _noised(latents, noises[0], level), level, torch.cat([previous.features, latents], dim=1)


def encode_scenes(pupil: Pupil, prediction: Prediction, seen: SceneBatch) -> Float[Tensor, "b z t h w"]:
    """Latents of what a prediction's scenes look like from the views themselves."""
    scenes = gaussians_of(pupil, prediction, seen.cameras)
    pictures = (render_batch(scenes, seen.cameras, *seen.rgb.shape[-2:]) * 2 - 1).clamp(-1, 1)
    posterior = pupil.vae(rearrange(pictures, "b t c H W -> (b t) c H W"))
    return rearrange(posterior.mean, "(b t) z h w -> b z t h w", b=len(pictures))


def _supervised(batch: SceneBatch, num_views: int, generator: torch.Generator) -> tuple[SceneBatch, SceneBatch]:
    """One of the views that the model sees and one that it does not, the same of every scene."""
    total = batch.rgb.shape[1]
    shown = int(torch.randint(num_views, (), generator=generator))
    novel = int(torch.randint(num_views, total, (), generator=generator)) if total > num_views else shown
    return _only(batch, shown), _only(batch, novel)


def _only(batch: SceneBatch, view: int) -> SceneBatch:
    cameras = Cameras.from_vectors(batch.cameras.vectors()[:, view : view + 1])
    return replace(
        batch, rgb=batch.rgb[:, view : view + 1], distance=batch.distance[:, view : view + 1], cameras=cameras
    )


def _render_loss(scenes: Gaussians, batch: SceneBatch) -> Tensor:
    return (render_batch(scenes, batch.cameras, *batch.rgb.shape[-2:]) - batch.rgb).abs().mean()


def opacity_loss(scenes: Gaussians, seen: SceneBatch) -> Float[Tensor, ""]:
    """Mean difference of opacities from what they should be: opaque, but clear where the first view sees already.

    Views lie upon each other; without this their average is fog.
    """
    target = torch.cat([torch.ones_like(seen.distance[:, :1]), 1 - seen_first(seen)[:, 1:]], dim=1)
    cells = rearrange(target, "b v (h row) (w p) -> b (v p h w) row", row=2, p=2).mean(-1)
    return (scenes.opacities - cells).abs().mean()


@torch.no_grad()
def seen_first(seen: SceneBatch) -> Float[Tensor, "b v H W"]:
    """1 where what a pixel shows is seen by the first view too, else 0. Follows from true distances."""
    height, width = seen.distance.shape[-2:]
    origins, directions = cast_rays(seen.cameras, height, width)
    points = origins + seen.distance[..., None] * directions
    first = Cameras.from_vectors(seen.cameras.vectors()[:, :1])
    apart = points - first.positions[:, :, None, None]
    x, y, z = torch.einsum("bvhwi,bvij->bvhwj", apart, first.rotations.expand(-1, points.shape[1], -1, -1)).unbind(-1)
    fx, fy, cx, cy = first.intrinsics[..., None, None].unbind(2)
    ahead = (-z).clamp(min=1e-4)
    right, down = fx * x / ahead + cx, cy - fy * y / ahead
    inside = (z < -1e-4) & (right > 0) & (right < 1) & (down > 0) & (down < 1)
    grid = torch.stack([2 * right - 1, 2 * down - 1], dim=-1).flatten(1, 2)
    surface = torch.nn.functional.grid_sample(seen.distance[:, :1], grid, mode="nearest", align_corners=False)
    near = apart.norm(dim=-1) <= BEHIND * surface.view_as(seen.distance)
    return (inside & near).float()


def _score(pupil: Pupil, truth: SceneBatch, num_views: int) -> tuple[dict[str, float], Image.Image]:
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


@torch.no_grad()
def generate_batch(pupil: Pupil, seen: SceneBatch, generator: torch.Generator) -> Gaussians:
    """All steps of generation from the first views and captions."""
    sigmas = Schedule.flow(pupil.config.denoising_steps, pupil.config.shift).sigmas
    given = known(pupil, seen, generator)
    feedback, clean = None, torch.zeros_like(given.clean)
    for step, sigma in enumerate(sigmas):
        level = clean.new_full((len(clean),), sigma)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        found = predict(pupil, given, _noised(clean, noise, level), level, feedback)
        if step + 1 < len(sigmas):
            clean = encode_scenes(pupil, found, seen)
            feedback = torch.cat([found.features, clean], dim=1)
    return gaussians_of(pupil, found, seen.cameras)
