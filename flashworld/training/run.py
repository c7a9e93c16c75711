"""`run`: the stages of a recipe in their order, each beginning with what the ones before it handed on."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from flashworld.training import autoencoder, distil, dual, lift
from flashworld.training.beginnings import begin_scenes
from flashworld.training.checkpoints import read_result, write_result
from flashworld.training.data import SeenWorld, Sight, background, cast_together, in_order
from flashworld.training.footage import footage
from flashworld.training.pupil import Pupil, load_tensors, with_latent_scale
from flashworld.training.recipes import Recipe
from flashworld.training.scenes import SceneBatch
from flashworld.training.trainer import Listen, LogEntry, Plan, Task, train
from flashworld.training.worlds import World, held_out_seed, training_seed
from flashworld.weights import save

AHEAD = 64
"""Worlds that are under way at once."""
CAST_TOGETHER = 16
"""Worlds whose pictures a GPU casts at once."""
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
    data: Path | None = None
    """Scenes of real pictures, see `footage`; without it, worlds are made."""


def run(
    recipe: Recipe,
    output: Path,
    *,
    resume: bool,
    minutes: float | None,
    device: torch.device,
    processes: int,
    listen: Listen,
    only: str | None = None,
    data: Path | None = None,
) -> bool:
    """Train until all is done or time is up; returns whether all is done. `only` names a single stage to train.

    It learns from made worlds, or from the scenes of the folder `data`.

    Each stage has a folder with its checkpoint, log and sheets, and what it hands on: `weights.json` and shards. With
    `resume`, finished stages are kept and an unfinished one is continued. The model comes in the folder `model`.
    """
    deadline = float("inf") if minutes is None else monotonic() + 60 * minutes
    with background(processes) as executor:
        place = Place(output, device, executor, deadline, listen, data)
        done = all(stage(recipe, place, resume) for name, stage in STAGES.items() if only in (None, name))
        if done and only in (None, *MAKERS):
            write_model(recipe, place, only or MAKERS[-1])
    return done


def worlds(sight: Sight, place: Place, stage: int) -> Callable[[int], Iterator[SeenWorld]]:
    """The training worlds of a stage; called with n, the stream begins at its world n.

    Beside a GPU, processors only furnish worlds and the GPU casts their pictures.
    """

    def beginning_at(first: int) -> Iterator[SeenWorld]:
        number = stage * DRAWN + first
        if place.data is not None:
            return in_order(footage(place.data, sight)[0], number, place.executor, AHEAD)
        if place.device.type != "cuda":
            return in_order(partial(training_world, sight), number, place.executor, AHEAD)
        made = in_order(partial(unseen_training_world, sight), number, place.executor, AHEAD)
        return cast_together(sight, made, place.device, CAST_TOGETHER)

    return beginning_at


def training_world(sight: Sight, index: int) -> SeenWorld:
    """A training world by its number."""
    return sight(training_seed(index))


def unseen_training_world(sight: Sight, index: int) -> World:
    """A training world by its number, not yet seen."""
    return sight.make(training_seed(index))


def held_out(sight: Sight, place: Place, num: int) -> list[SeenWorld]:
    """Worlds that no recipe draws, for scores; or scenes that are not learned from."""
    if place.data is not None:
        return list(place.executor.map(footage(place.data, sight)[1], range(num)))
    return list(place.executor.map(sight, [held_out_seed(index) for index in range(num)]))


def is_finished(folder: Path) -> bool:
    """Whether a stage has seen all of its samples."""
    if not (folder / "weights.json").exists():
        return False
    facts = read_result(folder)[1]
    return facts["step"] == facts["steps"]


def run_autoencoder(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `autoencoder`: pictures to latents and back; hands on the scale of its latents, too."""
    stage = recipe.autoencoder

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = Pupil(recipe.model, recipe.seed).to(place.device)
        seen = held_out(recipe.sight, place, stage.held_out)
        return pupil, autoencoder.task(pupil, stage, worlds(recipe.sight, place, 0), seen, place.device)

    def facts(pupil: Pupil) -> dict[str, Any]:
        stream = worlds(recipe.sight, place, 0)(0)
        mean, std = autoencoder.latent_statistics(pupil, [next(stream) for _ in range(recipe.statistics)])
        return {"latents_mean": mean, "latents_std": std}

    return _run_stage(place.output / "autoencoder", stage.plan, begin, facts, place, resume)


def run_lift(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `lift`: distances of the conditioned view."""
    stage = recipe.lift
    sight = replace(recipe.sight, num_extra=0)

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = pupil_with_pictures(recipe, place.output)
        begin_scenes(pupil)
        pupil.to(place.device)
        seen = held_out(sight, place, stage.held_out)
        return pupil, lift.task(pupil, stage, worlds(sight, place, 1), seen, place.device)

    return _run_stage(place.output / "lift", stage.plan, begin, lambda _pupil: {}, place, resume)


def run_dual(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `dual`: all views, in multi-view and 3D mode by turns."""
    stage = recipe.dual

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = pupil_with_pictures(recipe, place.output)
        load_tensors(pupil, read_result(place.output / "lift")[0])
        pupil.to(place.device)
        seen = held_out(recipe.sight, place, stage.held_out)
        stream = worlds(recipe.sight, place, 2)
        return pupil, dual.task(pupil, stage, stream, seen, recipe.sight.num_views, place.device)

    return _run_stage(place.output / "dual", stage.plan, begin, lambda _pupil: {}, place, resume)


def run_distil(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `distil`: the few steps of generation are drawn to what multi-view mode knows."""
    stage = recipe.distil

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = pupil_after(recipe, place.output, "dual").to(place.device)
        seen = held_out(recipe.sight, place, stage.held_out)
        stream = worlds(recipe.sight, place, 3)
        critics = distil.Critics.of(pupil)
        return pupil, distil.task(pupil, critics, stage, stream, seen, recipe.sight.num_views, place.device)

    return _run_stage(place.output / "distil", stage.plan, begin, lambda _pupil: {}, place, resume)


def write_model(recipe: Recipe, place: Place, last: str) -> None:
    """The model in the layout that `flashworld generate --model` reads: what scores best on held-out worlds.

    That is what the stage `last` made, or one before it if that one's novel views are nearer to the truth.
    """
    truth = SceneBatch.of(held_out(recipe.sight, place, recipe.dual.held_out), place.device)
    makers = MAKERS[: MAKERS.index(last) + 1]
    pupils = {stage: pupil_after(recipe, place.output, stage).to(place.device) for stage in makers}
    scored = {stage: dual.score(pupil, truth, recipe.sight.num_views)[0] for stage, pupil in pupils.items()}
    best = max(makers, key=lambda stage: scored[stage]["novel_psnr"])
    place.listen(LogEntry(f"model of stage {best}", 1, 1, 0.0, 0.0, scored[best]))
    save(place.output / "model", pupils[best].config, pupils[best].networks, trained=True)


def _run_stage(
    folder: Path,
    plan: Plan,
    begin: Callable[[], tuple[Pupil, Task[list[SeenWorld]]]],
    facts: Callable[[Pupil], dict[str, Any]],
    place: Place,
    resume: bool,
) -> bool:
    """Train one stage unless it is finished, and write what it hands on; returns whether it is finished."""
    if resume and is_finished(folder):
        return True
    pupil, task = begin()
    state = train(task, plan, folder, resume=resume, deadline=place.deadline, listen=place.listen)
    own = dict(pupil.named_parameters())  # a stage may also train what no model keeps
    average = {name: value for name, value in state.average.items() if name in own}
    load_tensors(pupil, average)
    write_result(folder, average, {"step": state.step, "steps": plan.steps, **facts(pupil)})
    return state.step == plan.steps


def pupil_with_pictures(recipe: Recipe, output: Path) -> Pupil:
    """Networks with a trained autoencoder and the scale of its latents; the rest as it begins."""
    tensors, facts = read_result(output / "autoencoder")
    mean, std = (tuple(facts[name]) for name in ("latents_mean", "latents_std"))
    pupil = Pupil(with_latent_scale(recipe.model, mean, std), recipe.seed)
    load_tensors(pupil, tensors)
    return pupil


def pupil_after(recipe: Recipe, output: Path, stage: str) -> Pupil:
    """Networks as a stage that makes models has left them: what it did not train is what those before it did."""
    pupil = pupil_with_pictures(recipe, output)
    for name in MAKERS[: MAKERS.index(stage) + 1]:
        load_tensors(pupil, read_result(output / name)[0])
    return pupil


STAGES = {"autoencoder": run_autoencoder, "lift": run_lift, "dual": run_dual, "distil": run_distil}
"""In their order."""
MAKERS = ("dual", "distil")
"""The stages after which there is a model."""
