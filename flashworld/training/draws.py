"""Random numbers of a step, drawn where they are used."""

from collections.abc import Sequence

import torch
from torch import Tensor


def normal(shape: Sequence[int], generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Normal numbers on a device; they follow from the state of the host's `generator`.

    A GPU draws them itself: a million would take the host longer than the GPU takes for the whole step.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)
