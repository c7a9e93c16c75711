"""Pass 2: a list of records for each tile, from front to back."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from flashworld.rendering.triton_rasteriser.projection import RECORD

_BLOCK = 128


@dataclass(frozen=True)
class Lists:
    """The records of each tile.

    Tile t has the entries `bounds[t]` to `bounds[t + 1] - 1` of `pairs`, from front to back. An entry is the number of
    a pair of record and tile, and `records` names the pair's record. A record's pairs are neighbours.
    """

    bounds: Int32[Tensor, " tiles+1"]
    pairs: Int64[Tensor, " pairs"]
    records: Int32[Tensor, " pairs"]


def make_lists(
    records: Float[Tensor, "records 12"],
    depths: Float[Tensor, " records"],
    counts: Int32[Tensor, " records"],
    num_pairs: int,
    num_tiles: int,
    columns: int,
    first_pairs: Int32[Tensor, " records"] | None = None,
) -> Lists:
    """Sort all records by depth, ties by number, then their pairs by tile without disturbing that order.

    Depths are sorted across views: a tile belongs to one view, so its list is in order all the same. Both are radix
    sorts of one number each, 32 and 16 bits wide, instead of one of 64 bits over all pairs.

    Args:
        records: See `projection.project_kernel`.
        depths: The records' z.
        counts: Number of tiles that each touches.
        num_pairs: Their sum.
        num_tiles: Tiles of all views together, at most `plan.MAX_TILES`.
        columns: Tiles in a row of an image.
        first_pairs: If given, receives the number of each record's first pair.
    """
    order = depths.sort(stable=True).indices
    ends = counts[order].cumsum(0, dtype=torch.int32)
    tiles = torch.empty(num_pairs, dtype=torch.int16, device=records.device)
    owners = torch.empty(num_pairs, dtype=torch.int32, device=records.device)
    scatter_kernel[(triton.cdiv(len(order), _BLOCK),)](
        records, order, ends, len(order), columns, tiles, owners, ends if first_pairs is None else first_pairs,
        REMEMBER=first_pairs is not None, BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip
    del order, ends
    tiles, pairs = tiles.sort(stable=True)
    numbers = torch.arange(-(1 << 15), num_tiles + 1 - (1 << 15), device=records.device, dtype=torch.int16)
    return Lists(torch.searchsorted(tiles, numbers, out_int32=True), pairs, owners)


@triton.jit(do_not_specialize=["num", "tiles_x"])
def scatter_kernel(
    records, order, ends, num, tiles_x, tiles, owners, first_pairs, REMEMBER: tl.constexpr, BLOCK: tl.constexpr
):
    """Write the pairs of all records: the tile's number less 2^15, and the record's.

    `ends` says where a record's pairs end, by its place in the order.
    """
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
        tl.store(tiles + start + k, (tile - 32768).to(tl.int16), mask=k < count)
        tl.store(owners + start + k, record, mask=k < count)
