"""Parts of the kernels: a Gaussian's ellipse on one camera's image.

Formulas are those of EWA splatting (Zwicker et al. 2002) as 3D Gaussian splatting uses them (Kerbl et al. 2023). All
values are float32 vectors, an entry for each Gaussian of a program; a camera's are scalars.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import triton
import triton.language as tl

TILE_WIDTH, TILE_HEIGHT = tl.constexpr(16), tl.constexpr(8)
CAMERA = tl.constexpr(20)  # numbers of a camera, see `load_camera`
BLUR = tl.constexpr(0.3)
MIN_ALPHA = tl.constexpr(1 / 255)
LARGEST = tl.constexpr(1e30)


@triton.jit
def load_camera(cameras, view):
    """Rotation from world to OpenCV camera axes (9, row by row), position, fx fy cx cy in pixels, and slope limits.

    The limits of x/z and y/z inside the Jacobian are left, right, top and bottom.
    """
    numbers = ()
    for i in tl.static_range(CAMERA):
        numbers += (tl.load(cameras + view * CAMERA + i),)
    return numbers


@triton.jit
def load_row(values, i, mask, NUM: tl.constexpr):
    """Rows `i` of an array with NUM columns, as a tuple of columns; rows outside the mask are 0."""
    columns = ()
    for k in tl.static_range(NUM):
        columns += (tl.load(values + i.to(tl.int64) * NUM + k, mask=mask, other=0.0),)
    return columns


@triton.jit
def rotation(quaternion):
    """Rotation matrix (9, row by row) of quaternions w x y z of any length but 0, which gives NaN."""
    w, x, y, z = quaternion
    double = 2.0 / (w * w + x * x + y * y + z * z)
    xx, yy, zz = double * x * x, double * y * y, double * z * z
    xy, xz, yz = double * x * y, double * x * z, double * y * z
    wx, wy, wz = double * w * x, double * w * y, double * w * z
    return (1.0 - yy - zz, xy - wz, xz + wy, xy + wz, 1.0 - xx - zz, yz - wx, xz - wy, yz + wx, 1.0 - xx - yy)


@triton.jit
def world_axes(quaternion, scales):
    """The Gaussian's three axes in the world, as columns of a matrix (9, row by row): rotation times scales."""
    r = rotation(quaternion)
    s0, s1, s2 = scales
    return (r[0] * s0, r[1] * s1, r[2] * s2, r[3] * s0, r[4] * s1, r[5] * s2, r[6] * s0, r[7] * s1, r[8] * s2)


@triton.jit
def view_centre(camera, mean):
    """Centres in one view: x/z and y/z in camera axes, and z."""
    dx, dy, dz = mean[0] - camera[9], mean[1] - camera[10], mean[2] - camera[11]
    z = camera[6] * dx + camera[7] * dy + camera[8] * dz
    per_z = 1.0 / z
    slope_x = (camera[0] * dx + camera[1] * dy + camera[2] * dz) * per_z
    slope_y = (camera[3] * dx + camera[4] * dy + camera[5] * dz) * per_z
    return slope_x, slope_y, z


@triton.jit
def slopes_times_focal(camera, slope_x, slope_y):
    """The perspective's Jacobian times z, times the view's rotation: two rows of three."""
    fx, fy = camera[12], camera[13]
    jx = tl.minimum(tl.maximum(slope_x, camera[16]), camera[17])
    jy = tl.minimum(tl.maximum(slope_y, camera[18]), camera[19])
    return (
        fx * (camera[0] - jx * camera[6]), fx * (camera[1] - jx * camera[7]), fx * (camera[2] - jx * camera[8]),
        fy * (camera[3] - jy * camera[6]), fy * (camera[4] - jy * camera[7]), fy * (camera[5] - jy * camera[8]),
    )  # fmt: skip


@triton.jit
def image_axes(rows, per_z, axes):
    """The Gaussian's axes on the image, in pixels: two rows of three. `rows` is that of `slopes_times_focal`."""
    m00 = (rows[0] * axes[0] + rows[1] * axes[3] + rows[2] * axes[6]) * per_z
    m01 = (rows[0] * axes[1] + rows[1] * axes[4] + rows[2] * axes[7]) * per_z
    m02 = (rows[0] * axes[2] + rows[1] * axes[5] + rows[2] * axes[8]) * per_z
    m10 = (rows[3] * axes[0] + rows[4] * axes[3] + rows[5] * axes[6]) * per_z
    m11 = (rows[3] * axes[1] + rows[4] * axes[4] + rows[5] * axes[7]) * per_z
    m12 = (rows[3] * axes[2] + rows[4] * axes[5] + rows[5] * axes[8]) * per_z
    return m00, m01, m02, m10, m11, m12


@triton.jit
def project(camera, mean, axes, opacity, near, far, width, height):
    """Ellipses: centre (u, v), covariance (xx, xy, yy) and its determinant, z, extents in x and y, and who is visible.

    An ellipse ends where alpha falls to 1/255. Gaussians with values that are not finite are not visible, for
    comparisons with NaN are false.
    """
    slope_x, slope_y, z = view_centre(camera, mean)
    m00, m01, m02, m10, m11, m12 = image_axes(slopes_times_focal(camera, slope_x, slope_y), 1.0 / z, axes)
    u, v = camera[12] * slope_x + camera[14], camera[13] * slope_y + camera[15]
    xx, xy, yy = m00 * m00 + m01 * m01 + m02 * m02, m00 * m10 + m01 * m11 + m02 * m12, m10 * m10 + m11 * m11 + m12 * m12
    # The determinant as a sum of squared minors: no cancellation, however thin the Gaussian is.
    n0, n1, n2 = m00 * m11 - m01 * m10, m00 * m12 - m02 * m10, m01 * m12 - m02 * m11
    determinant = n0 * n0 + n1 * n1 + n2 * n2 + BLUR * (xx + yy) + BLUR * BLUR
    xx, yy = xx + BLUR, yy + BLUR
    # The squared Mahalanobis distance where alpha is 1/255, and a little more for rounding.
    reach = 2.0 * tl.log(255.0 * tl.maximum(opacity, MIN_ALPHA)) + 1e-4
    extent_x, extent_y = tl.sqrt(reach * xx), tl.sqrt(reach * yy)
    visible = (z >= near) & (z <= far) & (opacity >= MIN_ALPHA) & (opacity < LARGEST) & (determinant < LARGEST)
    visible &= (u + extent_x >= 0.5) & (u - extent_x <= width - 0.5)
    visible &= (v + extent_y >= 0.5) & (v - extent_y <= height - 0.5)
    return u, v, xx, xy, yy, determinant, z, extent_x, extent_y, visible


@triton.jit
def first_and_last_tile(centre, extent, size, visible, TILE: tl.constexpr):
    """The tiles in which the first and the last pixel within the extent lie, along one direction of the image."""
    first = tl.maximum(centre - extent - 0.5, 0.0)
    last = tl.minimum(centre + extent - 0.5, size - 1.0)
    return (tl.where(visible, first, 0.0).to(tl.int32) // TILE, tl.where(visible, last, 0.0).to(tl.int32) // TILE)


@triton.jit
def side_by_side(a, b, c, d, BLOCK: tl.constexpr):
    """Four columns as rows of four, so that a row is written at once."""
    return tl.reshape(tl.join(tl.join(a, c), tl.join(b, d)), (BLOCK, 4))
