"""`save`: a model's weights to a folder from which `load` reads them.

The layout: `config.json` with `format` (`flashworld-model`), `trained` and `config` (the fields of `ModelConfig`), and
one file for each network, `transformer.safetensors`, `recon_decoder.safetensors`, `vae.safetensors` (the encoding half)
and `text_encoder.safetensors`, with the names of the published checkpoint. Prompts are read as bytes.

Numbers are in half precision, and in float32 where every model has them so. The matrices of the transformer's blocks
may be int8 with a scale for each row instead, in about half the bytes (`flashworld.weights.int8`).
"""

import json
from pathlib import Path

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from safetensors.torch import save_file
from torch import Tensor, nn

from flashworld.models.config import ModelConfig
from flashworld.models.model import Networks
from flashworld.models.precision import weight_dtype
from flashworld.publish import published
from flashworld.weights.fill import weight_shapes
from flashworld.weights.int8 import to_int8
from flashworld.weights.source import FORMAT


def save(
    folder: str | Path, config: ModelConfig, networks: Networks, *, trained: bool, dtype: torch.dtype = torch.float16
) -> None:
    """Write weights as `dtype`, except those that are float32 in every model.

    Asked for `torch.int8`, the matrices of the transformer's blocks are stored so, and other weights in half precision.
    A file that was there is replaced whole, never left half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in networks.named().items():
        with published(folder / f"{name}.safetensors") as beside:
            save_file(_stored(module, dtype), beside)
    settings = {"format": FORMAT, "trained": trained, "config": config.to_json()}
    with published(folder / "config.json") as beside:
        beside.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _stored(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a network's file."""
    state = module.state_dict()
    floats = torch.float16 if dtype == torch.int8 else dtype
    tensors = {}
    for name in weight_shapes(module):
        if dtype == torch.int8 and _is_matrix_of_block(module, name):
            tensors[name], tensors[f"{name}_scale"] = to_int8(state[name].cpu().contiguous())
        else:
            tensors[name] = state[name].to("cpu", weight_dtype(module, name, floats)).contiguous()
    return tensors


def _is_matrix_of_block(module: nn.Module, name: str) -> bool:
    in_block = isinstance(module, WanTransformer3DModel) and name.startswith("blocks.") and name.endswith(".weight")
    return in_block and module.get_parameter(name).ndim == 2
