"""Where every random number of a generation comes from."""

from collections.abc import Callable

import torch
from torch import Tensor

Noise = Callable[[str, tuple[int, ...]], Tensor]
"""Standard normal numbers of a shape for one scene, by the name of their use.

Names and shapes in the order of drawing, for t views and latents z h w: `image_posterior` [1, z, h, w] (only with a
picture), `initial` [z, t, h, w], then for every step i but the last `view_posterior{i}` [t, z, h, w] and `renoise{i}`
[z, t, h, w].
"""


def seeded_noise(seed: int) -> Noise:
    """Noise from a CPU generator, so that a seed means the same numbers on every device."""
    generator = torch.Generator().manual_seed(seed)

    def draw(_name: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator)

    return draw


def draw_for_all(noises: list[Noise], name: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """One draw for each scene of a batch, stacked: a scene depends on its own seed, not on its neighbours.

    On its way to a CUDA device it makes nobody wait, so it can be drawn while the device still works.
    """
    drawn = torch.stack([noise(name, shape) for noise in noises])
    return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn.to(device)
