"""Stage `distil`: the few steps of generation learn what multi-view mode knows (cross-mode distillation).

Multi-view mode makes good views that agree only roughly; 3D mode makes views that agree, but has learned their average,
a blur. So the distribution of the second is drawn to that of the first (FlashWorld, arXiv 2510.13678, section 3.3; by
DMD2, Yin et al., arXiv 2405.14867). Three transformers begin as the one of the stage `dual`:

- the **teacher** stays as it is, and is asked for velocities in multi-view mode, guided by captions if asked to;
- the **student** generates scenes in 3D mode by its own steps: from noise on to a step drawn by lot, each step's views
  rendered, encoded and fed back. Only the last step carries gradients; latents of its rendered views are the `samples`;
- the **fake score** is a multi-view mode that learns nothing but the student's samples, by the loss of velocities.

The student's loss is, with `latents` what multi-view mode of the same pass says of the views,

    matching_loss(samples, teacher, fake score) + 0.1 * mean (latents - samples)^2.

The first part (`flashworld.training.flow`) goes through encoder and rasteriser to the Gaussians. The second, cross-mode
consistency, holds both modes together: views in which multi-view mode does not believe cost, floaters above all. No
true view is looked at but the first, so any picture with a path would do. DMD2's discriminator is left out: it needs
true views and a second network, and the paper's other losses do not rest upon it.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal
from flashworld.training.dual import score
from flashworld.training.flow import guided, levels, matching_loss, velocity_loss
from flashworld.training.lift import is_from_autoencoder
from flashworld.training.pupil import Pupil
from flashworld.training.rollout import inputs_of_step, look_of, scenes_of
from flashworld.training.scenes import (
    Known,
    Prediction,
    SceneBatch,
    embed_captions,
    encode,
    known,
    predict,
    velocity_of,
)
from flashworld.training.trainer import Plan, Task


@dataclass(frozen=True)
class DistilStage:
    """Settings of the stage. A batch is drawn from `window` worlds; a new one joins every `renew` steps."""

    plan: Plan
    window: int
    renew: int
    student_every: int = 5
    """Of so many steps the last is the student's; in the others the fake score learns, so as to be right about it."""
    guidance: float = 1.0
    """Of the teacher, by captions; 1 is none. Worth more only with a teacher that reads them well."""
    consistency: float = 0.1
    """Weight of cross-mode consistency."""
    image_drop: float = 0.25
    decoder_rate: float = 0.3
    """Learning rate of the convolutions that come from the autoencoder, as a share of the plan's."""
    fake_rate: float = 2.0
    """Learning rate of the fake score, as a share of the plan's."""
    held_out: int = 16


@dataclass(frozen=True)
class Critics:
    """Who tells the student where to go: two transformers in multi-view mode."""

    teacher: WanTransformer3DModel
    fake: WanTransformer3DModel

    @classmethod
    def of(cls, pupil: Pupil) -> "Critics":
        """Copies of a pupil's transformer; only the fake score may learn."""
        return cls(
            copy.deepcopy(pupil.transformer).requires_grad_(False),
            copy.deepcopy(pupil.transformer).requires_grad_(True),
        )


def task(
    pupil: Pupil,
    critics: Critics,
    stage: DistilStage,
    batches: Callable[[int], Iterator[list[SeenWorld]]],
    held_out: list[SeenWorld],
    num_views: int,
    device: torch.device,
) -> Task[list[SeenWorld]]:
    """The stage's task; `batches(k)` begins with the worlds from which step k draws.

    The text encoder stays as it is: teacher, student and fake score read the same embeddings.
    """
    for part in (pupil.transformer, pupil.recon_decoder):
        part.requires_grad_(True)
    learning = {"transformer": pupil.transformer, "recon_decoder": pupil.recon_decoder, "fake": critics.fake}
    truth = SceneBatch.of(held_out, device)

    def losses(window: list[SeenWorld], generator: torch.Generator, progress: float) -> dict[str, Tensor]:
        chosen = torch.randint(len(window), (stage.plan.part,), generator=generator).tolist()
        seen = SceneBatch.of([window[i] for i in chosen], device).views(num_views)
        step = round(progress * stage.plan.samples / stage.plan.batch)
        if (step + 1) % stage.student_every == 0:
            return student_losses(pupil, critics, seen, generator, stage)
        return fake_losses(pupil, critics, seen, generator, stage)

    def rate_of(name: str) -> float:
        if name.startswith("fake."):
            return stage.fake_rate
        return stage.decoder_rate if is_from_autoencoder(name) else 1.0

    return Task(
        "distil",
        nn.ModuleDict(learning),
        batches,
        losses,
        lambda: score(pupil, truth, num_views),
        rate_of,
    )


def student_losses(
    pupil: Pupil, critics: Critics, seen: SceneBatch, generator: torch.Generator, stage: DistilStage
) -> dict[str, Tensor]:
    """Distribution matching, and consistency of the student's two modes."""
    given = known(pupil, seen, generator, stage.image_drop)
    found, samples = generated(pupil, given, seen, generator)
    silent = replace(given, text=embed_captions(pupil, [""] * len(samples), samples.device))
    teacher = guided(velocity_of(critics.teacher, given), velocity_of(critics.teacher, silent), stage.guidance)
    fake = velocity_of(critics.fake, given)
    sigma = levels(samples, pupil.config.shift, generator)
    matching = matching_loss(samples, teacher, fake, sigma, generator)
    consistency = (found.latents - samples).square().mean()
    return {"loss": matching + stage.consistency * consistency, "matching": matching, "consistency": consistency}


def fake_losses(
    pupil: Pupil, critics: Critics, seen: SceneBatch, generator: torch.Generator, stage: DistilStage
) -> dict[str, Tensor]:
    """Flow matching of the student's samples."""
    given = known(pupil, seen, generator, stage.image_drop)
    with torch.no_grad():
        _, samples = generated(pupil, given, seen, generator)
    sigma = levels(samples, pupil.config.shift, generator)
    noise = normal(samples.shape, generator, samples.device)
    velocity = velocity_loss(velocity_of(critics.fake, given), samples, sigma, noise)
    return {"loss": velocity, "fake_velocity": velocity}


def generated(
    pupil: Pupil, given: Known, seen: SceneBatch, generator: torch.Generator
) -> tuple[Prediction, Float[Tensor, "b z t h w"]]:
    """One step of the student's own generation, drawn by lot, and latents of the views of its scenes."""
    step = int(torch.randint(len(pupil.config.denoising_steps), (), generator=generator))
    found = predict(pupil.transformer, given, *inputs_of_step(pupil, given, seen, step, generator))
    return found, encode(pupil, look_of(scenes_of(pupil, found, given, seen), seen).clamp(0, 1), generator)
