"""Checkpoints: one safetensors file that is replaced whole, and averages alone in shards that travel easily."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from flashworld.errors import WeightsError

if TYPE_CHECKING:
    from flashworld.training.trainer import TrainingState

SHARD_BYTES = 14 * 2**20


def write_checkpoint(path: Path, state: "TrainingState") -> None:
    """Everything that resuming needs: parameters, averages, the optimiser's moments and the step.

    It is written beside and renamed, so a run that dies while writing leaves the previous checkpoint.
    """
    tensors = {f"average/{name}": value for name, value in state.average.items()}
    for name, parameter in state.trained.items():
        tensors[f"parameter/{name}"] = parameter.detach()
        for key, value in state.optimiser.state[parameter].items():
            tensors[f"{key}/{name}"] = value
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    beside = path.with_suffix(".part")
    save_file(tensors, beside, metadata={"step": str(state.step)})
    beside.replace(path)


def read_checkpoint(path: Path, state: "TrainingState") -> None:
    """Put a checkpoint into a fresh state. Without a file the state stays fresh.

    Raises:
        WeightsError: The checkpoint is of other networks.
    """
    if not path.exists():
        return
    tensors = load_file(path)
    trained = state.trained
    found = {name.partition("/")[2]: value.shape for name, value in tensors.items() if name.startswith("parameter/")}
    if found != {name: parameter.shape for name, parameter in trained.items()}:
        raise WeightsError(f"{path} was written for other networks: train into another folder, or without --resume.")
    for name, parameter in trained.items():
        parameter.data.copy_(tensors[f"parameter/{name}"])
        state.average[name].copy_(tensors[f"average/{name}"])
        keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}/{name}" in tensors]
        # AdamW counts its steps on the host, unless its kernels are fused.
        on_host = () if state.optimiser.defaults["fused"] else ("step",)
        moments = {key: tensors[f"{key}/{name}"] for key in keys}
        state.optimiser.state[parameter] = {
            # Moments lie in memory as their parameter does, or fused kernels take one number for another.
            key: torch.empty_like(parameter).copy_(value)
            if key != "step"
            else value.to("cpu" if key in on_host else parameter.device)
            for key, value in moments.items()
        }
    with safe_open(path, framework="pt") as file:
        state.step = int(file.metadata()["step"])


def write_result(
    folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any], shard_bytes: int = SHARD_BYTES
) -> None:
    """What a stage hands on: half-precision shards `weights-0.safetensors`, ... and `weights.json` with `facts`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index, shard in enumerate(_shards({k: v.to("cpu", torch.float16) for k, v in tensors.items()}, shard_bytes)):
        names.append(f"weights-{index}.safetensors")
        save_file(shard, folder / names[-1])
    (folder / "weights.json").write_text(json.dumps({"files": names, **facts}, indent=1), encoding="utf-8")


def read_result(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, in float32, and facts of a finished stage.

    Raises:
        WeightsError: The stage has not finished there.
    """
    if not (folder / "weights.json").exists():
        raise WeightsError(f"There is no finished stage in {folder}: train it first.")
    facts = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
    shards = [load_file(folder / name) for name in facts.pop("files")]
    return {name: value.float() for shard in shards for name, value in shard.items()}, facts


def _shards(tensors: dict[str, Tensor], limit: int) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, value in tensors.items():
        if shard and size + value.nbytes > limit:
            yield shard
            shard, size = {}, 0
        shard[name] = value.contiguous()
        size += value.nbytes
    yield shard
