"""Pass 2: which ellipse touches which tile, by a counting sort."""

import numpy as np

from flashworld.rendering.numba_rasteriser.compile import kernel

_Z, _TILES_X, _TILES_Y = 6, 13, 14  # fields of a record, see `projection`


@kernel
def scatter(first, last, records, first_row, last_row, cursors, keys):
    """Append a key for every record of first..last to each tile that it touches in the rows first_row..last_row.

    A key is the depth's bits above the record's number: as integers, keys are in the order of depth, ties by index.
    `cursors` [tiles_y, tiles_x] says where in `keys` the next key of a tile goes.
    """
    as_integers = records.view(np.int32)
    for slot in range(first, last):
        y0, y1 = as_integers[slot, _TILES_Y] & 0xFFFF, as_integers[slot, _TILES_Y] >> 16
        y0, y1 = max(y0, first_row), min(y1, last_row - 1)
        if y0 > y1:
            continue
        x0, x1 = as_integers[slot, _TILES_X] & 0xFFFF, as_integers[slot, _TILES_X] >> 16
        key = np.uint64(as_integers[slot, _Z]) << np.uint64(32) | np.uint64(slot)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                keys[cursors[y, x]] = key
                cursors[y, x] += 1
