"""What the Triton rasteriser takes at a time: everything once, and no more bytes than allowed."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from flashworld.rendering.triton_rasteriser.plan import MAX_TILES, Band, Counts, plan
from flashworld.rendering.triton_rasteriser.tiles import scatter, sort_pairs, sort_records

COLUMNS = 44


def size(num_records: int, num_pairs: int) -> int:
    return 100 * num_records + 40 * num_pairs


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=5, max_size=5), max_size=6),
    st.integers(1, 20_000),
    st.sampled_from([COLUMNS, 20_000]),
)
def test_pieces_cover_everything_once_and_fit(pairs: list[list[int]], limit: int, columns: int) -> None:
    """`pairs` [views, rows] says how many lie in each row of tiles, each of them a record too."""
    counted = []

    def count(band: Band) -> Counts:
        counted.append(band)
        totals = [sum(rows[band.first_row : band.last_row]) for rows in pairs[band.first_view : band.last_view]]
        return Counts(torch.tensor(totals, dtype=torch.int32)[:, None], totals, totals)

    pieces = list(plan(count, Band(0, len(pairs), 0, 5), columns, size, limit))
    seen = torch.zeros(len(pairs), 5)
    for piece in pieces:
        band = piece.band
        seen[band.first_view : band.last_view, band.first_row : band.last_row] += 1
        assert piece.num_records == piece.num_pairs == piece.blocks.sum()
        assert size(piece.num_records, piece.num_pairs) <= limit or (band.num_views, band.num_rows) == (1, 1)
        assert band.num_views * band.num_rows * columns <= MAX_TILES or band.num_rows == 1
    assert (seen == 1).all()
    if all(band.num_rows == 5 for band in (piece.band for piece in pieces)):
        assert len(counted) == 1


def test_as_many_views_as_fit_go_together() -> None:
    def count(band: Band) -> Counts:
        return Counts(torch.full((band.num_views, 1), 10), [10] * band.num_views, [10] * band.num_views)

    pieces = list(plan(count, Band(0, 7, 0, 30), COLUMNS, size, 3 * 1400))
    assert [piece.band.num_views for piece in pieces] == [3, 3, 1]


def test_lists_are_in_order_of_depth_then_number() -> None:
    """Against a sort in Python: records with random rectangles of tiles and many equal depths."""
    generator = torch.Generator().manual_seed(0)
    columns, rows, num = 7, 5, 200
    left, top = (
        torch.randint(0, columns, (num,), generator=generator),
        torch.randint(0, rows, (num,), generator=generator),
    )
    wide = torch.minimum(torch.randint(1, 4, (num,), generator=generator), columns - left)
    high = torch.minimum(torch.randint(1, 4, (num,), generator=generator), rows - top)
    depths = torch.randint(1, 20, (num,), generator=generator).float()
    records = torch.zeros(num, 12)
    records[:, 6] = (top * columns + left).int().view(torch.float32)
    records[:, 7] = (wide + (high << 16)).int().view(torch.float32)
    order, ends = sort_records(depths, (wide * high).int())
    tiles, owners, first_pairs = scatter(records, order, ends, int((wide * high).sum()), columns, True)
    bounds, pairs = sort_pairs(tiles, columns * rows)
    for tile in range(columns * rows):
        y, x = divmod(tile, columns)
        touching = [i for i in range(num) if left[i] <= x < left[i] + wide[i] and top[i] <= y < top[i] + high[i]]
        mine = pairs[bounds[tile] : bounds[tile + 1]]
        seen = owners[mine]
        assert seen.tolist() == sorted(touching, key=lambda i: (depths[i].item(), i))
        assert ((first_pairs[seen] <= mine) & (mine < (first_pairs + wide * high)[seen])).all()
