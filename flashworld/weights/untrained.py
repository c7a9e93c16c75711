"""The tiny model before any training, for as long as no trained weights come with the package."""

import hashlib
import json

from flashworld.models.config import TINY
from flashworld.models.initial import initialise
from flashworld.models.model import Model, assemble, build_networks
from flashworld.models.precision import weight_dtype
from flashworld.models.text import byte_tokenizer
from flashworld.placement import CPU_PLAN, WHOLE, Residence
from flashworld.weights.fill import Placement

SEED = 20251023


def build_untrained(placement: Placement) -> Model:
    """The same weights on every run and machine, whatever the global seed is. Its scenes are coloured fog."""
    networks = build_networks(TINY)
    initialise(networks, SEED)
    for module in networks.named().values():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            value.data = value.data.to(placement.device, weight_dtype(module, name, placement.dtype))
    recipe = json.dumps([SEED, TINY.to_json()])
    return assemble(
        "tiny",
        TINY,
        networks,
        byte_tokenizer(),
        Residence(networks.named(), placement.device, CPU_PLAN if placement.device.type == "cpu" else WHOLE),
        trained=False,
        weights=f"untrained:{hashlib.sha256(recipe.encode()).hexdigest()}",
        dtype=placement.dtype,
    )
