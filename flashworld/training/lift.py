"""Stage `lift`: the distance of everything that a single view shows, before any other view is asked for.

Geometry comes first: with distances still weak, a loss on novel views is served best by blur.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.denoising import Schedule
from flashworld.models.compilation import compile_whole
from flashworld.rendering import render_batch
from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal, there
from flashworld.training.first_views import USUAL_DISTANCE, any_view_first
from flashworld.training.flow import noised
from flashworld.training.measures import psnr, relative_error, sheet
from flashworld.training.pupil import Pupil
from flashworld.training.scenes import Known, SceneBatch, gaussians_of, known, predict
from flashworld.training.targets import (
    colour_loss,
    distance_loss,
    distances,
    opacity_loss,
    picture_of_distances,
    size_loss,
)
from flashworld.training.trainer import Plan, Task
from flashworld.training.worlds import SKY_DISTANCE

WEIGHTS = {"log_distance": 1.0, "colour": 2.0, "size": 0.1, "opacity": 0.2, "velocity": 0.3}
"""Of the losses. Colours count most: a picture's errors are small numbers beside those of logarithms."""


@dataclass(frozen=True)
class LiftStage:
    """Settings of the stage. A batch is drawn from `window` worlds; a new one joins every `renew` steps."""

    plan: Plan
    window: int
    renew: int
    decoder_rate: float = 0.3
    """Learning rate of the convolutions that come from the autoencoder, as a share: a full one wrecks them."""
    image_drop: float = 0.2
    """Share of the views that are to be found by their caption alone: words are learned here, where views are cheap."""
    only_noise: float = 0.6
    """Share of these, at least, that begin with nothing but noise. Noised truth gives away what the caption says, so
    that words are not learned from it."""
    text_drop: float = 0.15
    held_out: int = 16


def task(
    pupil: Pupil,
    stage: LiftStage,
    batches: Callable[[int], Iterator[list[SeenWorld]]],
    held_out: list[SeenWorld],
    device: torch.device,
    compiled: bool = False,
) -> Task[list[SeenWorld]]:
    """The stage's task; `batches(k)` begins with the worlds from which step k draws.

    A `compiled` one waits for torch's compiler first.
    """
    for part in (pupil.transformer, pupil.recon_decoder, pupil.text_encoder):
        part.requires_grad_(True)
    truth = SceneBatch.of(held_out, device).views(1)

    def losses(window: list[SeenWorld], generator: torch.Generator, _progress: float) -> dict[str, Tensor]:
        chosen = torch.randint(len(window), (stage.plan.part,), generator=generator).tolist()
        batch = any_view_first(SceneBatch.of([window[i] for i in chosen], device), generator)
        return lift_losses(pupil, batch, generator, stage, compiled)

    def score() -> tuple[dict[str, float], Image.Image]:
        return _score(pupil, truth)

    return Task(
        "lift",
        pupil,
        batches,
        losses,
        score,
        lambda name: stage.decoder_rate if is_from_autoencoder(name) else 1.0,
    )


def is_from_autoencoder(name: str) -> bool:
    """Whether a parameter was trained by the stage before."""
    return name.startswith(("recon_decoder.decoder.", "recon_decoder.post_quant_conv."))


def lift_losses(
    pupil: Pupil, batch: SceneBatch, generator: torch.Generator, stage: LiftStage, compiled: bool = False
) -> dict[str, Tensor]:
    """Losses of single views, most of them shown, each at one of the noise levels of generation."""
    teach = compile_whole(taught) if compiled else taught
    given = known(pupil, batch, generator, stage.image_drop, stage.text_drop)
    levels = torch.tensor(Schedule.flow(pupil.config.denoising_steps, pupil.config.shift).sigmas)
    drawn = torch.randint(len(levels), (len(given.clean),), generator=generator)
    from_words = ~torch.tensor(given.shown) & (torch.rand(len(drawn), generator=generator) < stage.only_noise)
    sigma = levels[drawn.where(~from_words, torch.zeros_like(drawn))]
    noise = normal(given.clean.shape, generator, given.clean.device)
    return teach(pupil, given, batch, there(sigma, noise.device), noise)


def taught(
    pupil: Pupil, given: Known, batch: SceneBatch, sigma: Float[Tensor, " b"], noise: Float[Tensor, "b z 1 h w"]
) -> dict[str, Tensor]:
    """The losses at given levels and noise. Nothing is drawn here and nobody waits, so it can be compiled."""
    found = predict(pupil.transformer, given, noised(given.clean, noise, sigma), sigma)
    scenes = gaussians_of(pupil, found, batch.cameras)
    losses = {
        "log_distance": distance_loss(distances(scenes, batch), batch.distance),
        "colour": colour_loss(scenes, batch),
        "size": size_loss(scenes, batch),
        "opacity": opacity_loss(scenes, batch),
        "velocity": (found.velocity - (noise - given.clean)).square().mean(),
    }
    return {"loss": weighted(losses, WEIGHTS), **losses}


def weighted(losses: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The sum of losses times their weights."""
    return torch.stack([weights[name] * value for name, value in losses.items()]).sum()


def _score(pupil: Pupil, truth: SceneBatch) -> tuple[dict[str, float], Image.Image]:
    """Scores of the first denoising step, which sees nothing but noise and the picture."""
    generator = torch.Generator().manual_seed(0)
    given = known(pupil, truth, generator)
    noise = normal(given.clean.shape, generator, given.clean.device)
    found = predict(pupil.transformer, given, noise, noise.new_ones(len(noise)))
    scenes = gaussians_of(pupil, found, truth.cameras)
    pictures = render_batch(scenes, truth.cameras, *truth.rgb.shape[-2:]).colour
    far = picture_of_distances(distances(scenes, truth))
    values = {"input_psnr": psnr(pictures, truth.rgb).mean().item()}
    if truth.distance.any():
        usual = torch.full_like(far, USUAL_DISTANCE)
        values["abs_rel"] = relative_error(far, truth.distance, SKY_DISTANCE).item()
        values["abs_rel_constant"] = relative_error(usual, truth.distance, SKY_DISTANCE).item()
    rows = [truth.rgb[:8, 0], pictures[:8, 0], _shades(truth.distance[:8, 0]), _shades(far[:8, 0])]
    return values, sheet(rows)


def _shades(distance: Float[Tensor, "n h w"]) -> Float[Tensor, "n 3 h w"]:
    """Distances as grey: near is bright."""
    return (1 / (1 + distance / USUAL_DISTANCE))[:, None].expand(-1, 3, -1, -1)
