"""Generation as the loop does it, for batches in training.

The same computation as `flashworld.denoising.loop`; gradients go where the caller lets them.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.denoising import Schedule
from flashworld.gaussians import Gaussians
from flashworld.rendering import render_batch
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
)


def sigmas_of(pupil: Pupil) -> tuple[float, ...]:
    """Noise levels of the steps of generation."""
    return Schedule.flow(pupil.config.denoising_steps, pupil.config.shift).sigmas


Inputs = tuple[Float[Tensor, "b z t h w"], Float[Tensor, " b"], Float[Tensor, "b c t h w"]]
"""What a step of generation begins with: noisy latents, their level, and the feedback of c channels."""


def first_inputs(pupil: Pupil, given: Known, generator: torch.Generator) -> Inputs:
    """What the first step begins with: noise, and nothing that was found before."""
    nothing = torch.zeros_like(given.clean)
    return _inputs(pupil, nothing, nothing_fed_back(pupil.transformer, nothing), 0, generator)


@torch.no_grad()
def next_inputs(
    pupil: Pupil, found: Prediction, pictures: Float[Tensor, "b t 3 H W"], step: int, generator: torch.Generator
) -> Inputs:
    """What step number `step` begins with: the step before found something that looks like `pictures` from the views.

    Its latents are drawn from their posterior.
    """
    clean = encode(pupil, pictures.clamp(0, 1), generator)
    return _inputs(pupil, clean, torch.cat([found.features, clean], dim=1), step, generator)


def _inputs(pupil: Pupil, clean: Tensor, feedback: Tensor, step: int, generator: torch.Generator) -> Inputs:
    level = clean.new_full((len(clean),), sigmas_of(pupil)[step])
    noise = normal(clean.shape, generator, clean.device)
    # In one layout, wherever they come from: for another, what is compiled would be compiled again.
    return noised(clean, noise, level).contiguous(), level, feedback.contiguous()


@torch.no_grad()
def inputs_of_step(pupil: Pupil, given: Known, seen: SceneBatch, step: int, generator: torch.Generator) -> Inputs:
    """What a step of generation begins with, after all those before it."""
    inputs = first_inputs(pupil, given, generator)
    for following in range(1, step + 1):
        found, pictures = gone_through(pupil, given, seen, inputs)
        inputs = next_inputs(pupil, found, pictures, following, generator)
    return inputs


@torch.no_grad()
def gone_through(
    pupil: Pupil, given: Known, seen: SceneBatch, inputs: Inputs
) -> tuple[Prediction, Float[Tensor, "b t 3 H W"]]:
    """What a step finds, and what it looks like from the views."""
    found = predict(pupil.transformer, given, *inputs)
    return found, look_of(scenes_of(pupil, found, given, seen), seen)


def look_of(scenes: Gaussians, seen: SceneBatch) -> Float[Tensor, "b t 3 H W"]:
    """What scenes look like from a batch's cameras; not clamped."""
    return render_batch(scenes, seen.cameras, *seen.rgb.shape[-2:]).colour


@torch.no_grad()
def generate_batch(pupil: Pupil, seen: SceneBatch, generator: torch.Generator, last: int) -> Gaussians:
    """Generation from the first views and captions, up to step number `last`."""
    given = known(pupil, seen, generator)
    found = predict(pupil.transformer, given, *inputs_of_step(pupil, given, seen, last, generator))
    return scenes_of(pupil, found, given, seen)


def scenes_of(pupil: Pupil, found: Prediction, given: Known, seen: SceneBatch) -> Gaussians:
    """What a step of generation makes of its prediction."""
    return as_generated(pupil, gaussians_of(pupil, found, seen.cameras), seen, given.shown)
