"""`load`: the way from a model's name to a model."""

from pathlib import Path

import torch

from flashworld.errors import WeightsError
from flashworld.events import Progress, Report, ignore
from flashworld.models.config import FLASHWORLD
from flashworld.models.model import Model, assemble, build_networks
from flashworld.models.offload import Offloading, offloaded, plan_offloading
from flashworld.models.precision import weight_dtype
from flashworld.runtime import choose_dtype
from flashworld.weights import hub
from flashworld.weights.fill import Placement, fill, weight_shapes
from flashworld.weights.source import Source, is_own_folder, open_own_folder, open_published
from flashworld.weights.untrained import build_untrained

SHIPPED = Path(__file__).parent / "tiny"
"""Weights of the tiny model, once they have been trained."""


def load(
    model: str | Path,
    *,
    ckpt: str | Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    offloading: Offloading | None = None,
    report: Report = ignore,
) -> Model:
    """A model with its weights in place.

    Args:
        model: `tiny`, which comes with the package; `flashworld`, the published model, from the Hugging Face hub; or a
            folder that `save` has written, or a copy of Wan-AI/Wan2.2-TI2V-5B-Diffusers.
        ckpt: FlashWorld's checkpoint, for `flashworld` and copies of Wan. Without it, `model.ckpt` or
            `model.safetensors` in the folder, or the one on the hub.
        device: Where the weights go. They are held once, never first elsewhere.
        dtype: Format in which the networks compute; by default what suits the device.
        offloading: Which networks rest in main memory; none by default.
        report: Hears of every loaded tensor, as stage `load`.

    Raises:
        WeightsError: Weights are missing, damaged or of another shape; the sentence says which file and what to do.
    """
    device = torch.device(device)
    placement = Placement(device, dtype or choose_dtype(device))
    if model == "tiny" and ckpt is not None:
        raise WeightsError("The tiny model takes no checkpoint: leave out --ckpt, or ask for --model flashworld.")
    if model == "tiny" and not has_trained_tiny():
        report(Progress("load", 1, 1))
        return build_untrained(placement)
    loaded = _load_source(str(model), _find(model, ckpt), placement, offloading or Offloading(), report)
    return offloaded(loaded, offloading) if offloading else loaded


def suit_memory(free: int, dtype: torch.dtype) -> Offloading:
    """What the published model has to keep off a device with `free` bytes when it computes in `dtype`."""
    sizes = {
        name: sum(
            shape.numel() * weight_dtype(module, weight, dtype).itemsize
            for weight, shape in weight_shapes(module).items()
        )
        for name, module in build_networks(FLASHWORLD).named().items()
    }
    return plan_offloading(free, sizes)


def has_trained_tiny() -> bool:
    """Whether trained weights of the tiny model come with this package."""
    return is_own_folder(SHIPPED)


def _find(model: str | Path, ckpt: str | Path | None) -> Source:
    if model == "tiny":
        return open_own_folder(SHIPPED)
    if model == "flashworld":
        checkpoint = hub.download_checkpoint() if ckpt is None else _existing(Path(ckpt))
        return open_published(hub.download_wan(), checkpoint)
    folder = Path(model)
    if not folder.is_dir():
        raise WeightsError(
            f"There is no model at {model} (looked in {folder.resolve()}): use tiny, flashworld or a folder of weights."
        )
    if is_own_folder(folder):
        if ckpt is not None:
            raise WeightsError(f"{folder} holds all of its weights: leave out --ckpt.")
        return open_own_folder(folder)
    return open_published(folder, _checkpoint_in(folder) if ckpt is None else Path(ckpt))


def _existing(checkpoint: Path) -> Path:
    """Checked before gigabytes are downloaded."""
    if not checkpoint.is_file():
        raise WeightsError(
            f"There is no checkpoint at {checkpoint.resolve()}: give the path of model.ckpt with --ckpt."
        )
    return checkpoint


def _checkpoint_in(folder: Path) -> Path:
    for name in (hub.CHECKPOINT, "model.safetensors"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        f"{folder} holds neither config.json nor {hub.CHECKPOINT} nor model.safetensors: "
        "if it is a copy of Wan, name FlashWorld's checkpoint with --ckpt."
    )


def _load_source(name: str, source: Source, placement: Placement, offloading: Offloading, report: Report) -> Model:
    networks = build_networks(source.config)
    total = sum(len(weight_shapes(module)) for module in networks.named().values())
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        report(Progress("load", done, total))

    for part, module in networks.named().items():
        home = Placement(offloading.home(part, placement.device), placement.dtype)
        fill(module, source.networks[part].tensors, source.networks[part].where, home, advance)
    return assemble(
        name,
        source.config,
        networks,
        source.tokenizer,
        trained=source.trained,
        weights=source.weights,
        dtype=placement.dtype,
    )
