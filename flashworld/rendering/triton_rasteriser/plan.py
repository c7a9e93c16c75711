"""Which views, or rows of tiles of a view, are rendered at a time, so that their lists fit a number of bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Int32
from torch import Tensor

BYTES_AT_ONCE = 2 << 30
"""What the lists of the views that are rendered at a time may take."""

RECORD_BYTES, PAIR_BYTES = 96, 36
"""Device memory at the highest point of the forward pass, for each visible Gaussian of a view and each tile it touches.

A record takes 48 bytes, its depth and its number of tiles 8. While records are sorted by depth, 40 more: the sorted
depth 4, a number 8, and the radix sort's own 28. A pair takes 6, and while pairs are sorted, 30 more: tile 2, number 8,
and 20.
"""

BACKWARD_RECORD_BYTES, BACKWARD_PAIR_BYTES, BACKWARD_GAUSSIAN_BYTES = 100, 54, 4
"""The same with the backward pass: 40 bytes of gradients for each record and each pair, and one number a Gaussian."""

MAX_TILES = 65_535
"""Tiles of all views that are rendered at a time: their numbers fit 16 bits, which sort in half the time of 32."""


@dataclass(frozen=True)
class Band:
    """Rows of tiles `first_row` to `last_row` - 1 of the views `first_view` to `last_view` - 1."""

    first_view: int
    last_view: int
    first_row: int
    last_row: int

    @property
    def num_views(self) -> int:
        """Number of views."""
        return self.last_view - self.first_view

    @property
    def num_rows(self) -> int:
        """Rows of tiles in each view."""
        return self.last_row - self.first_row


@dataclass(frozen=True)
class Counts:
    """What each view sees in a band: its records by block of Gaussians, and the totals, read by the host."""

    blocks: Int32[Tensor, "views blocks"]
    num_records: list[int]
    num_pairs: list[int]


@dataclass(frozen=True)
class Piece:
    """A band that is rendered at a time, with its numbers."""

    band: Band
    blocks: Int32[Tensor, "views blocks"]
    num_records: int
    num_pairs: int


def plan(
    count: Callable[[Band], Counts], whole: Band, columns: int, size: Callable[[int, int], int], limit: int
) -> Iterator[Piece]:
    """Cut a band into pieces that fit.

    Views stay whole, and as many as fit go together. One that does not fit is cut into bands of rows, down to one row.

    Args:
        count: What a band holds. The host waits for it: once, unless a view has to be cut.
        whole: All views, all rows.
        columns: Tiles in a row.
        size: Bytes of a number of records and a number of pairs.
        limit: Bytes that a piece may take.
    """
    counts = count(whole)
    sizes = [size(*numbers) for numbers in zip(counts.num_records, counts.num_pairs, strict=True)]
    first = 0
    while first < whole.num_views:
        last, taken = first + 1, sizes[first]
        while last < whole.num_views and taken + sizes[last] <= limit and _sortable(whole, last + 1 - first, columns):
            taken += sizes[last]
            last += 1
        band = Band(whole.first_view + first, whole.first_view + last, whole.first_row, whole.last_row)
        fits = taken <= limit and _sortable(band, 1, columns)
        if fits or band.num_rows == 1:
            numbers = sum(counts.num_records[first:last]), sum(counts.num_pairs[first:last])
            yield Piece(band, counts.blocks[first:last], *numbers)
        else:
            middle = (band.first_row + band.last_row) // 2
            for rows in ((band.first_row, middle), (middle, band.last_row)):
                yield from plan(count, Band(band.first_view, band.last_view, *rows), columns, size, limit)
        first = last


def _sortable(band: Band, num_views: int, columns: int) -> bool:
    return num_views * band.num_rows * columns <= MAX_TILES
