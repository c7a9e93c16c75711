"""Pass 1: Gaussians to ellipses on the image. And its reverse: gradients of ellipses to gradients of Gaussians.

Formulas are those of EWA splatting (Zwicker et al. 2002) as 3D Gaussian splatting uses them (Kerbl et al. 2023).
"""

import math

import numpy as np

from flashworld.rendering.numba_rasteriser.compile import inlined, kernel

LANES = 64
TILE = 16
RECORD = 16  # floats of a record: one cache line
U, V, A, B, C, OPACITY, Z, SLOPE, REACH, CURVE, RIGHT_Y, EXTENT_Y, GAUSSIAN, RED, GREEN, BLUE = range(RECORD)
FOOTPRINT = 5  # integers of a footprint: the depth's bits, then the first and last column and row of tiles
LEFT, RIGHT, TOP, BOTTOM, VISIBLE = range(
    EXTENT_Y + 1, EXTENT_Y + 1 + FOOTPRINT
)  # rows of the scratch after a record's

_ONE = np.float32(1)
_TWO = np.float32(2)
_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_PER_TILE = np.float32(1 / TILE)
_BLUR = np.float32(0.3)
_HALF_LOG2_E = np.float32(0.5 * math.log2(math.e))
_MIN_OPACITY = np.float32(1 / 255)
_LARGEST = np.float32(1e30)


@inlined
def _log2_bound(x):
    """A little more than log2 of a positive number: its exponent bits, with the mantissa taken as linear.

    That line lies at most 0.0861 below the logarithm.
    """
    return np.float32(np.float32(x).view(np.int32)) * np.float32(2.0**-23) - np.float32(127 - 0.0865)


@inlined
def _project_lanes(means, quaternions, scales, opacities, camera, near, far, width, height, out):
    """Ellipses of up to 64 Gaussians, a row of `out` for each field.

    No branches, one-dimensional arrays and constant strides: so LLVM makes vector code of it.
    """
    w00, w01, w02, w10, w11, w12, w20, w21, w22, px, py, pz, fx, fy, cx, cy, left, right, top, bottom = camera
    for k in range(len(opacities)):
        dx, dy, dz = means[3 * k + 0] - px, means[3 * k + 1] - py, means[3 * k + 2] - pz
        z = w20 * dx + w21 * dy + w22 * dz
        per_z = _ONE / z
        slope_x = (w00 * dx + w01 * dy + w02 * dz) * per_z
        slope_y = (w10 * dx + w11 * dy + w12 * dz) * per_z
        u, v = fx * slope_x + cx, fy * slope_y + cy
        jx, jy = min(max(slope_x, left), right), min(max(slope_y, top), bottom)

        # Rows of Jacobian times view rotation, then times the Gaussian's rotation: its three axes on the image.
        gx, gy = fx * per_z, fy * per_z
        p00, p01, p02 = gx * (w00 - jx * w20), gx * (w01 - jx * w21), gx * (w02 - jx * w22)
        p10, p11, p12 = gy * (w10 - jy * w20), gy * (w11 - jy * w21), gy * (w12 - jy * w22)
        qw, qx, qy, qz = quaternions[4 * k + 0], quaternions[4 * k + 1], quaternions[4 * k + 2], quaternions[4 * k + 3]
        norm = _TWO / (qw * qw + qx * qx + qy * qy + qz * qz)
        xx, yy, zz = norm * qx * qx, norm * qy * qy, norm * qz * qz
        xy, xz, yz = norm * qx * qy, norm * qx * qz, norm * qy * qz
        wx, wy, wz = norm * qw * qx, norm * qw * qy, norm * qw * qz
        r00, r01, r02 = _ONE - yy - zz, xy - wz, xz + wy
        r10, r11, r12 = xy + wz, _ONE - xx - zz, yz - wx
        r20, r21, r22 = xz - wy, yz + wx, _ONE - xx - yy
        s0, s1, s2 = scales[3 * k + 0], scales[3 * k + 1], scales[3 * k + 2]
        m00, m10 = s0 * (p00 * r00 + p01 * r10 + p02 * r20), s0 * (p10 * r00 + p11 * r10 + p12 * r20)
        m01, m11 = s1 * (p00 * r01 + p01 * r11 + p02 * r21), s1 * (p10 * r01 + p11 * r11 + p12 * r21)
        m02, m12 = s2 * (p00 * r02 + p01 * r12 + p02 * r22), s2 * (p10 * r02 + p11 * r12 + p12 * r22)

        # The determinant as a sum of squared minors: no cancellation, however thin the Gaussian is.
        sxx, sxy, syy = (
            m00 * m00 + m01 * m01 + m02 * m02,
            m00 * m10 + m01 * m11 + m02 * m12,
            m10 * m10 + m11 * m11 + m12 * m12,
        )
        n0, n1, n2 = m00 * m11 - m01 * m10, m00 * m12 - m02 * m10, m01 * m12 - m02 * m11
        determinant = n0 * n0 + n1 * n1 + n2 * n2 + _BLUR * (sxx + syy) + _BLUR * _BLUR
        sxx, syy = sxx + _BLUR, syy + _BLUR
        per_determinant = _HALF_LOG2_E / determinant

        opacity = opacities[k]
        limit = (
            _log2_bound(np.float32(255) * opacity) / _HALF_LOG2_E
        )  # squared Mahalanobis distance where alpha is 1/255
        extent_x, extent_y = math.sqrt(limit * sxx), math.sqrt(limit * syy)
        seen = (z >= near) & (z <= far) & (opacity >= _MIN_OPACITY) & (opacity < _LARGEST)
        seen &= determinant < _LARGEST
        seen &= (u + extent_x >= _HALF) & (u - extent_x <= width - _HALF)
        seen &= (v + extent_y >= _HALF) & (v - extent_y <= height - _HALF)

        out[LANES * U + k], out[LANES * V + k] = u, v
        out[LANES * A + k], out[LANES * B + k], out[LANES * C + k] = (
            syy * per_determinant,
            -_TWO * sxy * per_determinant,
            sxx * per_determinant,
        )
        out[LANES * OPACITY + k], out[LANES * Z + k] = opacity, z
        out[LANES * SLOPE + k], out[LANES * REACH + k] = sxy / syy, limit * determinant / syy
        out[LANES * CURVE + k] = determinant / (syy * syy)
        out[LANES * RIGHT_Y + k] = sxy / sxx * extent_x
        out[LANES * EXTENT_Y + k] = extent_y
        # The first and last pixel within the extents, in tiles; what is out of sight may be nonsense here.
        out[LANES * LEFT + k] = max(u - extent_x - _HALF, _ZERO) * _PER_TILE
        out[LANES * RIGHT + k] = min(u + extent_x, width) * _PER_TILE - _HALF * _PER_TILE
        out[LANES * TOP + k] = max(v - extent_y - _HALF, _ZERO) * _PER_TILE
        out[LANES * BOTTOM + k] = min(v + extent_y, height) * _PER_TILE - _HALF * _PER_TILE
        out[LANES * VISIBLE + k] = _ONE if seen else _ZERO


@kernel
def project(
    first, last, means, quaternions, scales, opacities, camera, near, far, width, height, records, footprints, counts
):
    """Write records and footprints of the visible Gaussians of first..last, from `first` on; return their number.

    `counts` [tiles_y, tiles_x] receives how many of them touch each tile. `camera` holds the rotation from world to
    OpenCV camera axes (9, row by row), position (3), fx fy cx cy in pixels, and the limits of x/z and y/z inside the
    Jacobian (left, right, top, bottom).
    """
    lanes = np.empty((VISIBLE + 1) * LANES, np.float32)
    flat_means, flat_quaternions, flat_scales = means.reshape(-1), quaternions.reshape(-1), scales.reshape(-1)
    as_integers = records.view(np.int32)
    num = 0
    for start in range(first, last, LANES):
        stop = min(start + LANES, last)
        _project_lanes(
            flat_means[3 * start : 3 * stop], flat_quaternions[4 * start : 4 * stop], flat_scales[3 * start : 3 * stop],
            opacities[start:stop],
            camera, near, far, np.float32(width), np.float32(height), lanes,
        )  # fmt: skip
        for k in range(stop - start):
            if lanes[LANES * VISIBLE + k] == _ZERO:
                continue
            slot = first + num
            num += 1
            for field in range(GAUSSIAN):
                records[slot, field] = lanes[LANES * field + k]
            as_integers[slot, GAUSSIAN] = start + k
            left, right = np.int32(lanes[LANES * LEFT + k]), np.int32(lanes[LANES * RIGHT + k])
            top, bottom = np.int32(lanes[LANES * TOP + k]), np.int32(lanes[LANES * BOTTOM + k])
            footprints[slot, 0] = as_integers[slot, Z]
            footprints[slot, 1], footprints[slot, 2] = left, right
            footprints[slot, 3], footprints[slot, 4] = top, bottom
            for y in range(top, bottom + 1):
                for x in range(left, right + 1):
                    counts[y, x] += 1
    return num


@kernel
def project_backward(
    first, last, records, gradients, means, quaternions, scales, camera, v_means, v_quaternions, v_scales, v_opacities
):
    """Add the gradients of the records first..last to those of the scene.

    A row of `gradients` holds those of red, green, blue (not used here) and depth, then the sums over all pixels of
    g, g dx, g dy, g dx^2, g dx dy, g dy^2, with g = alpha times the loss's gradient with respect to alpha.
    """
    w00, w01, w02, w10, w11, w12, w20, w21, w22, px, py, pz, fx, fy, _, _, left, right, top, bottom = camera
    as_integers = records.view(np.int32)
    for slot in range(first, last):
        v_depth, g = gradients[slot, 3], gradients[slot, 4]
        gx, gy = gradients[slot, 5], gradients[slot, 6]
        gxx, gxy, gyy = gradients[slot, 7], gradients[slot, 8], gradients[slot, 9]
        if v_depth == _ZERO and gxx == _ZERO and gyy == _ZERO:
            continue
        i = as_integers[slot, GAUSSIAN]
        v_opacities[i] += g / records[slot, OPACITY]
        a, b, c = (
            records[slot, A] / _HALF_LOG2_E,
            records[slot, B] / (_TWO * _HALF_LOG2_E),
            records[slot, C] / _HALF_LOG2_E,
        )

        # alpha is opacity exp(-(a dx^2 + 2 b dx dy + c dy^2) / 2), and dx, dy fall as the centre moves.
        v_u, v_v = a * gx + b * gy, b * gx + c * gy
        # With K = (a b; b c), the covariance's inverse, and G the moments, the covariance's gradient is K G K / 2.
        t00, t01 = a * gxx + b * gxy, a * gxy + b * gyy
        t10, t11 = b * gxx + c * gxy, b * gxy + c * gyy
        v_xx, v_xy, v_yy = _HALF * (t00 * a + t01 * b), t00 * b + t01 * c, _HALF * (t10 * b + t11 * c)

        dx, dy, dz = means[i, 0] - px, means[i, 1] - py, means[i, 2] - pz
        x, y = w00 * dx + w01 * dy + w02 * dz, w10 * dx + w11 * dy + w12 * dz
        per_z = _ONE / (w20 * dx + w21 * dy + w22 * dz)
        slope_x, slope_y = x * per_z, y * per_z
        jx, jy = min(max(slope_x, left), right), min(max(slope_y, top), bottom)
        d00, d01, d02 = fx * (w00 - jx * w20), fx * (w01 - jx * w21), fx * (w02 - jx * w22)
        d10, d11, d12 = fy * (w10 - jy * w20), fy * (w11 - jy * w21), fy * (w12 - jy * w22)
        p00, p01, p02, p10, p11, p12 = d00 * per_z, d01 * per_z, d02 * per_z, d10 * per_z, d11 * per_z, d12 * per_z

        qw, qx, qy, qz = quaternions[i, 0], quaternions[i, 1], quaternions[i, 2], quaternions[i, 3]
        norm = _ONE / math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
        qw, qx, qy, qz = qw * norm, qx * norm, qy * norm, qz * norm
        r00, r01, r02 = _ONE - _TWO * (qy * qy + qz * qz), _TWO * (qx * qy - qw * qz), _TWO * (qx * qz + qw * qy)
        r10, r11, r12 = _TWO * (qx * qy + qw * qz), _ONE - _TWO * (qx * qx + qz * qz), _TWO * (qy * qz - qw * qx)
        r20, r21, r22 = _TWO * (qx * qz - qw * qy), _TWO * (qy * qz + qw * qx), _ONE - _TWO * (qx * qx + qy * qy)
        b00, b10 = p00 * r00 + p01 * r10 + p02 * r20, p10 * r00 + p11 * r10 + p12 * r20
        b01, b11 = p00 * r01 + p01 * r11 + p02 * r21, p10 * r01 + p11 * r11 + p12 * r21
        b02, b12 = p00 * r02 + p01 * r12 + p02 * r22, p10 * r02 + p11 * r12 + p12 * r22
        s0, s1, s2 = scales[i, 0], scales[i, 1], scales[i, 2]

        # Axes on the image: covariance = (b s)(b s)^T + blur.
        e00, e10 = _TWO * v_xx * b00 + v_xy * b10, v_xy * b00 + _TWO * v_yy * b10
        e01, e11 = _TWO * v_xx * b01 + v_xy * b11, v_xy * b01 + _TWO * v_yy * b11
        e02, e12 = _TWO * v_xx * b02 + v_xy * b12, v_xy * b02 + _TWO * v_yy * b12
        v_scales[i, 0] += s0 * (e00 * b00 + e10 * b10)
        v_scales[i, 1] += s1 * (e01 * b01 + e11 * b11)
        v_scales[i, 2] += s2 * (e02 * b02 + e12 * b12)
        s0, s1, s2 = s0 * s0, s1 * s1, s2 * s2
        e00, e10, e01, e11, e02, e12 = e00 * s0, e10 * s0, e01 * s1, e11 * s1, e02 * s2, e12 * s2

        # b = p r: gradients of the rotation, and of its quaternion before normalisation.
        h00, h01, h02 = p00 * e00 + p10 * e10, p00 * e01 + p10 * e11, p00 * e02 + p10 * e12
        h10, h11, h12 = p01 * e00 + p11 * e10, p01 * e01 + p11 * e11, p01 * e02 + p11 * e12
        h20, h21, h22 = p02 * e00 + p12 * e10, p02 * e01 + p12 * e11, p02 * e02 + p12 * e12
        vw = _TWO * (qx * (h21 - h12) + qy * (h02 - h20) + qz * (h10 - h01))
        vx = _TWO * (qy * (h01 + h10) + qz * (h02 + h20) + qw * (h21 - h12) - _TWO * qx * (h11 + h22))
        vy = _TWO * (qx * (h01 + h10) + qz * (h12 + h21) + qw * (h02 - h20) - _TWO * qy * (h00 + h22))
        vz = _TWO * (qx * (h02 + h20) + qy * (h12 + h21) + qw * (h10 - h01) - _TWO * qz * (h00 + h11))
        along = qw * vw + qx * vx + qy * vy + qz * vz
        v_quaternions[i, 0] += (vw - along * qw) * norm
        v_quaternions[i, 1] += (vx - along * qx) * norm
        v_quaternions[i, 2] += (vy - along * qy) * norm
        v_quaternions[i, 3] += (vz - along * qz) * norm

        # p = d / z with d = f (w_row - clamped slope w_z): gradients of slopes and of 1 / z, then of the centre.
        f00, f01, f02 = (
            e00 * r00 + e01 * r01 + e02 * r02,
            e00 * r10 + e01 * r11 + e02 * r12,
            e00 * r20 + e01 * r21 + e02 * r22,
        )
        f10, f11, f12 = (
            e10 * r00 + e11 * r01 + e12 * r02,
            e10 * r10 + e11 * r11 + e12 * r12,
            e10 * r20 + e11 * r21 + e12 * r22,
        )
        v_per_z = d00 * f00 + d01 * f01 + d02 * f02 + d10 * f10 + d11 * f11 + d12 * f12
        v_slope_x, v_slope_y = v_u * fx, v_v * fy
        if left < slope_x < right:
            v_slope_x -= fx * per_z * (w20 * f00 + w21 * f01 + w22 * f02)
        if top < slope_y < bottom:
            v_slope_y -= fy * per_z * (w20 * f10 + w21 * f11 + w22 * f12)
        v_x, v_y = v_slope_x * per_z, v_slope_y * per_z
        v_per_z += v_slope_x * x + v_slope_y * y
        v_z = v_depth - v_per_z * per_z * per_z
        v_means[i, 0] += w00 * v_x + w10 * v_y + w20 * v_z
        v_means[i, 1] += w01 * v_x + w11 * v_y + w21 * v_z
        v_means[i, 2] += w02 * v_x + w12 * v_y + w22 * v_z
