"""Pass 1 in reverse: gradients of records to gradients of Gaussians, added up over views."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false, reportOperatorIssue=false

import triton
import triton.language as tl

from flashworld.rendering.triton_rasteriser.colours import (
    add_coefficients,
    direction,
    evaluate_backward,
    load_coefficients,
)
from flashworld.rendering.triton_rasteriser.geometry import (
    BLUR,
    image_axes,
    load_camera,
    load_row,
    rotation,
    slopes_times_focal,
    view_centre,
    world_axes,
)
from flashworld.rendering.triton_rasteriser.projection import RECORD, first_and_last_view, gaussians_of_block


@triton.jit
def _add_row(values, i, mask, added, NUM: tl.constexpr):
    for k in tl.static_range(NUM):
        at = values + i.to(tl.int64) * NUM + k
        tl.store(at, tl.load(at, mask=mask, other=0.0) + added[k], mask=mask)


@triton.jit
def _ellipse_gradient(m, sums):
    """Gradients of the centre u, v and of the axes `m` on the image, from depth, then g, g dx, ..., g dy^2."""
    gx, gy, gxx, gxy, gyy = sums[2], sums[3], sums[4], sums[5], sums[6]
    xx = m[0] * m[0] + m[1] * m[1] + m[2] * m[2]
    xy = m[0] * m[3] + m[1] * m[4] + m[2] * m[5]
    yy = m[3] * m[3] + m[4] * m[4] + m[5] * m[5]
    n0, n1, n2 = m[0] * m[4] - m[1] * m[3], m[0] * m[5] - m[2] * m[3], m[1] * m[5] - m[2] * m[4]
    per_determinant = 1.0 / (n0 * n0 + n1 * n1 + n2 * n2 + (xx + yy) * BLUR + BLUR * BLUR)
    a, b, c = (yy + BLUR) * per_determinant, -xy * per_determinant, (xx + BLUR) * per_determinant
    # alpha is opacity exp(-(a dx^2 + 2 b dx dy + c dy^2) / 2), and dx, dy fall as the centre moves.
    v_u, v_v = a * gx + b * gy, b * gx + c * gy
    # With K = (a b; b c), the covariance's inverse, and G the moments, the covariance's gradient is K G K / 2. The
    # covariance is m m^T + blur, so that of m is K G K m.
    t00, t01, t10, t11 = a * gxx + b * gxy, a * gxy + b * gyy, b * gxx + c * gxy, b * gxy + c * gyy
    v_xx, v_xy, v_yy = t00 * a + t01 * b, t00 * b + t01 * c, t10 * b + t11 * c
    v_m = (
        v_xx * m[0] + v_xy * m[3], v_xx * m[1] + v_xy * m[4], v_xx * m[2] + v_xy * m[5],
        v_xy * m[0] + v_yy * m[3], v_xy * m[1] + v_yy * m[4], v_xy * m[2] + v_yy * m[5],
    )  # fmt: skip
    return v_u, v_v, v_m


@triton.jit
def _centre_gradient(camera, slope_x, slope_y, z, rows, axes, v_m, v_u, v_v, v_z):
    """Gradient of the centre in the world, from those of its image, of the axes on the image, and of its depth."""
    per_z = 1.0 / z
    # v_m times the axes' transpose: the gradient of rows / z.
    f0 = v_m[0] * axes[0] + v_m[1] * axes[1] + v_m[2] * axes[2]
    f1 = v_m[0] * axes[3] + v_m[1] * axes[4] + v_m[2] * axes[5]
    f2 = v_m[0] * axes[6] + v_m[1] * axes[7] + v_m[2] * axes[8]
    f3 = v_m[3] * axes[0] + v_m[4] * axes[1] + v_m[5] * axes[2]
    f4 = v_m[3] * axes[3] + v_m[4] * axes[4] + v_m[5] * axes[5]
    f5 = v_m[3] * axes[6] + v_m[4] * axes[7] + v_m[5] * axes[8]
    v_per_z = rows[0] * f0 + rows[1] * f1 + rows[2] * f2 + rows[3] * f3 + rows[4] * f4 + rows[5] * f5
    fx, fy = camera[12], camera[13]
    within_x = (slope_x > camera[16]) & (slope_x < camera[17])
    within_y = (slope_y > camera[18]) & (slope_y < camera[19])
    bend_x = fx * per_z * (camera[6] * f0 + camera[7] * f1 + camera[8] * f2)
    bend_y = fy * per_z * (camera[6] * f3 + camera[7] * f4 + camera[8] * f5)
    v_slope_x = v_u * fx - tl.where(within_x, bend_x, 0.0)
    v_slope_y = v_v * fy - tl.where(within_y, bend_y, 0.0)
    v_x, v_y = v_slope_x * per_z, v_slope_y * per_z
    v_z -= (v_per_z * per_z + v_slope_x * slope_x + v_slope_y * slope_y) * per_z
    return (
        camera[0] * v_x + camera[3] * v_y + camera[6] * v_z,
        camera[1] * v_x + camera[4] * v_y + camera[7] * v_z,
        camera[2] * v_x + camera[5] * v_y + camera[8] * v_z,
    )


@triton.jit
def _quaternion_gradient(quaternion, h):
    """From the gradient of the rotation matrix, that of the quaternion before it is normalised."""
    w, x, y, z = quaternion
    norm = 1.0 / tl.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * norm, x * norm, y * norm, z * norm
    v_w = 2.0 * (x * (h[7] - h[5]) + y * (h[2] - h[6]) + z * (h[3] - h[1]))
    v_x = 2.0 * (y * (h[1] + h[3]) + z * (h[2] + h[6]) + w * (h[7] - h[5]) - 2.0 * x * (h[4] + h[8]))
    v_y = 2.0 * (x * (h[1] + h[3]) + z * (h[5] + h[7]) + w * (h[2] - h[6]) - 2.0 * y * (h[0] + h[8]))
    v_z = 2.0 * (x * (h[2] + h[6]) + y * (h[5] + h[7]) + w * (h[3] - h[1]) - 2.0 * z * (h[0] + h[4]))
    along = w * v_w + x * v_x + y * v_y + z * v_z
    return (v_w - along * w) * norm, (v_x - along * x) * norm, (v_y - along * y) * norm, (v_z - along * z) * norm


@triton.jit
def _add_seen(a, b, seen, NUM: tl.constexpr):
    sums = ()
    for k in tl.static_range(NUM):
        sums += (a[k] + tl.where(seen, b[k], 0.0),)
    return sums


@triton.jit
def _zeros(BLOCK: tl.constexpr, NUM: tl.constexpr):
    columns = ()
    for _ in tl.static_range(NUM):
        columns += (tl.zeros([BLOCK], tl.float32),)
    return columns


@triton.jit(do_not_specialize=["num", "each", "first_view", "last_view"])
def project_backward_kernel(
    means, quaternions, scales, opacities, num, cameras, each, first_view, last_view, found, gradients,
    v_means, v_quaternions, v_scales, v_opacities, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the gradients of centres, quaternions, scales and opacities, but for what comes through the colours.

    `gradients` [records, 12] are those of `unblending.gather_kernel`, and `found` [views, num] tells the records.
    """
    own, i, inside = gaussians_of_block(num, BLOCK)
    mean = load_row(means, i, inside, 3)
    quaternion, scale = load_row(quaternions, i, inside, 4), load_row(scales, i, inside, 3)
    axes = world_axes(quaternion, scale)
    v_mean, v_axes, v_opacity = _zeros(BLOCK, 3), _zeros(BLOCK, 9), tl.zeros([BLOCK], tl.float32)
    ever = own < 0
    first, last = first_and_last_view(first_view, last_view, each)
    for view in range(first, last):
        record = tl.load(found + (view - first_view).to(tl.int64) * num + own, mask=inside, other=-1)
        seen = record >= 0
        ever |= seen
        sums = ()
        for n in tl.static_range(3, 10):
            sums += (tl.load(gradients + record * RECORD + n, mask=seen, other=0.0),)
        camera = load_camera(cameras, view)
        slope_x, slope_y, z = view_centre(camera, mean)
        rows = slopes_times_focal(camera, slope_x, slope_y)
        v_u, v_v, v_m = _ellipse_gradient(image_axes(rows, 1.0 / z, axes), sums)
        centre = _centre_gradient(camera, slope_x, slope_y, z, rows, axes, v_m, v_u, v_v, sums[0])
        spread = ()  # the axes' gradient: the transpose of rows / z, times v_m
        for n in tl.static_range(9):
            spread += ((rows[n // 3] * v_m[n % 3] + rows[3 + n // 3] * v_m[3 + n % 3]) / z,)
        # What is not seen may be anything here, NaN too.
        v_mean = _add_seen(v_mean, centre, seen, 3)
        v_axes = _add_seen(v_axes, spread, seen, 9)
        v_opacity += sums[1]

    # The axes are rotation times scales.
    r = rotation(quaternion)
    v_scale, v_rotation = (), ()
    for k in tl.static_range(3):
        v_scale += (v_axes[k] * r[k] + v_axes[3 + k] * r[3 + k] + v_axes[6 + k] * r[6 + k],)
    for n in tl.static_range(9):
        v_rotation += (v_axes[n] * scale[n % 3],)
    opacity = tl.load(opacities + i, mask=ever, other=1.0)
    _add_row(v_means, i, ever, v_mean, 3)
    _add_row(v_quaternions, i, ever, _quaternion_gradient(quaternion, v_rotation), 4)
    _add_row(v_scales, i, ever, v_scale, 3)
    _add_row(v_opacities, i, ever, (v_opacity / opacity,), 1)


@triton.jit(do_not_specialize=["num", "each", "first_view", "last_view"])
def colours_backward_kernel(
    means, harmonics, num, cameras, each, first_view, last_view, found, gradients, v_means,
    v_harmonics, K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the gradients of the harmonics, and those of the centres through the directions of view."""
    own, i, inside = gaussians_of_block(num, BLOCK)
    channel = tl.arange(0, 4)[None, :]
    mean = load_row(means, i, inside, 3)
    coefficients = load_coefficients(harmonics, i, inside, K)
    v_mean, v_coefficients = _zeros(BLOCK, 3), ()
    for _ in tl.static_range(K):
        v_coefficients += (tl.zeros([BLOCK, 4], tl.float32),)
    ever = own < 0
    first, last = first_and_last_view(first_view, last_view, each)
    for view in range(first, last):
        record = tl.load(found + (view - first_view).to(tl.int64) * num + own, mask=inside, other=-1)
        seen = record >= 0
        ever |= seen
        mask = seen[:, None] & (channel < 3)
        v_colour = tl.load(gradients + record[:, None] * RECORD + channel, mask=mask, other=0.0)
        x, y, z, per_distance = direction(load_camera(cameras, view), mean)
        x, y, z = tl.where(seen, x, 0.0), tl.where(seen, y, 0.0), tl.where(seen, z, 0.0)
        v_coefficients, v_x, v_y, v_z = evaluate_backward(coefficients, v_coefficients, v_colour, x, y, z, K)
        along = x * v_x + y * v_y + z * v_z
        centre = ((v_x - along * x) * per_distance, (v_y - along * y) * per_distance, (v_z - along * z) * per_distance)
        v_mean = _add_seen(v_mean, centre, seen, 3)
    _add_row(v_means, i, ever, v_mean, 3)
    add_coefficients(v_harmonics, i, ever, v_coefficients, K)
