"""Pass 3: the lists of records to pictures."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import triton
import triton.language as tl

from flashworld.rendering.triton_rasteriser.geometry import TILE_HEIGHT, TILE_WIDTH
from flashworld.rendering.triton_rasteriser.projection import RECORD

MAX_ALPHA = tl.constexpr(0.999)
MIN_EXPONENT = tl.constexpr(-7.994353436858858)  # log2 of 1/255
MIN_LIGHT = tl.constexpr(1e-4)
STEP = tl.constexpr(16)  # records that are blended before a tile looks whether all its pixels have ended


@triton.jit
def load_record(records, record):
    """The ten numbers that blending needs: centre, exponent's factors, exponent at the centre, colour, depth."""
    at = records + record * RECORD
    return (
        tl.load(at), tl.load(at + 1), tl.load(at + 2), tl.load(at + 3), tl.load(at + 4), tl.load(at + 5),
        tl.load(at + 8), tl.load(at + 9), tl.load(at + 10), tl.load(at + 11),
    )  # fmt: skip


@triton.jit
def locate_tile(first_view, first_row, num_rows, width):
    """View of the program's tile, its pixels' columns as a row, and their rows as a column."""
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    tile = tl.program_id(0)
    row = tile // columns
    pixel_columns = (tile - row * columns) * TILE_WIDTH + tl.arange(0, TILE_WIDTH)[None, :]
    pixel_rows = (first_row + row % num_rows) * TILE_HEIGHT + tl.arange(0, TILE_HEIGHT)[:, None]
    return first_view + row // num_rows, pixel_columns, pixel_rows


@triton.jit
def alpha_of(values, x, y):
    """Alpha of one record, 0 where it is below 1/255; and the distances dx, a row, and dy, a column."""
    dx, dy = x - values[0], y - values[1]
    exponent = (values[5] + values[2] * dx * dx) + (values[3] * dx + values[4] * dy) * dy
    return tl.where(exponent >= MIN_EXPONENT, tl.minimum(tl.exp2(exponent), MAX_ALPHA), 0.0), dx, dy


@triton.jit(do_not_specialize=["first_view", "first_row", "num_rows", "height", "width"])
def blend_kernel(
    records, bounds, pairs, owners, red, green, blue, first_view, first_row, num_rows, height, width,
    colour, alpha, depth,
):  # fmt: skip
    """Blend one tile from front to back, over the background red, green, blue."""
    view, column, row = locate_tile(first_view, first_row, num_rows, width)
    inside = (column < width) & (row < height)
    x, y = column + 0.5, row + 0.5
    # The light behind all Gaussians so far; a pixel has ended once it is 1e-4 or less. `shown` is that before the end.
    light = tl.where(inside, 1.0, 0.0)
    shown = tl.zeros_like(light) + 1.0
    r, g = tl.zeros_like(light), tl.zeros_like(light)
    b, d = tl.zeros_like(light), tl.zeros_like(light)

    i, last = tl.load(bounds + tl.program_id(0)), tl.load(bounds + tl.program_id(0) + 1)
    if i < last:
        # Loads run ahead: while one record is blended, the next one's numbers are on their way, and the name of the
        # one after that, and the pair of the third.
        values = load_record(records, tl.load(owners + tl.load(pairs + i)))
        owner = tl.load(owners + tl.load(pairs + tl.minimum(i + 1, last - 1)))
        pair = tl.load(pairs + tl.minimum(i + 2, last - 1))
        while (i < last) & (tl.max(tl.max(light, axis=0), axis=0) > MIN_LIGHT):
            for k in range(i, tl.minimum(i + STEP, last)):
                ahead = load_record(records, owner)
                owner = tl.load(owners + pair)
                pair = tl.load(pairs + tl.minimum(k + 3, last - 1))
                value, _, _ = alpha_of(values, x, y)
                after = tl.fma(light, -value, light)
                weight = tl.where(after > MIN_LIGHT, light * value, 0.0)
                r += weight * values[6]
                g += weight * values[7]
                b += weight * values[8]
                d += weight * values[9]
                shown = tl.where(after > MIN_LIGHT, after, shown)
                light = after
                values = ahead
            i += STEP

    pixel = row * width + column
    plane = height * width
    at = colour + view.to(tl.int64) * 3 * plane + pixel
    tl.store(at, r + shown * red, mask=inside)
    tl.store(at + plane, g + shown * green, mask=inside)
    tl.store(at + 2 * plane, b + shown * blue, mask=inside)
    tl.store(alpha + view.to(tl.int64) * plane + pixel, 1.0 - shown, mask=inside)
    tl.store(depth + view.to(tl.int64) * plane + pixel, d, mask=inside)
