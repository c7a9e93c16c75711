"""Real spherical harmonics up to degree 3, in the sign and order that 3D Gaussian splatting uses.

Coefficient 0 is constant; 1 to 3 belong to degree 1 (-y, z, -x); 4 to 8 to degree 2; 9 to 15 to degree 3. The functions
are orthonormal on the sphere (Sloan, "Stupid Spherical Harmonics Tricks", appendix A2), with the sign (-1)^m.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

CONSTANT_HARMONIC = math.sqrt(1 / (4 * math.pi))
"""Value of harmonic 0 in every direction."""
HARMONIC_OF_COLOUR = 0.5 / CONSTANT_HARMONIC
"""Coefficient 0 of what looks alike from everywhere, for a colour of 1 where colours go from -1 to 1: they are shown as
0.5 + CONSTANT_HARMONIC * coefficient, from 0 to 1."""


def num_coefficients(degree: int) -> int:
    """Number of harmonics of all degrees up to `degree`."""
    return (degree + 1) ** 2


def degree_of(num: int) -> int:
    """Degree that has `num` coefficients: 1, 4, 9 or 16."""
    degree = math.isqrt(num) - 1
    assert num in (1, 4, 9, 16), num
    return degree


def basis(directions: Float[Tensor, "*batch 3"], degree: int) -> Float[Tensor, "*batch k"]:
    """Values of the (degree + 1)^2 harmonics at unit directions."""
    x, y, z = directions.unbind(-1)
    pi = math.pi
    values = [torch.full_like(x, CONSTANT_HARMONIC)]
    if degree >= 1:
        c = math.sqrt(3 / (4 * pi))
        values += [-c * y, c * z, -c * x]
    if degree >= 2:
        c, c20, c22 = math.sqrt(15 / (4 * pi)), math.sqrt(5 / (16 * pi)), math.sqrt(15 / (16 * pi))
        values += [c * x * y, -c * y * z, c20 * (3 * z * z - 1), -c * x * z, c22 * (x * x - y * y)]
    if degree >= 3:
        c33, c32, c31 = math.sqrt(35 / (32 * pi)), math.sqrt(105 / (4 * pi)), math.sqrt(21 / (32 * pi))
        c30, c32b = math.sqrt(7 / (16 * pi)), math.sqrt(105 / (16 * pi))
        values += [
            -c33 * y * (3 * x * x - y * y), c32 * x * y * z, -c31 * y * (5 * z * z - 1),
            c30 * z * (5 * z * z - 3),
            -c31 * x * (5 * z * z - 1), c32b * z * (x * x - y * y), -c33 * x * (x * x - 3 * y * y),
        ]  # fmt: skip
    return torch.stack(values, dim=-1)


def rotate(harmonics: Float[Tensor, "n k 3"], matrix: Float[Tensor, "3 3"]) -> Float[Tensor, "n k 3"]:
    """Coefficients of the function turned by `matrix`: its value at `matrix @ d` is the old one at d.

    The rotation acts linearly within each degree, so its matrix follows from the values at enough directions: with
    basis rows Y(d), solve Y(d) D = Y(matrix^T d). Done in float64, so the result is exact to float32.
    """
    num = harmonics.shape[-2]
    degree = degree_of(num)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(64, 3, dtype=torch.float64, generator=generator)
    directions = torch.nn.functional.normalize(directions, dim=-1)
    turned = directions @ matrix.detach().cpu().double()
    operator = torch.linalg.lstsq(basis(directions, degree), basis(turned, degree)).solution
    # The solver's last bits vary from call to call. Rounded, without negative zeros, the same scene has the same bytes.
    operator = operator.round(decimals=10) + 0.0
    return torch.einsum("ij,njc->nic", operator.to(harmonics), harmonics)
