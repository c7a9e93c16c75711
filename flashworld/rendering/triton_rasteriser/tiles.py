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
) -> tuple[Float[Tensor, "records 12"], Int16[Tensor, " pairs"], Int32[Tensor, " pairs"]]:
    """The records in the given order, and a pair for each of them and each tile that it touches.

    What blending looks at first then lies together, in the cache. A pair is the tile's number less 2^15, and the
    record's place in the order.

    Args:
        records: See `projection.project_kernel`.
        order: The order of depth.
        ends: Where each record's pairs end, in that order.
        num_pairs: Their number.
        columns: Tiles in a row of an image.
    """
    ordered = torch.empty_like(records)
    tiles = torch.empty(num_pairs, dtype=torch.int16, device=records.device)
    owners = torch.empty(num_pairs, dtype=torch.int32, device=records.device)
    scatter_kernel[(triton.cdiv(len(order), _BLOCK),)](
        records, order, ends, len(order), columns, ordered, tiles, owners,
        BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip
    return ordered, tiles, owners


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
def scatter_kernel(records, order, ends, num, tiles_x, ordered, tiles, owners, BLOCK: tl.constexpr):
    """See `scatter`."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < num
    record = tl.load(order + place, mask=inside, other=0).to(tl.int32)
    column = tl.arange(0, 4)[None, :]
    mask = inside[:, None] & (column >= 0)
    for first in tl.static_range(0, RECORD, 4):
        words = tl.load(records + record[:, None] * RECORD + first + column, mask=mask, other=0.0)
        tl.store(ordered + place[:, None] * RECORD + first + column, words, mask=mask)
    first_tile = tl.load(records + record * RECORD + 6, mask=inside, other=0.0).to(tl.int32, bitcast=True)
    size = tl.load(records + record * RECORD + 7, mask=inside, other=0.0).to(tl.int32, bitcast=True)
    columns = tl.where(inside, size & 0xFFFF, 1)
    count = tl.where(inside, columns * (size >> 16), 0)
    start = tl.load(ends + place, mask=inside, other=0) - count
    for k in range(tl.max(count, axis=0)):
        row = k // columns
        tile = first_tile + row * tiles_x + k - row * columns
        tl.store(tiles + start + k, (tile + _FIRST_TILE).to(tl.int16), mask=k < count)
        tl.store(owners + start + k, place, mask=k < count)
