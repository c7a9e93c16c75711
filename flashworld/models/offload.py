"""Networks that rest in main memory and come to the device only to work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from flashworld.models.model import Model

CPU = torch.device("cpu")
DEVICE = torch.device("meta")
"""Stands for any device but the CPU where only places are compared."""


@dataclass(frozen=True)
class Offloading:
    """What leaves the device. Every choice saves its memory and costs time; none changes the mathematics.

    `text_encoder`: it rests and works on the CPU. `decoders`: picture encoder and Gaussian decoder come to the device
    for their work only. `transformer_meanwhile`: the transformer leaves while those two work.
    """

    text_encoder: bool = False
    decoders: bool = False
    transformer_meanwhile: bool = False

    def home(self, network: str, device: torch.device) -> torch.device:
        """Where a network of `models.Networks` rests in a model that works on `device`."""
        away = {"text_encoder": self.text_encoder, "vae": self.decoders, "recon_decoder": self.decoders}
        return CPU if away.get(network) else device

    def peak(self, sizes: Mapping[str, int]) -> int:
        """Bytes of weights on the device when most are there, for networks of these `sizes` in bytes."""
        resident = sum(size for name, size in sizes.items() if self.home(name, DEVICE) == DEVICE)
        visitor = max(sizes["vae"], sizes["recon_decoder"]) if self.decoders else 0
        if self.transformer_meanwhile:
            return max(resident, resident - sizes["transformer"] + visitor)
        return resident + visitor


PLANS = (Offloading(), Offloading(True), Offloading(True, True), Offloading(True, True, True))
"""From the fastest to the thriftiest."""

SHARE_FOR_WEIGHTS = 0.8
"""Of the free memory; the rest is for the views at work."""


def plan_offloading(free: int, sizes: Mapping[str, int]) -> Offloading:
    """The fastest plan whose weights fit into the `free` bytes of a device with room to work; else the thriftiest."""
    return next((plan for plan in PLANS if plan.peak(sizes) <= SHARE_FOR_WEIGHTS * free), PLANS[-1])


def offloaded(model: Model, offloading: Offloading) -> Model:
    """The same model, whose networks come and go. They must already rest where `offloading.home` says."""
    transformer = model.networks.transformer
    if offloading.transformer_meanwhile:
        model = replace(model, denoiser=_visiting(model.denoiser, lambda: _move(transformer, model.device)))

    def come(module: nn.Module) -> None:
        if offloading.transformer_meanwhile:
            _move(transformer, CPU)
        _move(module, model.device)

    def visiting(network: Any, module: nn.Module) -> Any:
        rest = offloading.home("vae", model.device)
        return _visiting(network, lambda: come(module), lambda: _move(module, rest))

    return replace(
        model,
        autoencoder=visiting(model.autoencoder, model.networks.vae),
        decoder=visiting(model.decoder, model.networks.recon_decoder),
    )


def _move(module: nn.Module, device: torch.device) -> None:
    module.to(device)


def _visiting(network: Any, come: Callable[[], Any], go: Callable[[], Any] = lambda: None) -> Any:
    """A call of `network` between its coming and its going, which happens after a failed call too."""

    def call(*args: Any) -> Any:
        come()
        try:
            return network(*args)
        finally:
            go()

    return call
