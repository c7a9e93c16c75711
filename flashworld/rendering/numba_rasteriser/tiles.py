"""Pass 2: which ellipse touches which tile, by a counting sort."""

import numpy as np

from flashworld.rendering.numba_rasteriser.compile import kernel


@kernel
def scatter(first, last, footprints, first_row, last_row, cursors, keys):
    """Append a key for every record of first..last to each tile of the rows first_row..last_row - 1 that it touches.

    A key is the depth's bits above the record's number: as integers, keys are in the order of depth, ties by index.
    `cursors` [tiles_y, tiles_x] says where in `keys` the next key of a tile goes.
    """
    for slot in range(first, last):
        left, right = footprints[slot, 1], footprints[slot, 2]
        top, bottom = footprints[slot, 3], footprints[slot, 4]
        key = np.uint64(footprints[slot, 0]) << np.uint64(32) | np.uint64(slot)
        for y in range(max(top, first_row), min(bottom + 1, last_row)):
            for x in range(left, right + 1):
                keys[cursors[y - first_row, x]] = key
                cursors[y - first_row, x] += 1
