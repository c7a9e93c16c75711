"""A folder of recordings: which files it holds, and the comparisons that they allow."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flashworld.denoising import Schedule
from flashworld.errors import FormatError
from flashworld.models.config import ModelConfig, TextConfig, select
from flashworld.models.model import build_networks
from flashworld.models.text import Umt5TextEncoder, build_umt5, byte_tokenizer
from flashworld.models.transformer import TransformerDenoiser
from flashworld.testing.parity.cameras import compare_cameras
from flashworld.testing.parity.comparison import Comparison
from flashworld.testing.parity.export import compare_export
from flashworld.testing.parity.fp8 import compare_fp8
from flashworld.testing.parity.loop import compare_loop
from flashworld.testing.parity.models import (
    Miniature,
    compare_autoencoder,
    compare_decoder,
    compare_denoiser,
    compare_head,
    compare_reduced,
    compare_text,
)
from flashworld.testing.parity.render import compare_renderings
from flashworld.testing.parity.request import compare_requests
from flashworld.testing.parity.schedule import compare_schedule
from flashworld.weights.fill import Placement, fill


class Recording(dict[str, Tensor]):
    """Tensors of one file by name; one that is looked up in vain is told to the user."""

    def __init__(self, file: str, tensors: dict[str, Tensor]):
        super().__init__(tensors)
        self.file = file

    def __missing__(self, name: str) -> Tensor:
        raise FormatError(f"{self.file} holds no tensor {name!r}, which its comparison needs.")


FLOAT32 = Placement(torch.device("cpu"), torch.float32)


def compare_folder(folder: Path | str, *, rasteriser: str = "auto") -> Iterator[Comparison]:
    """Make every comparison that the folder's files allow, one after another.

    Raises:
        FormatError: No such folder, none of the files in it, or a damaged one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FormatError(f"There is no folder {folder}; give one that holds recordings such as cameras.safetensors.")
    files = {path.name: _read(path) for path in sorted(folder.glob("*.safetensors")) if path.name != _MODEL}
    if not files:
        raise FormatError(f"{folder} holds no recordings (*.safetensors).")
    config = _config(folder)
    for name, compare in _WITHOUT_MODEL.items():
        if name in files:
            yield from compare(files[name])
    if "scheduler.safetensors" in files:
        schedule = config.get("scheduler", {"shift": 3.0, "num_train_timesteps": 1000})
        yield from compare_schedule(files["scheduler.safetensors"], schedule["shift"], schedule["num_train_timesteps"])
    if "render.safetensors" in files:
        yield from compare_renderings(files["render.safetensors"], rasteriser)
    encoder = _text_encoder(folder, files)
    if encoder is not None:
        yield from compare_text(files["text.safetensors"], encoder, "text.safetensors", "embeds")
    if (folder / _MODEL).is_file() and config:
        yield from _compare_model(folder, config, files, encoder, rasteriser)


_MODEL = "tiny_model.safetensors"

_SETTINGS = ("transformer", "vae", "feat_dim", "num_points_per_pixel", "sh_degree", "denoising_steps", "scheduler")

_WITHOUT_MODEL = {
    "cameras.safetensors": compare_cameras,
    "preprocess.safetensors": compare_requests,
    "export.safetensors": compare_export,
    "fp8.safetensors": compare_fp8,
}


def _compare_model(
    folder: Path, config: dict[str, Any], files: dict[str, Recording], encoder: Umt5TextEncoder | None, rasteriser: str
) -> Iterator[Comparison]:
    """What needs the reference's small model."""
    sizes, model = _miniature(folder, config)
    for name, compare in {
        "vae.safetensors": lambda recorded: compare_autoencoder(recorded, model.autoencoder),
        "transformer.safetensors": lambda recorded: compare_denoiser(recorded, model.denoiser),
        "recon.safetensors": lambda recorded: compare_decoder(recorded, model.decoder),
        "gs_head.safetensors": lambda recorded: compare_head(recorded, model.decoder),
        "mixed.safetensors": lambda recorded: compare_reduced(recorded, files, model),
    }.items():
        if name in files:
            yield from compare(files[name])
    scheduler = config["scheduler"]
    schedule = Schedule.flow(tuple(config["denoising_steps"]), scheduler["shift"], scheduler["num_train_timesteps"])
    for name in sorted(name for name in files if name.startswith("generate_")):
        recorded = files[name]
        if encoder is not None and "input_ids" in recorded:
            yield from compare_text(recorded, encoder, name, "text_embeds")
        yield from compare_loop(name, recorded, model, schedule, sizes.feature_channels, rasteriser)


def _miniature(folder: Path, config: dict[str, Any]) -> tuple[ModelConfig, Miniature]:
    text = TextConfig(vocab_size=8, d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1)  # not in this file
    parts = config["transformer"], config["vae"], vars(text), config["feat_dim"]
    sizes = replace(
        ModelConfig.from_pretrained_parts(*parts),
        points_per_pixel=config["num_points_per_pixel"],
        sh_degree=config["sh_degree"],
    )
    networks = build_networks(sizes)
    weights = _read(folder / _MODEL)
    parts = {"transformer": networks.transformer, "recon_decoder": networks.recon_decoder, "vae": networks.vae}
    for name, module in parts.items():
        prefix = "vae_pretrained." if name == "vae" else f"{name}."
        state = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        if name == "vae":
            state = {key: value for key, value in state.items() if key.startswith(("encoder.", "quant_conv."))}
        fill(module, state, f"{folder / _MODEL} ({prefix[:-1]})", FLOAT32)
    denoiser = TransformerDenoiser(networks.transformer, sizes.autoencoder.z_dim)
    return sizes, Miniature(denoiser, networks.recon_decoder, networks.vae)


def _text_encoder(folder: Path, files: dict[str, Recording]) -> Umt5TextEncoder | None:
    """The small text encoder whose weights are in the text fixture itself."""
    if "text.safetensors" not in files:
        return None
    with safe_open(folder / "text.safetensors", "pt") as file:
        sizes = json.loads(file.metadata()["umt5_config"])
    weights = files["text.safetensors"]
    state = {key.removeprefix("umt5."): value for key, value in weights.items() if key.startswith("umt5.")}
    with torch.device("meta"):
        umt5 = build_umt5(select(TextConfig, sizes))
    fill(umt5, state, "text.safetensors", FLOAT32)
    return Umt5TextEncoder(byte_tokenizer(), umt5)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "tiny_config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is no JSON: {error}.") from error
    missing = [name for name in _SETTINGS if name not in config]
    if missing:
        raise FormatError(f"{path} lacks {', '.join(missing)}.")
    return config


def _read(path: Path) -> Recording:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except SafetensorError as error:
        raise FormatError(f"{path} is no whole safetensors file: {error}.") from error
    return Recording(path.name, tensors)
