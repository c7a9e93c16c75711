"""Quaternions in the order w x y z. A rotation and its negated quaternion are the same rotation."""

import torch
from jaxtyping import Float
from torch import Tensor


def matrix_from_quaternion(quaternion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrix of a quaternion of any non-zero length and either sign."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def quaternion_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion of a rotation matrix, real part not negative.

    Each of the four components is, up to a common factor, a row of the symmetric matrix `4 q q^T`; the row with the
    largest diagonal entry is used, which keeps the division away from zero for every rotation.
    """
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = matrix.flatten(-2).unbind(-1)
    outer = torch.stack(
        [
            1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01,
            m21 - m12, 1 + m00 - m11 - m22, m10 + m01, m02 + m20,
            m02 - m20, m10 + m01, 1 - m00 + m11 - m22, m12 + m21,
            m10 - m01, m02 + m20, m12 + m21, 1 - m00 - m11 + m22,
        ],
        dim=-1,
    ).unflatten(-1, (4, 4))  # fmt: skip
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = outer.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    unit = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(unit[..., :1] < 0, -unit, unit)


def multiply(left: Float[Tensor, "*batch 4"], right: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Hamilton product: the rotation `left` after the rotation `right`."""
    a, b, c, d = left.unbind(-1)
    e, f, g, h = right.unbind(-1)
    return torch.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        dim=-1,
    )


def slerp(
    start: Float[Tensor, "*batch 4"], end: Float[Tensor, "*batch 4"], t: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 4"]:
    """Spherical interpolation along the short way; `t` from 0 (start) to 1 (end), result of unit length.

    Nearly equal orientations are interpolated linearly, where the spherical weights would divide by sin 0.
    """
    start, end = torch.nn.functional.normalize(start, dim=-1), torch.nn.functional.normalize(end, dim=-1)
    cosine = (start * end).sum(-1, keepdim=True)
    end = torch.where(cosine < 0, -end, end)
    angle = cosine.abs().clamp(max=1).acos()
    sine, t = angle.sin(), t[..., None]
    near = sine < 1e-6
    safe = torch.where(near, torch.ones_like(sine), sine)
    weight_start = torch.where(near, 1 - t, ((1 - t) * angle).sin() / safe)
    weight_end = torch.where(near, t, (t * angle).sin() / safe)
    return torch.nn.functional.normalize(weight_start * start + weight_end * end, dim=-1)
