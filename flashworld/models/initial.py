"""Weights before training: drawn from a seed of their own, the same on every machine and run."""

import math

import torch
from torch import Tensor

from flashworld.models.gaussian_head import MAX_SCALE, GaussianHead
from flashworld.models.model import Networks, assign

START_DISTANCE = 2.5
START_OPACITY = 0.5
START_SCALE = 0.7
"""Where Gaussians begin: distance in units of the normalised world, standard deviation in pixels."""


def initialise(networks: Networks, seed: int, device: torch.device | str = "cpu") -> None:
    """Give every parameter of networks on the meta device a value, in float32 on `device`, which has its own numbers.

    Signals keep their size through the layers. The head starts with visible, differently coloured Gaussians around
    `START_DISTANCE`, so that a scene of an untrained model can be seen.
    """
    generator = torch.Generator(device).manual_seed(seed)
    for module in networks.named().values():
        for name, parameter in list(module.named_parameters()):
            assign(module, name, _initial(name, parameter.shape, generator))
    _initialise_head(networks.recon_decoder.gs_head)


def _initial(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    device = generator.device
    if name.endswith("bias"):
        return torch.zeros(shape, device=device)
    if "norm" in name or name.endswith("gamma"):
        return torch.ones(shape, device=device)
    values = torch.randn(shape, generator=generator, device=device)
    if name.endswith("scale_shift_table"):
        return values / math.sqrt(shape[-1])
    return values if name == "shared.weight" else values / math.sqrt(math.prod(shape[1:]))


def _initialise_head(head: GaussianHead) -> None:
    multiplier = torch.tensor(head.learning_rates(), device=head.gs_proj.weight.device)
    bias = torch.zeros_like(multiplier)
    geometry = head.num_harmonics + 2
    bias[geometry] = math.log(START_DISTANCE)
    bias[geometry + 1] = torch.logit(torch.tensor(START_OPACITY))
    bias[geometry + 2 : geometry + 5] = torch.logit(torch.tensor(START_SCALE / MAX_SCALE))
    bias[geometry + 5] = 1.0
    assign(head, "lrs_mul", multiplier.repeat(head.points))
    assign(head, "gs_proj.bias", (bias / multiplier).repeat(head.points))
    weight = head.gs_proj.weight.unflatten(0, (head.points, -1)).clone()
    weight[:, 3:] *= 0.1
    assign(head, "gs_proj.weight", weight.flatten(0, 1))
