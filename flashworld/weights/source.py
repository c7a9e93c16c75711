"""What there is to load: configuration, tensors of each network, tokenizer."""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from flashworld.errors import WeightsError
from flashworld.models.config import AutoencoderConfig, ModelConfig, Part, TextConfig, TransformerConfig, select
from flashworld.models.text import byte_tokenizer
from flashworld.weights.files import Safetensors, Selection, open_checkpoint
from flashworld.weights.fingerprint import fingerprint
from flashworld.weights.int8 import FromInt8

FORMAT = "flashworld-model"
NETWORKS = ("transformer", "recon_decoder", "vae", "text_encoder")
WAN_FOLDERS = ("vae", "text_encoder", "tokenizer")


@dataclass(frozen=True)
class NetworkSource:
    """Unread tensors of one network, and the file or folder they are in, for messages."""

    tensors: Mapping[str, Tensor]
    where: str


@dataclass(frozen=True)
class OwnSettings:
    """What the `config.json` that `save` writes says."""

    trained: bool
    config: ModelConfig


@dataclass(frozen=True)
class Source:
    """Everything that a model is made from, opened but not read. `networks` has the names of `models.Networks`."""

    config: ModelConfig
    networks: dict[str, NetworkSource]
    tokenizer: PreTrainedTokenizerBase
    trained: bool
    weights: str


def is_own_folder(folder: Path) -> bool:
    """Whether a folder has the layout that `save` writes."""
    return (folder / "config.json").is_file()


def open_own_folder(folder: Path) -> Source:
    """A model in the layout that `flashworld.weights.save` writes and describes."""
    if _read_json(folder / "config.json").get("format") != FORMAT:
        raise WeightsError(f"{folder / 'config.json'} does not describe a FlashWorld model (no format {FORMAT!r}).")
    settings = _read_settings(folder / "config.json", OwnSettings)
    files = {name: folder / f"{name}.safetensors" for name in NETWORKS}
    return Source(
        config=settings.config,
        networks={
            name: NetworkSource(FromInt8(Safetensors([path]), str(path)), str(path)) for name, path in files.items()
        },
        tokenizer=byte_tokenizer(),
        trained=settings.trained,
        weights=fingerprint(list(files.values())),
    )


def open_published(folder: Path, checkpoint: Path) -> Source:
    """The published layout: a folder like Wan-AI/Wan2.2-TI2V-5B-Diffusers, and FlashWorld's own checkpoint.

    Of the folder, `vae`, `text_encoder`, `tokenizer` and `transformer/config.json` are read. The pretrained transformer
    is not: the checkpoint replaces it.
    """
    for name in WAN_FOLDERS:
        if not (folder / name).is_dir():
            raise WeightsError(
                f"{folder} has no folder {name}: give a copy of Wan-AI/Wan2.2-TI2V-5B-Diffusers "
                f"(it needs {', '.join(WAN_FOLDERS)} and transformer/config.json)."
            )
    entries = open_checkpoint(checkpoint)
    vae_files, text_files = _weight_files(folder / "vae"), _weight_files(folder / "text_encoder")
    vae, text = Safetensors(vae_files), Safetensors(text_files)
    return Source(
        config=_published_config(folder, entries, checkpoint),
        networks={
            "transformer": NetworkSource(entries["transformer"], f"{checkpoint} (transformer)"),
            "recon_decoder": NetworkSource(entries["recon_decoder"], f"{checkpoint} (recon_decoder)"),
            "vae": NetworkSource(_without(vae, "decoder.", "post_quant_conv."), str(folder / "vae")),
            # Some files hold the shared embedding a second time under its other name.
            "text_encoder": NetworkSource(_without(text, "encoder.embed_tokens."), str(folder / "text_encoder")),
        },
        tokenizer=_read_tokenizer(folder / "tokenizer"),
        trained=True,
        weights=fingerprint([checkpoint, *vae_files, *text_files]),
    )


def _published_config(folder: Path, entries: Mapping[str, Mapping[str, Tensor]], checkpoint: Path) -> ModelConfig:
    feature_input = entries["recon_decoder"].get("extra_conv_in.weight")
    if feature_input is None or feature_input.ndim != 5:
        raise WeightsError(f"{checkpoint} is not a FlashWorld checkpoint: recon_decoder has no extra_conv_in.weight.")
    return ModelConfig(
        transformer=_read_settings(folder / "transformer" / "config.json", TransformerConfig),
        autoencoder=_read_settings(folder / "vae" / "config.json", AutoencoderConfig),
        text=_read_settings(folder / "text_encoder" / "config.json", TextConfig),
        feature_channels=feature_input.shape[1],
    )


def _without(tensors: Mapping[str, Tensor], *prefixes: str) -> Selection:
    return Selection(tensors, {name: name for name in tensors if not name.startswith(prefixes)})


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder: those that its index names, or else all there are."""
    index = next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)
    if index is not None:
        return [folder / name for name in sorted(set(_read_json(index).get("weight_map", {}).values()))]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(f"There is no .safetensors file in {folder}: download or copy the folder again.")
    return files


def _read_settings(path: Path, kind: type[Part]) -> Part:
    """The fields of `kind` in a JSON file."""
    try:
        return select(kind, _read_json(path))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"]))
        given = "" if fault["type"] == "missing" else f"{reprlib.repr(fault['input'])} was given: "
        raise WeightsError(f"{path}: {field}: {given}{fault['msg'].lower()}; download or copy it again.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing: download or copy it again.") from None
    except ValueError as error:
        raise WeightsError(f"{path} is no JSON ({error}): download or copy it again.") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path} is no JSON object: download or copy it again.")
    return values


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        detail = str(error).strip().splitlines()[0]
        raise WeightsError(f"No tokenizer can be read from {folder} ({detail}): copy the folder again.") from error
