"""A scene whose layout cannot be mistaken, for tests in which other programs show it."""

import math

import torch

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians

CONSTANT = 0.28209479177387814
"""The harmonic of degree 0."""

LETTER_F = ["####", "#...", "#...", "###.", "#...", "#...", "#..."]


def coloured(rgb: tuple[float, float, float], num: int) -> torch.Tensor:
    """Harmonics of degree 2 that show one colour from everywhere, [num, 9, 3]."""
    harmonics = torch.zeros(num, 9, 3)
    harmonics[:, 0] = (torch.tensor(rgb) - 0.5) / CONSTANT
    return harmonics


def blob(centre: tuple[float, float, float], radius: float, harmonics: torch.Tensor) -> Gaussians:
    """A filled ball of small round Gaussians."""
    num = len(harmonics)
    directions = torch.randn(num, 3, generator=torch.Generator().manual_seed(num))
    directions /= directions.norm(dim=-1, keepdim=True)
    radii = radius * torch.linspace(0.05, 1, num)[:, None] ** (1 / 3)
    quaternions = torch.tensor([1.0, 0, 0, 0]).expand(num, 4)
    scales = torch.full((num, 3), radius / 8)
    return Gaussians(torch.tensor(centre) + directions * radii, quaternions, scales, torch.full((num,), 0.9), harmonics)


def joined(parts: list[Gaussians]) -> Gaussians:
    """One scene of several."""
    return Gaussians.from_vectors(torch.cat([part.vectors() for part in parts]))


def landmarks() -> Gaussians:
    """Red ball left, green right, blue up, yellow low and near, a black F in the middle, a tilted cyan needle.

    The needle, which leans to the right by 30 degrees, shows the order of the quaternion. The world's axes are right up
    back; everything lies around the origin, to be seen from +z.
    """
    letter = [
        (0.16 * (column - 1.5), 0.16 * (3 - row), 0.0)
        for row, line in enumerate(LETTER_F)
        for column, mark in enumerate(line)
        if mark == "#"
    ]
    angle = math.radians(-30)
    needle = Gaussians(
        torch.tensor([[0.95, 1.0, 0.0]]),
        torch.tensor([[math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)]]),
        torch.tensor([[0.03, 0.3, 0.03]]),
        torch.tensor([0.95]),
        coloured((0.0, 0.8, 0.8), 1),
    )
    return joined(
        [
            blob((-1.3, 0.0, 0.0), 0.35, coloured((0.9, 0.1, 0.1), 800)),
            blob((1.3, 0.0, 0.0), 0.35, coloured((0.1, 0.7, 0.1), 800)),
            blob((0.0, 1.2, 0.0), 0.35, coloured((0.1, 0.1, 0.9), 800)),
            blob((-0.5, -0.7, 1.5), 0.25, coloured((0.9, 0.8, 0.1), 800)),
            *(blob(centre, 0.1, coloured((0.05, 0.05, 0.05), 100)) for centre in letter),
            needle,
        ]
    )


def turncoat() -> Gaussians:
    """A ball whose colour depends on the side, reddish from right and left (x), bluish from front and back (z).

    The hue comes from harmonics of degree 2 alone; degree 1 makes the front (+z) brighter than the back.
    """
    harmonics = coloured((0.4, 0.4, 0.4), 2000)
    along_z, across = 0.315391565 * torch.tensor([-1.0, -1.0, 2.0]), 0.546274215 * torch.tensor([1.0, -1.0, 0.0])
    # Wanted: 0.3 (3 x^2 - 1) / 2 of red, the same of green with y and of blue with z, in the two harmonics of squares.
    wanted = 0.3 * (1.5 * torch.eye(3) - 0.5)
    solution = torch.linalg.lstsq(torch.stack([along_z, across], dim=1), wanted).solution
    harmonics[:, [6, 8]] = solution
    harmonics[:, 2] = -0.1 / 0.488602512
    return blob((0.0, 0.0, 0.0), 0.6, harmonics)


def around(yaw_degrees: float, distance: float) -> Cameras:
    """A camera on the horizontal circle about the origin, looking at it: yaw 0 at +z, 90 at +x. Square picture."""
    yaw = math.radians(yaw_degrees)
    return Cameras(
        torch.tensor([[math.cos(yaw / 2), 0.0, math.sin(yaw / 2), 0.0]]),
        torch.tensor([[distance * math.sin(yaw), 0.0, distance * math.cos(yaw)]]),
        torch.tensor([[1.0, 1.0, 0.5, 0.5]]),
    )
