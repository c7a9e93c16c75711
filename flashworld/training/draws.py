"""What a step begins with, drawn where it is used or sent there."""

from collections.abc import Sequence

import torch
from torch import Tensor


def there(values: Tensor, device: torch.device | str) -> Tensor:
    """Values of the host on a device, for which the host does not wait: it would wait for all that is under way."""
    return values.to(device, non_blocking=True)


def normal(shape: Sequence[int], generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Normal numbers on a device; they follow from the state of the host's `generator`.

    A GPU draws them itself: a million would take the host longer than the GPU takes for the whole step.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)
