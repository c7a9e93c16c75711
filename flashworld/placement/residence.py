"""A plan carried out: networks that rest in main memory and come to the device only to work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from flashworld.placement.plans import RESIDENT, Plan
from flashworld.placement.streaming import LayerStream

CPU = torch.device("cpu")
DECODERS = ("vae", "recon_decoder")


def home(plan: Plan, network: str, device: torch.device) -> torch.device:
    """Where a network rests under a plan, in a model that works on `device`."""
    resting = {
        "text_encoder": plan.text_encoder != "resident",
        "transformer": plan.transformer == "streamed",
        "vae": plan.decoders == "visiting",
        "recon_decoder": plan.decoders == "visiting",
    }
    return CPU if resting[network] else device


class Residence:
    """Where a model's networks are. There is one for each model, and it can take up a thriftier plan.

    `networks` are `transformer`, `recon_decoder`, `vae` and `text_encoder`; they must already be at their `home`.
    """

    def __init__(self, networks: Mapping[str, nn.Module], device: torch.device, plan: Plan = RESIDENT):
        self.networks = networks
        self.device = device
        self.plan = plan
        self._streams: dict[str, LayerStream] = {}

    def adopt(self, plan: Plan) -> None:
        """Work by another plan from now on. What streams goes on streaming: plans are left for thriftier ones only."""
        self.plan = plan
        for name, network in self.networks.items():
            if name not in self._streams and not any(p.is_meta for p in network.parameters()):
                _move(network, home(plan, name, self.device))

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """A network's work, between its coming and its going, which happens after a failure too."""
        self._start_stream(name)
        visits = name in DECODERS and self.plan.decoders == "visiting"
        if self.plan.transformer == "leaving":
            _move(self.networks["transformer"], CPU if name in DECODERS else self.device)
        if visits:
            _move(self.networks[name], self.device)
        try:
            yield
        finally:
            if visits:
                _move(self.networks[name], CPU)
            if name in self._streams:
                self._streams[name].close()

    def _start_stream(self, name: str) -> None:
        if name in self._streams:
            return
        if name == "transformer" and self.plan.transformer == "streamed":
            # What is in no block is small and stays: embeddings, the output's projection.
            transformer = self.networks[name]
            for child_name, child in transformer.named_children():
                if child_name != "blocks":
                    _move(child, self.device)
            for parameter in transformer.parameters(recurse=False):
                parameter.data = parameter.data.to(self.device)
            self._stream(name, "blocks", pinned=True)
        if name == "text_encoder" and self.plan.text_encoder == "streamed":
            # Words are looked up in main memory: their table is a fifth of the encoder.
            _move(self.networks[name].get_submodule("encoder.final_layer_norm"), self.device)
            self._stream(name, "encoder.block", pinned=False)

    def _stream(self, name: str, layers: str, *, pinned: bool) -> None:
        blocks = list(self.networks[name].get_submodule(layers).children())
        self._streams[name] = LayerStream(blocks, self.device, pinned=pinned)


def _move(module: nn.Module, device: torch.device) -> None:
    module.to(device)
