"""Eight-bit weights: made from a checkpoint while it is read, and kept in the user's cache.

The cached file holds the whole transformer (5 GB instead of the checkpoint's 20), so a second start reads nothing else
of it. It is named for the checkpoint's fingerprint; `flashworld cache --clear` removes it.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from flashworld.cache import cache_folder
from flashworld.errors import FormatError, WeightsError
from flashworld.models.fp8 import Fp8Linear, Scaling, quantise
from flashworld.publish import make_folder, published
from flashworld.weights.files import Safetensors
from flashworld.weights.fill import shape_of, weight_shapes
from flashworld.weights.source import NetworkSource

log = logging.getLogger(__name__)

LAYOUT = 1
"""Counts up when the same checkpoint would give other tensors."""


class Quantising(Mapping[str, Tensor]):
    """The tensors of a network, those of its quantised layers as eight bits and scales, each made when asked for.

    Quantising starts from the checkpoint's own numbers, on `device`.
    """

    def __init__(self, tensors: Mapping[str, Tensor], network: nn.Module, device: torch.device):
        self._tensors = tensors
        self._device = device
        self._layers: dict[str, Scaling] = {
            name: layer.how.per for name, layer in network.named_modules() if isinstance(layer, Fp8Linear)
        }
        self._last: tuple[str, Tensor] = ("", torch.empty(0))

    def __getitem__(self, name: str) -> Tensor:
        layer, _, leaf = name.rpartition(".")
        if layer not in self._layers or leaf == "bias":
            return self._tensors[name]
        if leaf == "inverse_scale" and self._last[0] == layer:
            return self._last[1]
        bits, inverse_scale = quantise(self._tensors[f"{layer}.weight"].to(self._device), self._layers[layer])
        self._last = (layer, inverse_scale)
        return bits if leaf == "weight" else inverse_scale

    def shape(self, name: str) -> torch.Size:
        """The shape that a tensor will have, without making it."""
        layer, _, leaf = name.rpartition(".")
        if leaf != "inverse_scale":
            return shape_of(self._tensors, name)
        rows = shape_of(self._tensors, f"{layer}.weight")[:-1]
        return torch.Size((*rows, 1) if self._layers[layer] == "row" else ())

    def __iter__(self) -> Iterator[str]:
        yield from self._tensors
        yield from (f"{layer}.inverse_scale" for layer in self._layers)

    def __len__(self) -> int:
        return len(self._tensors) + len(self._layers)


def cached_file(weights: str, per: Scaling, dtype: torch.dtype) -> Path:
    """Where the eight-bit transformer of some `weights` (their fingerprint) is kept."""
    key = weights.rpartition(":")[2][:32]
    return cache_folder() / "fp8" / f"{key}-{per}-{str(dtype).removeprefix('torch.')}-{LAYOUT}.safetensors"


def quantised_source(original: NetworkSource, network: nn.Module, kept: Path, device: torch.device) -> NetworkSource:
    """Eight-bit tensors for a network with `Fp8Linear` layers: from the `kept` file if there is one."""
    if kept.is_file():
        try:
            return NetworkSource(Safetensors([kept]), str(kept))
        except WeightsError as error:
            log.warning("The cached eight-bit weights are damaged and will be made again: %s", error)
            kept.unlink(missing_ok=True)
    return NetworkSource(Quantising(original.tensors, network, device), original.where)


def keep(network: nn.Module, kept: Path) -> None:
    """Write a filled network's tensors to the cache. A full disk costs the next start its speed and nothing else."""
    if kept.is_file():
        return
    state = network.state_dict()
    try:
        make_folder(kept.parent)
        with published(kept) as beside:
            save_file({name: state[name].to("cpu").contiguous() for name in weight_shapes(network)}, beside)
    except FormatError as error:
        log.warning("Eight-bit weights were not cached: %s", error)
