"""Which views, or rows of tiles of a view, are rendered at a time, so that their lists fit a number of bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int32
from torch import Tensor

MAX_TILES = 65_535
"""Tiles of all views that are rendered at a time: their numbers fit 16 bits, which sort in half the time of 32."""

LEAST_BYTES = 64 << 20
"""Where there is no room for pieces of this size, there is none for the scene."""


def bytes_at_once(device: torch.device) -> int:
    """What the lists of the views that are rendered at a time may take: a sixteenth of a GPU's memory, at most 8 GiB.

    More would gain nothing, and 8 GiB of records are counted in 32 bits.
    """
    return (
        min(torch.cuda.get_device_properties(device).total_memory // 16, 8 << 30) if device.type == "cuda" else 1 << 30
    )


def forward_bytes(num_records: int, num_pairs: int) -> int:
    """Device memory of a piece at its two highest points.

    While records are sorted: records 48, their depths and numbers of tiles 8, sorted depths and numbers 12, and the
    radix sort's own 28. While pairs are sorted: records 48; pairs 6, sorted tiles and numbers 10, the sort's own 20.
    """
    return max(96 * num_records, 48 * num_records + 36 * num_pairs)


def backward_bytes(num_records: int, num_pairs: int) -> int:
    """The same with the backward pass, but for 4 bytes a Gaussian and view.

    While tiles are blended: records 48, their numbers of tiles and first pairs 8; pairs 12, and their gradients 40.
    While these are gathered: gradients of records 48 more, pairs 12 less.
    """
    return max(56 * num_records + 52 * num_pairs, 104 * num_records + 40 * num_pairs)


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
