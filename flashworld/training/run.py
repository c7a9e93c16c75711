"""`run`: the stages of a recipe in their order, each beginning with what the ones before it handed on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice, repeat
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import torch

from flashworld.errors import BackendError, WeightsError
from flashworld.models.compilation import compile_regions
from flashworld.models.fused import suit_cuda
from flashworld.training import autoencoder, company, distil, dual, lift
from flashworld.training.beginnings import begin_scenes
from flashworld.training.checkpoints import read_result, write_result
from flashworld.training.data import SeenWorld, Sight, background, in_order, windows
from flashworld.training.deepening import can_become, deepened
from flashworld.training.footage import footage
from flashworld.training.pupil import Pupil, load_tensors, with_latent_scale
from flashworld.training.recipes import Recipe
from flashworld.training.scenes import SceneBatch
from flashworld.training.store import read_store
from flashworld.training.trainer import Listen, LogEntry, Plan, Task, train
from flashworld.training.worlds import held_out_seed, training_seed
from flashworld.weights import load, save

AHEAD = 64
"""Worlds that are under way at once."""
DRAWN = 2**34
"""Each stage draws its training worlds from a range of its own, this long."""


class Drawn(Protocol):
    """A stage's settings of the window of worlds from which its batches are drawn, unless all worlds are stored."""

    @property
    def window(self) -> int:
        """Worlds from which a step draws."""
        ...

    @property
    def renew(self) -> int:
        """Steps after which a new world joins."""
        ...


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
    stored: Sequence[SeenWorld] = ()
    """Worlds that were cast before; without any, they are cast on the way."""
    compiled: bool = False
    """Whether torch compiles first what each step does again."""


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
    model: str | Path | None = None,
    compiled: bool = False,
) -> bool:
    """Train until all is done or time is up; returns whether all is done.

    Each stage has a folder with its checkpoint, log and sheets, and what it hands on: `weights.json` and shards. With
    `resume`, finished stages are kept and an unfinished one is continued. The model comes in the folder `model`.

    Args:
        recipe: What is trained, and how.
        output: The folder. Worlds in its folder `worlds` (`store.cast_store`) are learned from; without any, worlds are
            made on the way.
        resume: Go on with what is in the folder.
        minutes: Stop after this long.
        device: Where it trains.
        processes: That make worlds; 0 for threads.
        listen: Hears of losses and scores.
        only: A single stage to train.
        data: A folder of real scenes to learn from instead.
        model: A model to begin with, which may have fewer layers than the recipe's. The stages before `only`, or the
            autoencoder alone, are taken to have made it.
        compiled: Compile first what each step does again: the losses of lift and dual, the networks' blocks elsewhere.
    """
    deadline = float("inf") if minutes is None else monotonic() + 60 * minutes
    recipe = divided(recipe, company.size())
    names = list(STAGES)[1 if model else 0 :] if only is None else [only]
    if model is not None and company.is_first():
        begin_with(model, recipe, output, list(STAGES)[: list(STAGES).index(names[0])], resume)
    company.wait()
    stored = read_store(output / "worlds", recipe.sight, device)
    with background(processes) as executor:
        place = Place(output, device, executor, deadline, listen, data, stored, compiled)
        done = all(STAGES[name](recipe, place, resume) for name in names)
        if done and names[-1] in MAKERS and company.is_first():
            write_model(recipe, place, names[-1])
    return done


def divided(recipe: Recipe, processes: int) -> Recipe:
    """The recipe with each step in parts enough for so many processes.

    Raises:
        BackendError: A batch cannot be divided evenly.
    """

    def stage(name: str) -> Any:
        stage = getattr(recipe, name)
        plan = replace(stage.plan, parts=max(stage.plan.parts, processes))
        if plan.batch % plan.parts:
            raise BackendError(
                f"{plan.parts} processes cannot share {plan.batch} samples evenly: start another number."
            )
        return replace(stage, plan=plan)

    return replace(recipe, **{name: stage(name) for name in STAGES})


def worlds(sight: Sight, place: Place, stage: int) -> Callable[[int], Iterator[SeenWorld]]:
    """The training worlds of a stage; called with n, the stream begins at its world n."""

    def beginning_at(first: int) -> Iterator[SeenWorld]:
        number = stage * DRAWN + first
        if place.data is not None:
            return in_order(footage(place.data, sight)[0], number, place.executor, AHEAD)
        if place.stored:
            return cycle(place.stored)
        return in_order(partial(training_world, sight), number, place.executor, AHEAD)

    return beginning_at


def batches(sight: Sight, place: Place, stage: int, drawn: Drawn) -> Callable[[int], Iterator[list[SeenWorld]]]:
    """The worlds from which each step of a stage draws, beginning at a step: a window, or all that are stored."""
    if place.stored and place.data is None:
        return lambda _step: repeat(list(place.stored))
    return lambda step: windows(worlds(sight, place, stage), step, drawn.renew, drawn.window)


def training_world(sight: Sight, index: int) -> SeenWorld:
    """A training world by its number."""
    return sight(training_seed(index))


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
        pupil = settled(Pupil(recipe.model, recipe.seed), place)
        seen = held_out(recipe.sight, place, stage.held_out)
        task = autoencoder.task(
            pupil,
            stage,
            batches(recipe.sight, place, 0, stage),
            list(islice(worlds(recipe.sight, place, 0)(0), stage.examples)),
            seen,
            place.device,
        )
        if place.compiled:
            compile_regions(pupil.networks)
        return pupil, task

    def facts(pupil: Pupil) -> dict[str, Any]:
        stream = worlds(recipe.sight, place, 0)(0)
        mean, std = autoencoder.latent_statistics(pupil, [next(stream) for _ in range(recipe.statistics)])
        return {"latents_mean": mean, "latents_std": std}

    return _run_stage(place.output / "autoencoder", stage.plan, begin, facts, place, resume)


def run_lift(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `lift`: distances of single views."""
    stage = recipe.lift
    sight = replace(recipe.sight, num_extra=0)

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = pupil_with_pictures(recipe, place.output)
        if not has_begun(place.output):
            begin_scenes(pupil)
        settled(pupil, place)
        seen = held_out(sight, place, stage.held_out)
        return pupil, lift.task(pupil, stage, batches(sight, place, 1, stage), seen, place.device, place.compiled)

    return _run_stage(place.output / "lift", stage.plan, begin, lambda _pupil: {}, place, resume)


def run_dual(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `dual`: all views, in multi-view and 3D mode by turns."""
    stage = recipe.dual

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = settled(pupil_after(recipe, place.output, "lift"), place)
        seen = held_out(recipe.sight, place, stage.held_out)
        stream = batches(recipe.sight, place, 2, stage)
        num_views = recipe.sight.num_views
        return pupil, dual.task(pupil, stage, stream, seen, num_views, place.device, place.compiled)

    return _run_stage(place.output / "dual", stage.plan, begin, lambda _pupil: {}, place, resume)


def run_distil(recipe: Recipe, place: Place, resume: bool) -> bool:
    """Stage `distil`: the few steps of generation are drawn to what multi-view mode knows."""
    stage = recipe.distil

    def begin() -> tuple[Pupil, Task[list[SeenWorld]]]:
        pupil = settled(pupil_after(recipe, place.output, "dual"), place)
        seen = held_out(recipe.sight, place, stage.held_out)
        stream = batches(recipe.sight, place, 3, stage)
        critics = distil.Critics.of(pupil)
        if place.compiled:  # after the critics' copies, in which compiled blocks would still compute with the pupil's
            compile_regions(pupil.networks)
        return pupil, distil.task(pupil, critics, stage, stream, seen, recipe.sight.num_views, place.device)

    return _run_stage(place.output / "distil", stage.plan, begin, lambda _pupil: {}, place, resume)


def settled(pupil: Pupil, place: Place) -> Pupil:
    """The pupil on its device, and as that likes it."""
    pupil.to(place.device)
    if place.device.type == "cuda":
        suit_cuda(pupil.networks)
    return pupil


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
    save(place.output / "model", pupils[best].config, pupils[best].networks, trained=True, dtype=recipe.stored)


def _run_stage(
    folder: Path,
    plan: Plan,
    begin: Callable[[], tuple[Pupil, Task[list[SeenWorld]]]],
    facts: Callable[[Pupil], dict[str, Any]],
    place: Place,
    resume: bool,
) -> bool:
    """Train one stage unless it is finished, and write what it hands on; returns whether it is finished."""
    if resume and company.first_says(is_finished(folder)):
        return True
    pupil, task = begin()
    state = train(task, plan, folder, resume=resume, deadline=place.deadline, listen=place.listen)
    own = dict(pupil.named_parameters())  # a stage may also train what no model keeps
    average = {name: value for name, value in state.average.items() if name in own}
    load_tensors(pupil, average)
    if company.is_first():
        write_result(folder, average, {"step": state.step, "steps": plan.steps, **facts(pupil)})
    company.wait()
    return state.step == plan.steps


def pupil_with_pictures(recipe: Recipe, output: Path) -> Pupil:
    """Networks with a trained autoencoder and the scale of its latents; the rest as it begins."""
    tensors, facts = read_result(output / "autoencoder")
    mean, std = (tuple(facts[name]) for name in ("latents_mean", "latents_std"))
    pupil = Pupil(with_latent_scale(recipe.model, mean, std), recipe.seed)
    load_tensors(pupil, tensors)
    return pupil


def begin_with(model: str | Path, recipe: Recipe, output: Path, stages: list[str], resume: bool) -> None:
    """Let a model be what some stages have handed on; with `resume`, those that have are left alone.

    A model with fewer layers than the recipe's gets those that it lacks (`deepened`).

    Raises:
        WeightsError: The model is not of the recipe's sizes.
    """
    loaded = load(model, dtype=torch.float32)
    sizes = loaded.config.autoencoder
    wanted = with_latent_scale(recipe.model, sizes.latents_mean, sizes.latents_std)
    wanted = replace(wanted, native=loaded.config.native)
    if not can_become(loaded.config, wanted):
        raise WeightsError(
            f"{model} has other sizes than the model of the recipe {recipe.name}, or more layers: "
            "choose another recipe."
        )
    tensors = {
        f"{network}.{name}": parameter.detach()
        for network, module in loaded.networks.named().items()
        for name, parameter in module.named_parameters()
    }
    tensors = deepened(tensors, loaded.config, wanted)
    facts = {"step": 0, "steps": 0, "latents_mean": sizes.latents_mean, "latents_std": sizes.latents_std}
    for stage in stages:
        if not (resume and is_finished(output / stage)):
            write_result(output / stage, tensors, facts)


def has_begun(output: Path) -> bool:
    """Whether scenes need no beginning, since what the first stage handed on is a whole model."""
    return any(name.startswith("transformer.") for name in read_result(output / "autoencoder")[0])


def pupil_after(recipe: Recipe, output: Path, stage: str) -> Pupil:
    """Networks as a stage that makes models has left them: what it did not train is what those before it did."""
    pupil = pupil_with_pictures(recipe, output)
    for name in MAKERS[: MAKERS.index(stage) + 1]:
        load_tensors(pupil, read_result(output / name)[0])
    return pupil


STAGES = {"autoencoder": run_autoencoder, "lift": run_lift, "dual": run_dual, "distil": run_distil}
"""In their order."""
MAKERS = ("lift", "dual", "distil")
"""The stages after which there is a model."""
