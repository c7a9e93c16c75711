"""Random scenes for the rasteriser's tests, made so that every rule of it has something to do."""

import torch

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians

HEIGHT, WIDTH = 37, 52  # neither is a multiple of a tile or a block


def cameras(num: int = 2) -> Cameras:
    """Turned and shifted cameras that look roughly along -z, off-centre and with unequal focal lengths."""
    generator = torch.Generator().manual_seed(5)
    turn = torch.randn(num, 4, generator=generator) * torch.tensor([0.0, 0.05, 0.05, 0.05]) + torch.tensor(
        [1.0, 0, 0, 0]
    )
    positions = torch.randn(num, 3, generator=generator) * 0.2
    return Cameras(turn, positions, torch.tensor([[0.9, 1.2, 0.53, 0.46]]).repeat(num, 1))


def scene(seed: int, degree: int = 2, num: int = 150) -> Gaussians:
    """A cloud in front of the cameras, and among it one group of Gaussians for each special rule."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    means = normal(num, 3) * torch.tensor([1.2, 0.9, 1.0]) - torch.tensor([0.0, 0.0, 4.0])
    scales = 0.12 * torch.exp(0.7 * normal(num, 3))
    opacities = torch.sigmoid(1.5 * normal(num))
    harmonics = 0.3 * normal(num, (degree + 1) ** 2, 3)
    means[:6, 2] = 2.0  # behind
    means[6:10] = torch.tensor([0.0, 0.0, -1500.0])  # beyond the far plane
    scales[6:10] = 200.0
    means[10:16] = means[16:22]  # equal depths
    opacities[22:28] = 0.003  # below 1/255
    means[28:46] = torch.tensor([0.3, 0.1, -2.0]) + 0.02 * normal(18, 3)  # opaque and stacked: pixels end early
    opacities[28:40] = 0.97
    opacities[40:46] = 1.0  # capped
    scales[28:46] = 0.2
    means[46:52, 0] = torch.tensor([2.4, -2.4, 2.5, -2.5, 2.6, -2.6])  # centre outside the image: Jacobian clamped
    means[46:52, 2] = -2.0
    scales[46:52] = 0.6
    harmonics[52:70, 0] = -3.0  # colours floored at 0
    scales[70:76] = torch.tensor([0.5, 0.01, 0.01])  # needles
    return Gaussians(means, normal(num, 4) * 3, scales, opacities, harmonics)  # quaternions of any length
