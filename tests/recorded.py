"""The recorded numbers in tests/reference and the small model that they belong to."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from flashworld.models.config import ModelConfig
from flashworld.models.model import Networks, build_networks
from flashworld.weights.fill import Placement, fill

REFERENCE = Path(__file__).parent / "reference"


def recorded(name: str) -> dict[str, torch.Tensor]:
    return load_file(REFERENCE / f"{name}.safetensors")


def under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def reference_parts() -> tuple[dict, dict]:
    """The contents of tiny_config.json, and the text encoder's configuration."""
    with safe_open(REFERENCE / "text.safetensors", "pt") as file:
        text = json.loads(file.metadata()["umt5_config"])
    return json.loads((REFERENCE / "tiny_config.json").read_text()), text


def reference_config() -> ModelConfig:
    sizes, text = reference_parts()
    return ModelConfig.from_pretrained_parts(sizes["transformer"], sizes["vae"], text, sizes["feat_dim"])


def reference_networks(dtype: torch.dtype = torch.float32) -> Networks:
    networks = build_networks(reference_config())
    weights, place = recorded("tiny_model"), Placement(torch.device("cpu"), dtype)
    vae = under(weights, "vae_pretrained.")
    fill(networks.transformer, under(weights, "transformer."), "tiny_model", place)
    fill(networks.recon_decoder, under(weights, "recon_decoder."), "tiny_model", place)
    fill(networks.vae, {k: v for k, v in vae.items() if k.startswith(("encoder", "quant_conv"))}, "tiny_model", place)
    fill(networks.text_encoder, under(recorded("text"), "umt5."), "text", place)
    return networks
