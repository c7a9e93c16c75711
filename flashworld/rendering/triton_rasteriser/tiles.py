"""Pass 2: a list of records for each tile, from front to back."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int16, Int32, Int64
from torch import Tensor

from flashworld.rendering.triton_rasteriser.projection import RECORD

_BLOCK = 128
_FIRST_TILE = tl.constexpr(-(1 << 15))


def sort_records(
    depths: Float[Tensor, " records"], counts: Int32[Tensor, " records"]
) -> tuple[Int64[Tensor, " records"], Int32[Tensor, " records"]]:
    """The order of depth, ties by number; and where each record's pairs end, if the records write them in that order.

    Depths are sorted across views: a tile belongs to one view, so its list will be in order all the same.

    Args:
        depths: The records' z.
        counts: Number of tiles that each record touches.
    """
    order = depths.sort(stable=True).indices
    return order, counts[order].cumsum(0, dtype=torch.int32)


def scatter(
    records: Float[Tensor, "records 12"],
    order: Int64[Tensor, " records"],
    ends: Int32[Tensor, " records"],
    num_pairs: int,
    columns: int,
    remember: bool,
) -> tuple[Int16[Tensor, " pairs"], Int32[Tensor, " pairs"], Int32[Tensor, " records"]]:
    """A pair for every record, in the given order, and each tile that it touches.

    Args:
        records: See `projection.project_kernel`.
        order: The order of depth.
        ends: Where each record's pairs end, in that order.
        num_pairs: Their number.
        columns: Tiles in a row of an image.
        remember: Whether each record's first pair is wanted.

    Returns:
        Tiles, their numbers less 2^15; the pairs' records; and each record's first pair, if wanted.
    """
    tiles = torch.empty(num_pairs, dtype=torch.int16, device=records.device)
    owners = torch.empty(num_pairs, dtype=torch.int32, device=records.device)
    first_pairs = torch.empty_like(ends) if remember else ends.new_empty(0)
    scatter_kernel[(triton.cdiv(len(order), _BLOCK),)](
        records, order, ends, len(order), columns, tiles, owners, first_pairs,
        REMEMBER=remember, BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip
    return tiles, owners, first_pairs


def sort_pairs(
    tiles: Int16[Tensor, " pairs"], num_tiles: int
) -> tuple[Int32[Tensor, " tiles+1"], Int64[Tensor, " pairs"]]:
    """Where each tile's list begins, and the lists: numbers of pairs, each list in the order of the numbers.

    Args:
        tiles: See `scatter`.
        num_tiles: Tiles of all views together, at most `plan.MAX_TILES`.
    """
    tiles, pairs = tiles.sort(stable=True)
    first = _FIRST_TILE.value
    numbers = torch.arange(first, first + num_tiles + 1, device=tiles.device, dtype=torch.int16)
    return torch.searchsorted(tiles, numbers, out_int32=True), pairs


@triton.jit(do_not_specialize=["num", "tiles_x"])
def scatter_kernel(
    records, order, ends, num, tiles_x, tiles, owners, first_pairs, REMEMBER: tl.constexpr, BLOCK: tl.constexpr
):
    """See `scatter`."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < num
    record = tl.load(order + place, mask=inside, other=0).to(tl.int32)
    first_tile = tl.load(records + record * RECORD + 6, mask=inside, other=0.0).to(tl.int32, bitcast=True)
    size = tl.load(records + record * RECORD + 7, mask=inside, other=0.0).to(tl.int32, bitcast=True)
    columns = tl.where(inside, size & 0xFFFF, 1)
    count = tl.where(inside, columns * (size >> 16), 0)
    start = tl.load(ends + place, mask=inside, other=0) - count
    if REMEMBER:
        tl.store(first_pairs + record, start, mask=inside)
    for k in range(tl.max(count, axis=0)):
        row = k // columns
        tile = first_tile + row * tiles_x + k - row * columns
        tl.store(tiles + start + k, (tile + _FIRST_TILE).to(tl.int16), mask=k < count)
        tl.store(owners + start + k, record, mask=k < count)
