"""Pass 3 in reverse: gradients of pictures to gradients of records."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import triton
import triton.language as tl

from flashworld.rendering.triton_rasteriser.blending import (
    MAX_ALPHA,
    MIN_LIGHT,
    STEP,
    alpha_of,
    load_record,
    locate_tile,
)
from flashworld.rendering.triton_rasteriser.geometry import TILE_WIDTH, side_by_side
from flashworld.rendering.triton_rasteriser.projection import RECORD

GRADIENTS = tl.constexpr(10)
"""Numbers of a pair's gradient: red, green, blue, depth; sums over pixels of g, g dx, g dy, g dx^2, g dx dy, g dy^2.

g is alpha times the loss's gradient with respect to alpha.
"""


@triton.jit
def _load_pixels(values, view, plane, pixel, inside):
    return tl.load(values + view.to(tl.int64) * plane + pixel, mask=inside, other=0.0)


@triton.jit(do_not_specialize=["first_view", "first_row", "num_rows", "height", "width"])
def unblend_kernel(
    records, bounds, pairs, owners, first_view, first_row, num_rows, height, width,
    colour, alpha, depth, v_colour, v_alpha, v_depth, sums,
):  # fmt: skip
    """Write the gradients of every pair that was blended to its row of `sums`, [pairs, 10].

    A pixel starts with the loss's gradient times its final values and takes away what each record added. So it knows
    what is still to come from behind: that, divided by 1 - alpha, is what the record takes from those.
    """
    view, column, row = locate_tile(first_view, first_row, num_rows, width)
    inside = (column < width) & (row < height)
    x, y = column + 0.5, row + 0.5
    plane, pixel = height * width, row * width + column
    v_r = _load_pixels(v_colour, view * 3, plane, pixel, inside)
    v_g = _load_pixels(v_colour, view * 3 + 1, plane, pixel, inside)
    v_b = _load_pixels(v_colour, view * 3 + 2, plane, pixel, inside)
    v_d = _load_pixels(v_depth, view, plane, pixel, inside)
    behind = v_r * _load_pixels(colour, view * 3, plane, pixel, inside)
    behind += v_g * _load_pixels(colour, view * 3 + 1, plane, pixel, inside)
    behind += v_b * _load_pixels(colour, view * 3 + 2, plane, pixel, inside)
    behind += v_d * _load_pixels(depth, view, plane, pixel, inside)
    shown = 1.0 - _load_pixels(alpha, view, plane, pixel, inside)
    behind -= _load_pixels(v_alpha, view, plane, pixel, inside) * shown
    light = tl.where(inside, 1.0, 0.0)

    i, last = tl.load(bounds + tl.program_id(0)), tl.load(bounds + tl.program_id(0) + 1)
    if i < last:
        pair = tl.load(pairs + i)
        values = load_record(records, tl.load(owners + pair))
        next_pair = tl.load(pairs + tl.minimum(i + 1, last - 1))
        while (i < last) & (tl.max(tl.max(light, axis=0), axis=0) > MIN_LIGHT):
            for k in range(i, tl.minimum(i + STEP, last)):
                ahead = load_record(records, tl.load(owners + next_pair))
                pair_after_next = tl.load(pairs + tl.minimum(k + 2, last - 1))
                value, dx, dy = alpha_of(values, x, y)
                after = tl.fma(light, -value, light)
                value = tl.where(after > MIN_LIGHT, value, 0.0)
                weight = light * value
                shade = v_r * values[6] + v_g * values[7] + v_b * values[8] + v_d * values[9]
                behind -= weight * shade
                # The cap of alpha lets no gradient through.
                g = tl.where(value < MAX_ALPHA, weight * shade - behind * (value / (1.0 - value)), 0.0)
                at = sums + pair * GRADIENTS
                tl.store(at, _total(weight * v_r))
                tl.store(at + 1, _total(weight * v_g))
                tl.store(at + 2, _total(weight * v_b))
                tl.store(at + 3, _total(weight * v_d))
                in_column, first, second = tl.sum(g, axis=0), tl.sum(g * dy, axis=0), tl.sum(g * dy * dy, axis=0)
                along = tl.reshape(dx, (TILE_WIDTH,))
                tl.store(at + 4, tl.sum(in_column, axis=0))
                tl.store(at + 5, tl.sum(in_column * along, axis=0))
                tl.store(at + 6, tl.sum(first, axis=0))
                tl.store(at + 7, tl.sum(in_column * along * along, axis=0))
                tl.store(at + 8, tl.sum(first * along, axis=0))
                tl.store(at + 9, tl.sum(second, axis=0))
                light = after
                pair, next_pair = next_pair, pair_after_next
                values = ahead
            i += STEP


@triton.jit
def _total(values):
    return tl.sum(tl.sum(values, axis=0), axis=0)


@triton.jit(do_not_specialize=["num"])
def gather_kernel(records, first_pairs, counts, num, sums, gradients, BLOCK: tl.constexpr):
    """Add up each record's pairs, in their order, to its row of `gradients`, [records, 12], of which 10 are used."""
    record = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = record < num
    row = sums + tl.load(first_pairs + record, mask=inside, other=0).to(tl.int64) * GRADIENTS
    count = tl.load(counts + record, mask=inside, other=0)
    totals = ()
    for _ in tl.static_range(GRADIENTS):
        totals += (tl.zeros([BLOCK], tl.float32),)
    for k in range(tl.max(count, axis=0)):
        added = ()
        for n in tl.static_range(GRADIENTS):
            added += (totals[n] + tl.load(row + k * GRADIENTS + n, mask=k < count, other=0.0),)
        totals = added
    v_colour = ()
    for n in tl.static_range(3):  # a colour floored at 0 takes no gradient
        colour = tl.load(records + record * RECORD + 8 + n, mask=inside, other=0.0)
        v_colour += (tl.where(colour > 0.0, totals[n], 0.0),)
    zero = tl.zeros([BLOCK], tl.float32)
    column = tl.arange(0, 4)[None, :]
    at, mask = gradients + record[:, None] * RECORD + column, inside[:, None] & (column >= 0)
    tl.store(at, side_by_side(v_colour[0], v_colour[1], v_colour[2], totals[3], BLOCK), mask=mask)
    tl.store(at + 4, side_by_side(totals[4], totals[5], totals[6], totals[7], BLOCK), mask=mask)
    tl.store(at + 8, side_by_side(totals[8], totals[9], zero, zero, BLOCK), mask=mask)
