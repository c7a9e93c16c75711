"""`train`: any stage of a recipe, step by step until its samples or its time are used up.

What step k sees, data and random numbers, follows from k and the stage's seed alone, so a checkpoint holds parameters,
optimiser and averages, and the number of steps. On a CPU a resumed run ends with the very bits of an uninterrupted one.
Several processes may share the parts of a step (`company`); the first of them writes.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from flashworld.publish import make_folder, published
from flashworld.training import company
from flashworld.training.checkpoints import read_checkpoint, write_checkpoint

B = TypeVar("B")


@dataclass(frozen=True)
class Plan:
    """How a stage is optimised. Lengths are in samples, so that another batch size keeps the schedule."""

    samples: int
    batch: int
    rate: float
    """Highest learning rate of AdamW; reached after `warm_up`, then a cosine falls to `final_rate` of it."""
    warm_up: int
    final_rate: float = 0.02
    decay: float = 0.01
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    half_life: int = 2000
    """Of the running average of the parameters, which is what a stage hands on."""
    log_every: int = 20
    """Steps between lines of the log."""
    score_every: int = 500
    """Steps between scores on held-out worlds, each with a contact sheet."""
    checkpoint_seconds: float = 180.0
    seed: int = 0
    parts: int = 1
    """Into which a step's batch is divided, each with random numbers of its own. One process takes them one after the
    other, with memory for one; several share them (`company`)."""

    @property
    def part(self) -> int:
        """Samples of a part of a step."""
        return self.batch // self.parts

    @property
    def steps(self) -> int:
        """Number of steps."""
        return -(-self.samples // self.batch)

    def rate_at(self, samples: int) -> float:
        """Learning rate after `samples`."""
        if samples < self.warm_up:
            return self.rate * (samples + self.batch) / (self.warm_up + self.batch)
        progress = min(1.0, (samples - self.warm_up) / max(1, self.samples - self.warm_up))
        return self.rate * (self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * progress)))

    def keep_at(self, step: int) -> float:
        """Share of the running average that step number `step` (from 0) keeps; young averages forget faster."""
        return min(0.5 ** (self.batch / self.half_life), (1 + step) / (10 + step))


@dataclass(frozen=True)
class Task(Generic[B]):
    """What a stage teaches to what.

    `losses` are of a batch, at a share 0..1 of the training, with random numbers of the step's own; `loss` among them
    is minimised. `score` is called with the averaged parameters in place. `rate_of` multiplies a parameter's rate.
    """

    name: str
    module: nn.Module
    batches: Callable[[int], Iterator[B]]
    losses: Callable[[B, torch.Generator, float], dict[str, Tensor]]
    score: Callable[[], tuple[dict[str, float], Image.Image]]
    rate_of: Callable[[str], float] = lambda _name: 1.0


@dataclass
class TrainingState:
    """All that changes in training."""

    trained: dict[str, nn.Parameter]
    """The parameters that training moves, by name."""
    optimiser: torch.optim.AdamW
    average: dict[str, Tensor]
    """Their running averages."""
    step: int = 0

    @classmethod
    def fresh(cls, task: Task[Any], plan: Plan) -> "TrainingState":
        """Before the first step. Parameters that require no gradient are left alone."""
        trained = {name: p for name, p in task.module.named_parameters() if p.requires_grad}
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in trained.items():
            groups.setdefault(task.rate_of(name), []).append(parameter)
        optimiser = torch.optim.AdamW(
            [{"params": parameters, "share": share} for share, parameters in groups.items()],
            lr=plan.rate,
            betas=(0.9, 0.98),
            weight_decay=plan.decay,
            fused=next(iter(trained.values())).device.type == "cuda",
        )
        return cls(trained, optimiser, {name: p.detach().clone() for name, p in trained.items()})


@dataclass(frozen=True)
class LogEntry:
    """A line of the log: losses of (the last part of) one step, or scores with the averaged parameters after it."""

    stage: str
    step: int
    steps: int
    seconds: float
    """Since this run began."""
    rate: float
    values: dict[str, float]


Listen = Callable[[LogEntry], None]


def train(task: Task[B], plan: Plan, folder: Path, *, resume: bool, deadline: float, listen: Listen) -> TrainingState:
    """Train until the plan's samples are seen or `time.monotonic()` passes `deadline`.

    The folder holds `checkpoint.safetensors`, `log.jsonl` and `sheet-*.png`. With `resume` a checkpoint there is
    continued; otherwise it is overwritten. The returned state is that of the checkpoint.
    """
    make_folder(folder)
    state = TrainingState.fresh(task, plan)
    if resume:
        read_checkpoint(folder / "checkpoint.safetensors", state)
    log = _Log(folder, task.name, plan, state.step, listen)
    saved = monotonic()
    batches = task.batches(state.step) if state.step < plan.steps else iter(())
    while state.step < plan.steps and company.first_says(monotonic() < deadline):
        losses = _step(state, task, plan, next(batches))
        if not company.is_first():
            continue
        if state.step % plan.log_every == 0 or state.step == 1:
            log.write(state.step, {name: value.item() for name, value in losses.items()})
        if state.step % plan.score_every == 0 or state.step == plan.steps:
            log.write(state.step, score(state, task, folder / f"sheet-{state.step:06d}.png"))
        if monotonic() - saved > plan.checkpoint_seconds:
            write_checkpoint(folder / "checkpoint.safetensors", state)
            saved = monotonic()
    if company.is_first():
        write_checkpoint(folder / "checkpoint.safetensors", state)
    return state


def _step(state: TrainingState, task: Task[B], plan: Plan, batch: B) -> Mapping[str, Tensor]:
    samples = state.step * plan.batch
    for group in state.optimiser.param_groups:
        group["lr"] = plan.rate_at(samples) * group["share"]
    state.optimiser.zero_grad(set_to_none=True)
    losses: dict[str, Tensor] = {}
    for part in company.own(plan.parts):
        generator = torch.Generator().manual_seed((plan.seed << 40) + (part << 32) + state.step)
        losses = task.losses(batch, generator, samples / plan.samples)
        (losses["loss"] / plan.parts).backward()
    company.add_gradients(list(state.trained.values()))
    losses["gradient"] = nn.utils.clip_grad_norm_(list(state.trained.values()), plan.clip)
    state.optimiser.step()
    average_in(state, plan.keep_at(state.step))
    state.step += 1
    return losses


@torch.no_grad()
def average_in(state: TrainingState, keep: float) -> None:
    """Move the running averages towards the parameters: `keep * average + (1 - keep) * parameter`."""
    move = get_ema_multi_avg_fn(keep)
    move(list(state.average.values()), list(state.trained.values()), None)


@contextmanager
def averaged(state: TrainingState) -> Iterator[None]:
    """The averages in place of the parameters while the context lasts."""
    kept = {name: parameter.data for name, parameter in state.trained.items()}
    for name, parameter in state.trained.items():
        parameter.data = state.average[name]
    try:
        yield
    finally:
        for name, parameter in state.trained.items():
            parameter.data = kept[name]


@torch.no_grad()
def score(state: TrainingState, task: Task[Any], sheet: Path) -> dict[str, float]:
    """Scores of the averaged parameters on held-out worlds; a contact sheet is written."""
    with averaged(state):
        values, picture = task.score()
    with published(sheet) as beside:
        picture.save(beside, format="PNG")
    return values


class _Log:
    """`log.jsonl`. What an earlier run wrote beyond the step at which this one begins is dropped."""

    def __init__(self, folder: Path, stage: str, plan: Plan, step: int, listen: Listen):
        self.path = folder / "log.jsonl"
        self.stage, self.plan, self.listen = stage, plan, listen
        self.began = monotonic()
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() and step else []
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        if company.is_first():
            self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def write(self, step: int, values: dict[str, float]) -> None:
        rate = self.plan.rate_at((step - 1) * self.plan.batch)
        entry = LogEntry(self.stage, step, self.plan.steps, round(monotonic() - self.began, 2), rate, values)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")
        self.listen(entry)
