"""Parts of the kernels: harmonics to colours, and gradients of colours to those of harmonics and directions.

Real spherical harmonics are those of `flashworld.geometry.harmonics`. Coefficients are tuples with a [Gaussians, 4]
array for each harmonic: red, green, blue and a column of zeros, because Triton's shapes are powers of two.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import math

import triton
import triton.language as tl

_S0 = tl.constexpr(math.sqrt(1 / (4 * math.pi)))
_S1 = tl.constexpr(math.sqrt(3 / (4 * math.pi)))
_S2 = tl.constexpr(math.sqrt(15 / (4 * math.pi)))
_S20 = tl.constexpr(math.sqrt(5 / (16 * math.pi)))
_S22 = tl.constexpr(math.sqrt(15 / (16 * math.pi)))
_S30 = tl.constexpr(math.sqrt(7 / (16 * math.pi)))
_S31 = tl.constexpr(math.sqrt(21 / (32 * math.pi)))
_S32 = tl.constexpr(math.sqrt(105 / (16 * math.pi)))
_S3 = tl.constexpr(math.sqrt(105 / (4 * math.pi)))
_S33 = tl.constexpr(math.sqrt(35 / (32 * math.pi)))


@triton.jit
def load_coefficients(harmonics, i, mask, K: tl.constexpr):
    """The K coefficients of Gaussians `i`."""
    channel = tl.arange(0, 4)[None, :]
    inside = mask[:, None] & (channel < 3)
    coefficients = ()
    for k in tl.static_range(K):
        at = harmonics + (i.to(tl.int64)[:, None] * K + k) * 3 + channel
        coefficients += (tl.load(at, mask=inside, other=0.0),)
    return coefficients


@triton.jit
def add_coefficients(harmonics, i, mask, coefficients, K: tl.constexpr):
    """Add to the K coefficients of Gaussians `i`; no other program may write them."""
    channel = tl.arange(0, 4)[None, :]
    inside = mask[:, None] & (channel < 3)
    for k in tl.static_range(K):
        at = harmonics + (i.to(tl.int64)[:, None] * K + k) * 3 + channel
        tl.store(at, tl.load(at, mask=inside, other=0.0) + coefficients[k], mask=inside)


@triton.jit
def basis(x, y, z, k: tl.constexpr):
    """Harmonic number k at unit directions."""
    if k == 0:
        value = 0.0 * x + _S0
    elif k == 1:
        value = -y * _S1
    elif k == 2:
        value = z * _S1
    elif k == 3:
        value = -x * _S1
    elif k == 4:
        value = x * y * _S2
    elif k == 5:
        value = -y * z * _S2
    elif k == 6:
        value = (3.0 * z * z - 1.0) * _S20
    elif k == 7:
        value = -x * z * _S2
    elif k == 8:
        value = (x * x - y * y) * _S22
    elif k == 9:
        value = -y * (3.0 * x * x - y * y) * _S33
    elif k == 10:
        value = x * y * z * _S3
    elif k == 11:
        value = -y * (5.0 * z * z - 1.0) * _S31
    elif k == 12:
        value = z * (5.0 * z * z - 3.0) * _S30
    elif k == 13:
        value = -x * (5.0 * z * z - 1.0) * _S31
    elif k == 14:
        value = z * (x * x - y * y) * _S32
    else:
        value = -x * (x * x - 3.0 * y * y) * _S33
    return value


@triton.jit
def basis_slope(x, y, z, k: tl.constexpr):
    """Derivatives of harmonic number k with respect to x, y and z."""
    zero = 0.0 * x
    if k == 0:
        slope = (zero, zero, zero)
    elif k == 1:
        slope = (zero, zero - _S1, zero)
    elif k == 2:
        slope = (zero, zero, zero + _S1)
    elif k == 3:
        slope = (zero - _S1, zero, zero)
    elif k == 4:
        slope = (y * _S2, x * _S2, zero)
    elif k == 5:
        slope = (zero, -z * _S2, -y * _S2)
    elif k == 6:
        slope = (zero, zero, 6.0 * z * _S20)
    elif k == 7:
        slope = (-z * _S2, zero, -x * _S2)
    elif k == 8:
        slope = (2.0 * x * _S22, -2.0 * y * _S22, zero)
    elif k == 9:
        slope = (-6.0 * x * y * _S33, (y * y - x * x) * 3.0 * _S33, zero)
    elif k == 10:
        slope = (y * z * _S3, x * z * _S3, x * y * _S3)
    elif k == 11:
        slope = (zero, (1.0 - 5.0 * z * z) * _S31, -10.0 * y * z * _S31)
    elif k == 12:
        slope = (zero, zero, (15.0 * z * z - 3.0) * _S30)
    elif k == 13:
        slope = ((1.0 - 5.0 * z * z) * _S31, zero, -10.0 * x * z * _S31)
    elif k == 14:
        slope = (2.0 * x * z * _S32, -2.0 * y * z * _S32, (x * x - y * y) * _S32)
    else:
        slope = ((y * y - x * x) * 3.0 * _S33, 6.0 * x * y * _S33, zero)
    return slope


@triton.jit
def direction(camera, mean):
    """Unit directions from the camera to the Gaussians, and one over the distance."""
    x, y, z = mean[0] - camera[9], mean[1] - camera[10], mean[2] - camera[11]
    per_distance = 1.0 / tl.sqrt(x * x + y * y + z * z)
    return x * per_distance, y * per_distance, z * per_distance, per_distance


@triton.jit
def evaluate(coefficients, x, y, z, K: tl.constexpr):
    """Colours [Gaussians, 4] before they are floored at 0."""
    colour = coefficients[0] * _S0 + 0.5
    for k in tl.static_range(1, K):
        colour += basis(x, y, z, k)[:, None] * coefficients[k]
    return colour


@triton.jit
def evaluate_backward(coefficients, v_coefficients, v_colour, x, y, z, K: tl.constexpr):
    """Add to the gradients of the coefficients; return them, and the gradient of the unit direction."""
    sums = ()
    v_x, v_y, v_z = 0.0 * x, 0.0 * x, 0.0 * x
    for k in tl.static_range(K):
        sums += (v_coefficients[k] + basis(x, y, z, k)[:, None] * v_colour,)
        if k > 0:
            # Where no gradient comes in, a coefficient may be NaN.
            v_basis = tl.sum(tl.where(v_colour != 0.0, coefficients[k] * v_colour, 0.0), axis=1)
            slope = basis_slope(x, y, z, k)
            v_x += slope[0] * v_basis
            v_y += slope[1] * v_basis
            v_z += slope[2] * v_basis
    return sums, v_x, v_y, v_z
