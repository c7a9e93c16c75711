"""Pass 1, second half: harmonics to the colours that a camera sees. And its reverse.

Real spherical harmonics are those of `flashworld.geometry.harmonics`. A colour depends on the direction from the camera
to the Gaussian's centre alone, so each is evaluated once a view, in the order of memory and 64 at a time: looked up one
by one while blending, they took most of the time there.
"""

import math

import numpy as np

from flashworld.rendering.numba_rasteriser.compile import inlined, kernel

LANES = 64
EXTENT_Y, GAUSSIAN, RED, GREEN, BLUE = range(11, 16)  # fields of a record, see `projection`

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_LARGEST = np.float32(1e30)

_S0, _S1 = np.float32(math.sqrt(1 / (4 * math.pi))), np.float32(math.sqrt(3 / (4 * math.pi)))
_S2, _S20, _S22 = (np.float32(math.sqrt(n / (16 * math.pi))) for n in (60, 5, 15))
_S30, _S31, _S32 = (np.float32(math.sqrt(n / (16 * math.pi))) for n in (7, 10.5, 105))
_S33, _S3 = np.float32(math.sqrt(35 / (32 * math.pi))), np.float32(math.sqrt(105 / (4 * math.pi)))
_C3, _C5, _SIX = np.float32(3), np.float32(5), np.float32(6)


@inlined
def _basis(x, y, z):
    """All 16 harmonics at a unit direction."""
    xx, yy, zz = x * x, y * y, z * z
    ring = _C5 * zz - _ONE
    return (
        _S0, -_S1 * y, _S1 * z, -_S1 * x,
        _S2 * x * y, -_S2 * y * z, _S20 * (_C3 * zz - _ONE), -_S2 * x * z, _S22 * (xx - yy),
        -_S33 * y * (_C3 * xx - yy), _S3 * x * y * z, -_S31 * y * ring, _S30 * z * (_C5 * zz - _C3), -_S31 * x * ring,
        _S32 * z * (xx - yy), -_S33 * x * (xx - _C3 * yy),
    )  # fmt: skip


@inlined
def _sum_of_harmonics(b, rows, at):
    """Sum over the 16 harmonics `b` times their coefficients, `rows[3 * LANES * i + at]`."""
    step = 3 * LANES
    return (
        b[0] * rows[at] + b[1] * rows[step + at] + b[2] * rows[2 * step + at] + b[3] * rows[3 * step + at]
        + b[4] * rows[4 * step + at] + b[5] * rows[5 * step + at] + b[6] * rows[6 * step + at]
        + b[7] * rows[7 * step + at] + b[8] * rows[8 * step + at] + b[9] * rows[9 * step + at]
        + b[10] * rows[10 * step + at] + b[11] * rows[11 * step + at] + b[12] * rows[12 * step + at]
        + b[13] * rows[13 * step + at] + b[14] * rows[14 * step + at] + b[15] * rows[15 * step + at]
    )  # fmt: skip


@inlined
def _load(first, num, records, means, harmonics, eye, directions, coefficients, rows):
    """Copy directions and coefficients of the records from `first` on side by side: a row of 64 for each number.

    `rows` are the multiples of 64. Where they are looked up, LLVM does not make scattered vector stores of the loop,
    which are slower than single ones.
    """
    gaussians = records.view(np.int32)
    for lane in range(num):
        i = gaussians[first + lane, GAUSSIAN]
        for axis in range(3):
            directions[LANES * axis + lane] = means[i, axis] - eye[axis]
        for k in range(harmonics.shape[1]):
            coefficients[rows[k] + lane] = harmonics[i, k]


@inlined
def _evaluate_lanes(directions, coefficients, out):
    """Colours of 64 Gaussians, a row of `out` for each channel. All lanes are computed, whether filled or not."""
    for j in range(LANES):
        x, y, z = directions[j], directions[LANES + j], directions[2 * LANES + j]
        scale = _ONE / math.sqrt(x * x + y * y + z * z)
        basis = _basis(x * scale, y * scale, z * scale)
        out[j] = _HALF + _sum_of_harmonics(basis, coefficients, j)
        out[LANES + j] = _HALF + _sum_of_harmonics(basis, coefficients, LANES + j)
        out[2 * LANES + j] = _HALF + _sum_of_harmonics(basis, coefficients, 2 * LANES + j)


@kernel
def evaluate(first, last, records, means, harmonics, eye):
    """Write the colours of the records first..last, floored at 0. One that is not finite takes its Gaussian out.

    Coefficients of degrees that the scene does not have stay zero.
    """
    directions, coefficients = np.ones(3 * LANES, np.float32), np.zeros(48 * LANES, np.float32)
    colours, rows = np.empty(3 * LANES, np.float32), LANES * np.arange(48)
    flat = harmonics.reshape(len(harmonics), -1)
    for start in range(first, last, LANES):
        num = min(LANES, last - start)
        _load(start, num, records, means, flat, eye, directions, coefficients, rows)
        _evaluate_lanes(directions, coefficients, colours)
        for j in range(num):
            red, green, blue = colours[j], colours[LANES + j], colours[2 * LANES + j]
            if not abs(red) + abs(green) + abs(blue) < _LARGEST:
                records[start + j, EXTENT_Y] = -_LARGEST  # an outline that touches no block
            records[start + j, RED] = max(red, _ZERO)
            records[start + j, GREEN] = max(green, _ZERO)
            records[start + j, BLUE] = max(blue, _ZERO)


@inlined
def _basis_backward(x, y, z, num, v_basis):
    """Gradient of the direction from gradients of the harmonics at it."""
    v_x = v_y = v_z = _ZERO
    if num >= 4:
        v_x, v_y, v_z = -_S1 * v_basis[3], -_S1 * v_basis[1], _S1 * v_basis[2]
    if num >= 9:
        b4, b5, b6, b7, b8 = v_basis[4], v_basis[5], v_basis[6], v_basis[7], v_basis[8]
        v_x += _S2 * (y * b4 - z * b7) + _TWO * _S22 * x * b8
        v_y += _S2 * (x * b4 - z * b5) - _TWO * _S22 * y * b8
        v_z += -_S2 * (y * b5 + x * b7) + _SIX * _S20 * z * b6
    if num >= 16:
        b9, b10, b11, b12, b13 = v_basis[9], v_basis[10], v_basis[11], v_basis[12], v_basis[13]
        b14, b15 = v_basis[14], v_basis[15]
        saddle, ring = _C3 * (x * x - y * y), _C5 * z * z - _ONE
        v_x += (
            -_SIX * _S33 * x * y * b9
            + _S3 * y * z * b10
            - _S31 * ring * b13
            + _TWO * _S32 * x * z * b14
            - _S33 * saddle * b15
        )
        v_y += (
            -_S33 * saddle * b9
            + _S3 * x * z * b10
            - _S31 * ring * b11
            - _TWO * _S32 * y * z * b14
            + _SIX * _S33 * x * y * b15
        )
        v_z += (
            _S3 * x * y * b10
            - _TWO * _C5 * _S31 * z * (y * b11 + x * b13)
            + _C3 * _S30 * ring * b12
            + _S32 * (x * x - y * y) * b14
        )
    return v_x, v_y, v_z


@kernel
def evaluate_backward(first, last, records, gradients, means, harmonics, eye, v_means, v_harmonics):
    """Gradients of colours (the first three of `gradients`) to harmonics, and to means by the direction of view."""
    num = harmonics.shape[1]
    as_integers = records.view(np.int32)
    basis, v_basis = np.empty(16, np.float32), np.empty(16, np.float32)
    for slot in range(first, last):
        # A colour floored at 0 does not move. One that is exactly 0 by itself has the same gradient: none.
        v_red = gradients[slot, 0] if records[slot, RED] > _ZERO else _ZERO
        v_green = gradients[slot, 1] if records[slot, GREEN] > _ZERO else _ZERO
        v_blue = gradients[slot, 2] if records[slot, BLUE] > _ZERO else _ZERO
        if v_red == _ZERO and v_green == _ZERO and v_blue == _ZERO:
            continue
        gaussian = as_integers[slot, GAUSSIAN]
        dx, dy, dz = means[gaussian, 0] - eye[0], means[gaussian, 1] - eye[1], means[gaussian, 2] - eye[2]
        scale = _ONE / math.sqrt(dx * dx + dy * dy + dz * dz)
        x, y, z = dx * scale, dy * scale, dz * scale
        values = _basis(x, y, z)
        for i in range(16):
            basis[i] = values[i]
        for i in range(num):
            v_basis[i] = (
                v_red * harmonics[gaussian, i, 0]
                + v_green * harmonics[gaussian, i, 1]
                + v_blue * harmonics[gaussian, i, 2]
            )
            v_harmonics[gaussian, i, 0] += v_red * basis[i]
            v_harmonics[gaussian, i, 1] += v_green * basis[i]
            v_harmonics[gaussian, i, 2] += v_blue * basis[i]
        v_x, v_y, v_z = _basis_backward(x, y, z, num, v_basis)
        along = v_x * x + v_y * y + v_z * z
        v_means[gaussian, 0] += (v_x - along * x) * scale
        v_means[gaussian, 1] += (v_y - along * y) * scale
        v_means[gaussian, 2] += (v_z - along * z) * scale
