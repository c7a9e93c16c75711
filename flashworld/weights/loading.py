"""`load`: the way from a model's name to a model."""

from collections.abc import Callable
from pathlib import Path

import torch

from flashworld.cache import cache_folder
from flashworld.errors import WeightsError
from flashworld.events import Progress, Report, ignore
from flashworld.models.attention import fastest, measure_attention, use_attention
from flashworld.models.compilation import compile_regions
from flashworld.models.config import ModelConfig
from flashworld.models.fp8 import fp8_for, quantise_blocks
from flashworld.models.fused import suit_cuda
from flashworld.models.model import Model, assemble, build_networks
from flashworld.placement import CPU_PLAN, WHOLE, Plan, Residence, find_card
from flashworld.placement.residence import home
from flashworld.planner import choose_plan
from flashworld.runtime import choose_dtype, let_memory_grow
from flashworld.weights import hub
from flashworld.weights.fill import Placement, fill, weight_shapes
from flashworld.weights.quantised import cached_file, keep, quantised_source
from flashworld.weights.source import Source, is_own_folder, open_own_folder, open_published
from flashworld.weights.untrained import build_untrained

TYPICAL_TOKENS = 7920
"""Of 24 views of 480 x 704 pixels, for which the attention backend is chosen."""

SHIPPED = Path(__file__).parent / "tiny"
"""Weights of the tiny model, once they have been trained."""


def load(
    model: str | Path,
    *,
    ckpt: str | Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    plan: Plan | None = None,
    compiled: bool = False,
    gpu_later: bool = False,
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
        plan: How the device's memory is shared. By default the one that `flashworld.planner` chooses for the published
            layout on CUDA, and everything resident in full precision elsewhere.
        compiled: Let torch compile the networks' blocks, for GPUs on which our kernels do not run (docs/speed.md).
        gpu_later: `device` is promised and not here yet, as on ZeroGPU: nothing is tried out on it.
        report: Hears of every loaded tensor, as stage `load`.

    Raises:
        WeightsError: Weights are missing, damaged or of another shape; the sentence says which file and what to do.
    """
    device = torch.device(device)
    if device.type == "cuda":
        let_memory_grow()
    placement = Placement(device, dtype or choose_dtype(device))
    if model == "tiny" and ckpt is not None:
        raise WeightsError("The tiny model takes no checkpoint: leave out --ckpt, or ask for --model flashworld.")
    if model == "tiny" and not has_trained_tiny():
        report(Progress("load", 1, 1))
        return build_untrained(placement)
    source = _find(model, ckpt)
    loaded = _load_source(str(model), source, placement, plan or plan_for(source.config, device), report)
    if device.type == "cuda":
        _suit_cuda(loaded, measure=not gpu_later)
    if compiled:
        compile_regions(loaded.networks)
    return loaded


def _suit_cuda(model: Model, measure: bool) -> None:
    """Lay out and choose what is fastest on this GPU; numbers change by rounding only."""
    suit_cuda(model.networks)
    if not measure:
        return
    sizes = model.config.transformer
    use_attention(
        model.networks.transformer,
        fastest(measure_attention(TYPICAL_TOKENS, sizes.num_attention_heads, sizes.attention_head_dim, model.device)),
    )


def plan_for(config: ModelConfig, device: torch.device) -> Plan:
    """The plan that suits a model on a device if nobody asks for another."""
    if (card := find_card(device)) is None:
        return CPU_PLAN
    return WHOLE if config.native is not None else choose_plan(card, config).plan


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


def _load_source(name: str, source: Source, placement: Placement, plan: Plan, report: Report) -> Model:
    networks = build_networks(source.config)
    modules, sources = networks.named(), dict(source.networks)
    kept = None
    if plan.blocks == "fp8":
        how = fp8_for(placement.device)
        quantise_blocks(networks.transformer, how, placement.dtype)
        kept = cached_file(source.weights, how.per, placement.dtype)
        sources["transformer"] = quantised_source(sources["transformer"], networks.transformer, kept, placement.device)
    # An encoder that does not stay on the device is read for the first prompt whose embedding is not known.
    later = ["text_encoder"] if plan.text_encoder != "resident" else []
    now = [part for part in modules if part not in later]
    total = sum(len(weight_shapes(modules[part])) for part in now)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        report(Progress("load", done, total))

    def fetch(part: str, advance: Callable[[], None] = lambda: None) -> None:
        there = Placement(home(plan, part, placement.device), placement.dtype)
        fill(modules[part], sources[part].tensors, sources[part].where, there, advance)

    def fetch_later() -> None:
        while later:
            fetch(later[0])
            later.pop()

    for part in now:
        fetch(part, advance)
    if kept is not None:
        keep(networks.transformer, kept)
    return assemble(
        name,
        source.config,
        networks,
        source.tokenizer,
        Residence(modules, placement.device, plan),
        trained=source.trained,
        weights=source.weights,
        dtype=placement.dtype,
        lasting=_prompts(source, placement) if later else None,
        fetch_text_encoder=fetch_later,
    )


def _prompts(source: Source, placement: Placement) -> Path:
    """Where embeddings by these weights outlive the process."""
    return cache_folder() / "prompts" / f"{source.weights.rpartition(':')[2][:32]}-{placement.dtype}"
