"""Generation as the loop does it, for batches in training.

The same computation as `flashworld.denoising.loop`; gradients go where the caller lets them.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.denoising import Schedule
from flashworld.gaussians import Gaussians
from flashworld.training.draws import normal
from flashworld.training.flow import noised
from flashworld.training.pupil import Pupil
from flashworld.training.scenes import (
    Known,
    Prediction,
    SceneBatch,
    as_generated,
    encode,
    gaussians_of,
    known,
    nothing_fed_back,
    predict,
    render_batch,
)


def sigmas_of(pupil: Pupil) -> tuple[float, ...]:
    """Noise levels of the steps of generation."""
    return Schedule.flow(pupil.config.denoising_steps, pupil.config.shift).sigmas


@torch.no_grad()
def inputs_of_step(
    pupil: Pupil, given: Known, seen: SceneBatch, step: int, generator: torch.Generator
) -> tuple[Float[Tensor, "b z t h w"], Float[Tensor, " b"], Float[Tensor, "b c t h w"]]:
    """Noisy latents, their level and the feedback with which a step of generation begins, after all those before it."""
    clean = torch.zeros_like(given.clean)
    feedback = nothing_fed_back(pupil.transformer, clean)
    if step > 0:
        found = predict(pupil.transformer, given, *inputs_of_step(pupil, given, seen, step - 1, generator))
        clean = encode_scenes(pupil, scenes_of(pupil, found, given, seen), seen, generator)
        feedback = fed_back(found, clean)
    level = clean.new_full((len(clean),), sigmas_of(pupil)[step])
    return noised(clean, normal(clean.shape, generator, clean.device), level), level, feedback


def fed_back(found: Prediction, latents: Float[Tensor, "b z t h w"]) -> Float[Tensor, "b c t h w"]:
    """What the next step is told of this one: its features, and latents of its views, as c channels."""
    return torch.cat([found.features, latents], dim=1)


def encode_scenes(
    pupil: Pupil, scenes: Gaussians, seen: SceneBatch, generator: torch.Generator
) -> Float[Tensor, "b z t h w"]:
    """Latents, drawn from their posterior, of what scenes look like from the views themselves."""
    return encode(pupil, render_batch(scenes, seen.cameras, *seen.rgb.shape[-2:]).clamp(0, 1), generator)


@torch.no_grad()
def generate_batch(pupil: Pupil, seen: SceneBatch, generator: torch.Generator) -> Gaussians:
    """All steps of generation from the first views and captions."""
    given = known(pupil, seen, generator)
    last = len(pupil.config.denoising_steps) - 1
    found = predict(pupil.transformer, given, *inputs_of_step(pupil, given, seen, last, generator))
    return scenes_of(pupil, found, given, seen)


def scenes_of(pupil: Pupil, found: Prediction, given: Known, seen: SceneBatch) -> Gaussians:
    """What a step of generation makes of its prediction."""
    return as_generated(pupil, gaussians_of(pupil, found, seen.cameras), seen, given.shown)
