"""`save`: a model's weights to a folder from which `load` reads them.

The layout: `config.json` with `format` (`flashworld-model`), `trained` and `config` (the fields of `ModelConfig`), and
one file for each network, `transformer.safetensors`, `recon_decoder.safetensors`, `vae.safetensors` (the encoding half)
and `text_encoder.safetensors`, with the names of the published checkpoint. Prompts are read as bytes.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from flashworld.models.config import ModelConfig
from flashworld.models.model import Networks
from flashworld.models.precision import weight_dtype
from flashworld.publish import published
from flashworld.weights.fill import weight_shapes
from flashworld.weights.source import FORMAT


def save(
    folder: str | Path, config: ModelConfig, networks: Networks, *, trained: bool, dtype: torch.dtype = torch.float16
) -> None:
    """Write weights as `dtype`, except those that are float32 in every model.

    A file that was there is replaced whole, never left half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in networks.named().items():
        state = module.state_dict()
        tensors = {
            key: state[key].to("cpu", weight_dtype(module, key, dtype)).contiguous() for key in weight_shapes(module)
        }
        with published(folder / f"{name}.safetensors") as beside:
            save_file(tensors, beside)
    settings = {"format": FORMAT, "trained": trained, "config": config.to_json()}
    with published(folder / "config.json") as beside:
        beside.write_text(json.dumps(settings, indent=1), encoding="utf-8")
