"""Pass 1: Gaussians to records, the ellipses and colours that each view sees."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false, reportOperatorIssue=false

import triton
import triton.language as tl

from flashworld.rendering.triton_rasteriser.colours import direction, evaluate, load_coefficients
from flashworld.rendering.triton_rasteriser.geometry import (
    LARGEST,
    TILE_HEIGHT,
    TILE_WIDTH,
    first_and_last_tile,
    load_camera,
    load_row,
    project,
    side_by_side,
    world_axes,
)

RECORD = tl.constexpr(12)  # words of a record, in three groups of four
HALF_LOG2_E = tl.constexpr(0.7213475204444817)


@triton.jit
def load_gaussians(means, quaternions, scales, opacities, i, mask):
    """Centres, axes in the world, and opacities."""
    mean = load_row(means, i, mask, 3)
    axes = world_axes(load_row(quaternions, i, mask, 4), load_row(scales, i, mask, 3))
    return mean, axes, tl.load(opacities + i, mask=mask, other=0.0)


@triton.jit
def gaussians_of_block(num, BLOCK: tl.constexpr):
    """A program's Gaussians by their number in their scene and in the batch, and whether there are so many."""
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    return own, tl.program_id(1) * num + own, own < num


@triton.jit
def first_and_last_view(first_view, last_view, each):
    """Of the views `first_view` to `last_view` - 1 those of the program's scene; each scene has `each` views."""
    scene = tl.program_id(1)
    return tl.maximum(first_view, scene * each), tl.minimum(last_view, (scene + 1) * each)


@triton.jit
def footprint(u, v, extent_x, extent_y, visible, width, height, first_row, last_row):
    """First column, first row, and numbers of columns and rows of the tiles touched; the rows are those of a band."""
    left, right = first_and_last_tile(u, extent_x, width, visible, TILE_WIDTH)
    top, bottom = first_and_last_tile(v, extent_y, height, visible, TILE_HEIGHT)
    top, bottom = tl.maximum(top, first_row), tl.minimum(bottom, last_row - 1)
    visible &= top <= bottom
    return left, top, tl.where(visible, right - left + 1, 0), tl.where(visible, bottom - top + 1, 0), visible


@triton.jit(do_not_specialize=["num", "each", "first_view", "last_view", "width", "height", "first_row", "last_row"])
def count_kernel(
    means, quaternions, scales, opacities, num, cameras, each, first_view, last_view, near, far, width, height,
    first_row, last_row, num_records, num_pairs,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Count each block's visible Gaussians and the tiles that they touch, for each of some views.

    Programs are blocks of Gaussians by scenes. Scenes have `num` Gaussians and `each` views, one after another.
    `num_records` and `num_pairs` are [views, blocks].
    """
    block, num_blocks = tl.program_id(0), tl.num_programs(0)
    _, i, inside = gaussians_of_block(num, BLOCK)
    mean, axes, opacity = load_gaussians(means, quaternions, scales, opacities, i, inside)
    first, last = first_and_last_view(first_view, last_view, each)
    for view in range(first, last):
        u, v, _, _, _, _, _, extent_x, extent_y, visible = project(
            load_camera(cameras, view), mean, axes, opacity, near, far, width, height
        )
        _, _, columns, rows, visible = footprint(u, v, extent_x, extent_y, visible, width, height, first_row, last_row)
        at = (view - first_view) * num_blocks + block
        tl.store(num_records + at, tl.sum(visible.to(tl.int32), axis=0))
        tl.store(num_pairs + at, tl.sum(columns * rows, axis=0))


@triton.jit(do_not_specialize=["num", "each", "first_view", "last_view", "width", "height", "first_row", "last_row"])
def project_kernel(
    means, quaternions, scales, opacities, harmonics, num, cameras, each, first_view, last_view, near, far, width,
    height, first_row, last_row, starts, records, depths, num_tiles, found,
    K: tl.constexpr, FIND: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write records, depths and numbers of tiles of the visible Gaussians, in the order of views, then of Gaussians.

    Programs are those of `count_kernel`. `starts` [views, blocks] says where a block's records begin. With FIND,
    `found` [views, num] receives the record of each Gaussian of a view's scene, or -1. A record's words are: centre u
    and v; the exponent's factors of dx^2 and dx dy; that of dy^2 and the exponent at the centre, in powers of two;
    first tile; columns and, from bit 16 on, rows of tiles; red, green, blue, z.
    """
    block, num_blocks = tl.program_id(0), tl.num_programs(0)
    own, i, inside = gaussians_of_block(num, BLOCK)
    mean, axes, opacity = load_gaussians(means, quaternions, scales, opacities, i, inside)
    coefficients = load_coefficients(harmonics, i, inside, K)
    channel = tl.arange(0, 4)[None, :]
    tiles_x = (width + TILE_WIDTH - 1) // TILE_WIDTH
    first, last = first_and_last_view(first_view, last_view, each)
    for view in range(first, last):
        camera = load_camera(cameras, view)
        u, v, xx, xy, yy, determinant, z, extent_x, extent_y, visible = project(
            camera, mean, axes, opacity, near, far, width, height
        )
        left, top, columns, rows, visible = footprint(
            u, v, extent_x, extent_y, visible, width, height, first_row, last_row
        )
        x_, y_, z_, _ = direction(camera, mean)
        colour = evaluate(coefficients, x_, y_, z_, K)
        # A record whose colour is not finite stays, but as one that cannot be seen: no pass has to know it.
        finite = tl.abs(colour) < LARGEST
        exponent = tl.where(tl.min(finite.to(tl.int32), axis=1) > 0, tl.log2(opacity), -LARGEST)
        colour = tl.where(finite, tl.maximum(colour, 0.0), 0.0)

        at = (view - first_view) * num_blocks + block
        ones = visible.to(tl.int32)
        record = tl.load(starts + at) + tl.cumsum(ones, axis=0) - ones
        per_determinant = HALF_LOG2_E / determinant
        first_tile = ((view - first_view) * (last_row - first_row) + top - first_row) * tiles_x + left
        words = records + record[:, None] * RECORD + channel
        mask = visible[:, None] & (channel >= 0)
        a, b, c = -yy * per_determinant, 2.0 * xy * per_determinant, -xx * per_determinant
        tl.store(words, side_by_side(u, v, a, b, BLOCK), mask=mask)
        first_tile, size = (
            first_tile.to(tl.float32, bitcast=True),
            (columns + (rows << 16)).to(tl.float32, bitcast=True),
        )
        tl.store(words + 4, side_by_side(c, exponent, first_tile, size, BLOCK), mask=mask)
        tl.store(words + 8, tl.where(channel == 3, z[:, None], colour), mask=mask)
        tl.store(depths + record, z, mask=visible)
        tl.store(num_tiles + record, columns * rows, mask=visible)
        if FIND:
            tl.store(found + (view - first_view).to(tl.int64) * num + own, tl.where(visible, record, -1), mask=inside)
