"""`run`: the stages of a recipe in their order, each beginning with what the ones before it handed on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch

from flashworld.training import autoencoder
from flashworld.training.checkpoints import read_result, write_result
from flashworld.training.data import SeenWorld, Sight, background, in_order
from flashworld.training.pupil import Pupil, load_tensors, with_latent_scale
from flashworld.training.recipes import Recipe
from flashworld.training.trainer import Listen, train
from flashworld.training.worlds import held_out_seed, training_seed

AHEAD = 64
"""Worlds that are under way at once."""
DRAWN = 2**34
"""Each stage draws its training worlds from a range of its own, this long."""


@dataclass(frozen=True)
class Place:
    """Where training happens and who hears of it."""

    output: Path
    device: torch.device
    executor: Executor
    deadline: float
    """In seconds of `time.monotonic`."""
    listen: Listen


def run(
    recipe: Recipe,
    output: Path,
    *,
    resume: bool,
    minutes: float | None,
    device: torch.device,
    processes: int,
    listen: Listen,
) -> bool:
    """Train until all is done or time is up; returns whether all is done.

    Each stage has a folder with its checkpoint, log and sheets, and what it hands on: `weights.json` and shards. With
    `resume`, finished stages are kept and an unfinished one is continued.
    """
    deadline = float("inf") if minutes is None else monotonic() + 60 * minutes
    with background(processes) as executor:
        place = Place(output, device, executor, deadline, listen)
        return all(stage(recipe, place, resume) for stage in STAGES.values())


def worlds(sight: Sight, place: Place, stage: int) -> Callable[[int], Iterator[SeenWorld]]:
    """The training worlds of a stage; called with n, the stream begins at its world n."""
    return lambda first: in_order(Seen(sight), stage * DRAWN + first, place.executor, AHEAD)


@dataclass(frozen=True)
class Seen:
    """A training world by its number, seen."""

    sight: Sight

    def __call__(self, index: int) -> SeenWorld:
        """The world."""
        return self.sight(training_seed(index))


def held_out(sight: Sight, place: Place, num: int) -> list[SeenWorld]:
    """Worlds that no recipe draws, for scores."""
    return list(place.executor.map(sight, [held_out_seed(index) for index in range(num)]))


def is_finished(folder: Path) -> bool:
    """Whether a stage has seen all of its samples."""
    if not (folder / "weights.json").exists():
        return False
    facts = read_result(folder)[1]
    return facts["step"] == facts["steps"]


def run_autoencoder(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `autoencoder`: pictures to latents and back; hands on the scale of its latents, too."""
    folder, stage = place.output / "autoencoder", recipe.autoencoder
    if resume and is_finished(folder):
        return True
    pupil = Pupil(recipe.model, recipe.seed).to(place.device)
    source = worlds(recipe.sight, place, 0)
    task = autoencoder.task(pupil, stage, source, held_out(recipe.sight, place, stage.held_out), place.device)
    state = train(
        task,
        stage.plan,
        folder,
        resume=resume,
        deadline=place.deadline,
        listen=place.listen,
    )
    load_tensors(pupil, state.average)
    stream = source(0)
    mean, std = autoencoder.latent_statistics(pupil, [next(stream) for _ in range(recipe.statistics)])
    facts = {"step": state.step, "steps": stage.plan.steps, "latents_mean": mean, "latents_std": std}
    write_result(folder, state.average, facts)
    return state.step == stage.plan.steps


def pupil_with_pictures(recipe: Recipe, output: Path) -> Pupil:
    """Networks with a trained autoencoder and the scale of its latents; the rest as it begins."""
    tensors, facts = read_result(output / "autoencoder")
    mean, std = (tuple(facts[name]) for name in ("latents_mean", "latents_std"))
    pupil = Pupil(with_latent_scale(recipe.model, mean, std), recipe.seed)
    load_tensors(pupil, tensors)
    return pupil


STAGES = {"autoencoder": run_autoencoder}
"""In their order."""
