"""Pass 3: sort each tile's list as far as it is needed, and blend front to back. And its reverse.

A tile is 16 blocks of 4 x 4 pixels. The 16 pixels of a block are one vector: the loops over `range(16)` below have no
branches, so LLVM makes vector code of them. `state` keeps a row of such vectors for each block. A pixel that has ended
keeps its transmittance with a minus sign: no product of it is above the limit, so it takes part in nothing any more.

All of it is one module because numba's cache does not look beyond a kernel's own file (see `compile`).
"""

import math

import numpy as np

from flashworld.rendering.numba_rasteriser.compile import inlined, kernel

TILE, BLOCK = 16, 4
# Fields of a record, see `projection`.
U, V, A, B, C, OPACITY, Z, SLOPE, REACH, CURVE, RIGHT_Y, EXTENT_Y, GAUSSIAN, RED, GREEN, BLUE = range(16)
GRADIENTS = 10  # red green blue depth, and the moments 1 x y xx xy yy of the gradient of alpha

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_MAX_ALPHA = np.float32(0.999)
_MIN_ALPHA = np.float32(1 / 255)
_MIN_TRANSMITTANCE = np.float32(1e-4)
_RUN = 64  # keys that are sorted at a time
_STACK = 65  # a part has at most half the values of what was split, and a key has 64 bits
_TILE_WIDTH, _PER_BLOCK, _ROUND_UP = np.float32(TILE), np.float32(1 / BLOCK), np.float32(BLOCK - 0.5)
_SLOT = np.uint64(0xFFFFFFFF)

# 2^f for f in -0.5..0.5, relative error 1e-7 (Chebyshev interpolation).
_E0, _E1, _E2 = np.float32(1.00000008), np.float32(0.69314721), np.float32(0.24022107)
_E3, _E4, _E5 = np.float32(0.05550327), np.float32(0.00967604), np.float32(0.00134004)


@inlined
def _partition(keys, first, stop):
    """Move the nearer keys of first..stop to the front; return where the others start.

    The pivot is half-way from the least to the greatest key: the range of values halves each time, and since keys are
    distinct, both parts have at least one.
    """
    least = greatest = keys[first]
    for i in range(first, stop):
        least, greatest = min(least, keys[i]), max(greatest, keys[i])
    pivot = least + ((greatest - least) >> np.uint64(1))
    split = first
    for i in range(first, stop):
        key = keys[i]
        keys[i] = keys[split]
        keys[split] = key
        split += np.int64(key <= pivot)
    return split


@inlined
def _sort_run(keys, first, stop, unsorted):
    """Sort up to 64 keys: the place of each is the number of smaller ones, which vector code counts quickly."""
    num = stop - first
    for i in range(num):
        unsorted[i] = keys[first + i]
    for i in range(num):
        key, place = unsorted[i], 0
        for j in range(num):
            place += unsorted[j] < key
        keys[first + place] = key


@inlined
def next_run(keys, first, ends, depth, unsorted):
    """Sort the next few keys of a tile from `first` on. Returns where they stop, and the new depth.

    A lazy quicksort: `ends[:depth + 1]` are the ends of parts, the nearest on top of the stack; that one is split until
    it is small.
    """
    while ends[depth] - first > _RUN:
        split = _partition(keys, first, ends[depth])
        depth += 1
        ends[depth] = split
    stop = ends[depth]
    _sort_run(keys, first, stop, unsorted)
    return stop, depth - 1


@inlined
def _touch(num, left, top, outlines, touched):
    """Which of a tile's 16 blocks each of some ellipses touches, as bits of `touched`: exact, corners included.

    `outlines` has a row of 64 for each field. An ellipse's part within a row of blocks reaches furthest right at the
    height of its rightmost point, or as near to that as the row allows; likewise left.
    """
    for i in range(num):
        x, y = outlines[i] - left, outlines[_RUN + i] - top
        slope, reach, curve = outlines[2 * _RUN + i], outlines[3 * _RUN + i], outlines[4 * _RUN + i]
        right_point, extent = outlines[5 * _RUN + i], outlines[6 * _RUN + i]
        blocks = np.int32(0)
        for row in range(4):
            first_y = np.float32(BLOCK * row) + _HALF - y  # the row's first and last pixel centres, from the ellipse's
            last_y = first_y + np.float32(BLOCK - 1)
            right_y = min(max(right_point, first_y), last_y)
            left_y = min(max(-right_point, first_y), last_y)
            end = x + slope * right_y + math.sqrt(max(reach - curve * right_y * right_y, _ZERO))
            start = x + slope * left_y - math.sqrt(max(reach - curve * left_y * left_y, _ZERO))
            first = np.int32(min(max(start + _HALF, _ZERO), _TILE_WIDTH) * _PER_BLOCK)
            stop = np.int32(min(max(end + _ROUND_UP, _ZERO), _TILE_WIDTH) * _PER_BLOCK)
            inside = (last_y >= -extent) & (first_y <= extent) & (first < stop)
            columns = np.int32(np.int32(1) << stop) - np.int32(np.int32(1) << first)
            blocks |= np.int32((columns if inside else 0) << (4 * row))
        touched[i] = blocks


@inlined
def _exp2(x):
    """2^x for x <= 0, and 2^-64 for less: denormal numbers would be slow."""
    x = max(x, np.float32(-64))
    whole = np.int32(x - _HALF)
    f = x - np.float32(whole)
    value = _E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * _E5))))
    return value * np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)


@inlined
def _from_block(record, left, top, block):
    """The ellipse's centre as seen from the centre of a block's first pixel."""
    column, row = np.float32(left + BLOCK * (block & 3)), np.float32(top + BLOCK * (block >> 2))
    return record[U] - column - _HALF, record[V] - row - _HALF


@inlined
def _blend_block(state, record, left, top, block):
    """Blend one Gaussian into a block of the tile at `left`, `top`."""
    a, b, c, opacity, z = record[A], record[B], record[C], record[OPACITY], record[Z]
    red, green, blue = record[RED], record[GREEN], record[BLUE]
    x, y = _from_block(record, left, top, block)
    for k in range(16):
        dx, dy = np.float32(k & 3) - x, np.float32(k >> 2) - y
        alpha = min(opacity * _exp2(-((a * dx + b * dy) * dx + c * dy * dy)), _MAX_ALPHA)
        before = state[k]
        after = before * (_ONE - alpha)
        reached = alpha >= _MIN_ALPHA
        blended = reached & (after > _MIN_TRANSMITTANCE)
        weight = before * alpha if blended else _ZERO
        kept = after if blended else (-abs(before) if reached else before)
        state[k] = kept
        state[16 + k] += weight * red
        state[32 + k] += weight * green
        state[48 + k] += weight * blue
        state[64 + k] += weight * z


@inlined
def _unblend_block(state, sums, record, left, top, block):
    """`_blend_block` again, from the front, with the gradients of this Gaussian added to the lanes of `sums`.

    `state` holds transmittance, then what is still to come from behind (blended values times their gradients), then the
    gradients of red, green, blue and depth.
    """
    a, b, c, opacity, z = record[A], record[B], record[C], record[OPACITY], record[Z]
    red, green, blue = record[RED], record[GREEN], record[BLUE]
    x, y = _from_block(record, left, top, block)
    for k in range(16):
        dx, dy = np.float32(k & 3) - x, np.float32(k >> 2) - y
        uncapped = opacity * _exp2(-((a * dx + b * dy) * dx + c * dy * dy))
        alpha = min(uncapped, _MAX_ALPHA)
        before = state[k]
        passed = _ONE - alpha
        after = before * passed
        reached = alpha >= _MIN_ALPHA
        blended = reached & (after > _MIN_TRANSMITTANCE)
        weight = before * alpha if blended else _ZERO
        kept = after if blended else (-abs(before) if reached else before)
        state[k] = kept
        v_red, v_green, v_blue, v_depth = state[32 + k], state[48 + k], state[64 + k], state[80 + k]
        value = v_red * red + v_green * green + v_blue * blue + v_depth * z
        behind = state[16 + k] - weight * value
        state[16 + k] = behind
        v_alpha = before * value - behind / passed
        moment = uncapped * v_alpha if blended & (uncapped <= _MAX_ALPHA) else _ZERO
        sums[k] += weight * v_red
        sums[16 + k] += weight * v_green
        sums[32 + k] += weight * v_blue
        sums[48 + k] += weight * v_depth
        sums[64 + k] += moment
        sums[80 + k] += moment * dx
        sums[96 + k] += moment * dy
        sums[112 + k] += moment * dx * dx
        sums[128 + k] += moment * dx * dy
        sums[144 + k] += moment * dy * dy


@inlined
def _start_tile(state, width, height):
    """Reset the transmittance of a tile that has width x height pixels in the image; return its blocks as bits."""
    unfinished = 0
    for block in range(16):
        for k in range(16):
            inside = (block % 4 * BLOCK + k % 4 < width) & (block // 4 * BLOCK + k // 4 < height)
            state[block, k] = _ONE if inside else -_ONE
            unfinished |= np.int64(inside) << block
    return unfinished


@inlined
def _still_unfinished(state):
    """The blocks with a pixel that has not ended, as bits. Asking after each Gaussian would cost more than it saves."""
    unfinished = 0
    for block in range(16):
        most = -_ONE
        for k in range(16):
            most = max(most, state[block, k])
        unfinished |= np.int64(most > _ZERO) << block
    return unfinished


@inlined
def _load_run(keys, first, stop, records, run, outlines):
    """Copy the records of some keys side by side. Their outlines become rows, for `_touch`.

    Records lie anywhere in memory. The first loop does so little that the processor waits for many at the same time.
    """
    for i in range(stop - first):
        outlines[i] = records[keys[first + i] & _SLOT, U]
    for i in range(stop - first):
        record = records[keys[first + i] & _SLOT]
        for field in range(16):
            run[i, field] = record[field]
        outlines[_RUN + i] = record[V]
        outlines[2 * _RUN + i], outlines[3 * _RUN + i] = record[SLOPE], record[REACH]
        outlines[4 * _RUN + i], outlines[5 * _RUN + i] = record[CURVE], record[RIGHT_Y]
        outlines[6 * _RUN + i] = record[EXTENT_Y]


@inlined
def _lowest(bits):
    """Number of the lowest set bit, of which there must be one: the exponent of its value as a float."""
    return (np.float32(bits & -bits).view(np.int32) >> 23) - 127


@inlined
def _list_work(num_run, unfinished, touched, work):
    """List what of a run is to be blended: 16 times the place in the run, plus the block.

    Blending then is one loop without surprises: a mispredicted branch every few blocks would cost as much as they.
    """
    num = 0
    for i in range(num_run):
        bits = touched[i] & unfinished
        while bits != 0:
            work[num] = 16 * i + _lowest(bits)
            bits &= bits - 1
            num += 1
    return num


@kernel
def blend(row, keys, starts, records, background, colour, alpha, depth):
    """Render one row of tiles of one view. `starts` [tiles_x + 1] bound the tiles' keys, which are sorted in part."""
    height, width = alpha.shape
    state, work = np.empty((16, 80), np.float32), np.empty(16 * _RUN, np.int32)
    ends, unsorted, run = np.empty(_STACK, np.int64), np.empty(_RUN, np.uint64), np.empty((_RUN, 16), np.float32)
    outlines, touched = np.empty(7 * _RUN, np.float32), np.empty(_RUN, np.int32)
    top = row * TILE
    for tile in range(len(starts) - 1):
        left = tile * TILE
        state[:] = _ZERO
        unfinished = _start_tile(state, width - left, height - top)
        done, level = starts[tile], 0
        ends[0] = starts[tile + 1]
        while done < starts[tile + 1] and unfinished != 0:
            stop, level = next_run(keys, done, ends, level, unsorted)
            _load_run(keys, done, stop, records, run, outlines)
            _touch(stop - done, np.float32(left), np.float32(top), outlines, touched)
            num = _list_work(stop - done, unfinished, touched, work)
            for item in work[:num]:
                block = item & 15
                _blend_block(state[block], run[item >> 4], left, top, block)
            unfinished = _still_unfinished(state)
            done = stop
        _finish_tile(state, left, top, background, colour, alpha, depth)


@inlined
def _finish_tile(state, left, top, background, colour, alpha, depth):
    """Lay a tile over the background and write its pixels."""
    height, width = alpha.shape
    for y in range(top, min(top + TILE, height)):
        for x in range(left, min(left + TILE, width)):
            block = (y - top) // BLOCK * 4 + (x - left) // BLOCK
            k = (y - top) % BLOCK * 4 + (x - left) % BLOCK
            transmittance = abs(state[block, k])
            for channel in range(3):
                colour[channel, y, x] = state[block, 16 + 16 * channel + k] + transmittance * background[channel]
            alpha[y, x] = _ONE - transmittance
            depth[y, x] = state[block, 64 + k]


@kernel
def unblend(row, keys, starts, records, colour, alpha, depth, v_colour, v_alpha, v_depth, consumed, pairs):
    """Gradients of one row of tiles: `pairs` [keys, 10] for the first `consumed` keys of each tile.

    `colour`, `alpha`, `depth` are what `blend` wrote, the v_ ones the loss's gradients with respect to them.
    """
    height, width = alpha.shape
    state, work = np.empty((16, 96), np.float32), np.empty(16 * _RUN, np.int32)
    ends, unsorted, run = np.empty(_STACK, np.int64), np.empty(_RUN, np.uint64), np.empty((_RUN, 16), np.float32)
    outlines, touched = np.empty(7 * _RUN, np.float32), np.empty(_RUN, np.int32)
    sums = np.empty((_RUN, 16 * GRADIENTS), np.float32)
    top = row * TILE
    for tile in range(len(starts) - 1):
        left = tile * TILE
        state[:] = _ZERO
        unfinished = _start_tile(state, width - left, height - top)
        _load_gradients(state, left, top, colour, alpha, depth, v_colour, v_alpha, v_depth)
        done, level = starts[tile], 0
        ends[0] = starts[tile + 1]
        while done < starts[tile + 1] and unfinished != 0:
            stop, level = next_run(keys, done, ends, level, unsorted)
            _load_run(keys, done, stop, records, run, outlines)
            _touch(stop - done, np.float32(left), np.float32(top), outlines, touched)
            num = _list_work(stop - done, unfinished, touched, work)
            sums[: stop - done] = _ZERO
            for item in work[:num]:
                block = item & 15
                _unblend_block(state[block], sums[item >> 4], run[item >> 4], left, top, block)
            unfinished = _still_unfinished(state)
            for i in range(stop - done):
                _add_lanes(sums[i], pairs[done + i])
            done = stop
        consumed[tile] = done - starts[tile]


@inlined
def _add_lanes(sums, totals):
    """Total of each 16 lanes."""
    for i in range(GRADIENTS):
        total = _ZERO
        for k in range(16):
            total += sums[16 * i + k]
        totals[i] = total


@inlined
def _load_gradients(state, left, top, colour, alpha, depth, v_colour, v_alpha, v_depth):
    """Fill the lanes that `_unblend_block` reads. Without any Gaussian, all that is to come is the background."""
    height, width = alpha.shape
    for y in range(top, min(top + TILE, height)):
        for x in range(left, min(left + TILE, width)):
            block = (y - top) // BLOCK * 4 + (x - left) // BLOCK
            k = (y - top) % BLOCK * 4 + (x - left) % BLOCK
            to_come = v_depth[y, x] * depth[y, x] - v_alpha[y, x] * (_ONE - alpha[y, x])
            for channel in range(3):
                to_come += v_colour[channel, y, x] * colour[channel, y, x]
                state[block, 32 + 16 * channel + k] = v_colour[channel, y, x]
            state[block, 16 + k] = to_come
            state[block, 80 + k] = v_depth[y, x]


@kernel
def gather(first, last, keys, starts, consumed, pairs, gradients):
    """Add up the tiles' gradients of the records first..last, in the order of the tiles."""
    for tile in range(len(consumed)):
        for i in range(starts[tile], starts[tile] + consumed[tile]):
            slot = np.int64(keys[i] & _SLOT)
            if first <= slot < last:
                for field in range(GRADIENTS):
                    gradients[slot, field] += pairs[i, field]
