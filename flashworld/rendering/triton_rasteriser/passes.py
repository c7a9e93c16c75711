"""The passes over a scene, forward and backward: what is launched, and the memory between."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
import triton
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from flashworld.rendering.triton_rasteriser import plan, tiles
from flashworld.rendering.triton_rasteriser.blending import blend_kernel
from flashworld.rendering.triton_rasteriser.geometry import TILE_HEIGHT, TILE_WIDTH
from flashworld.rendering.triton_rasteriser.plan import Band, Counts, Piece
from flashworld.rendering.triton_rasteriser.projection import RECORD, count_kernel, project_kernel
from flashworld.rendering.triton_rasteriser.projection_backward import colours_backward_kernel, project_backward_kernel
from flashworld.rendering.triton_rasteriser.unblending import GRADIENTS, gather_kernel, unblend_kernel

_BLOCK = 128
_BLEND_WARPS = 1
"""A tile is one warp. Each of its threads has several pixels of a column: what it loads for one, it uses for all."""

_EXACT = {"enable_fp_fusion": False}
"""Counting and projecting must round alike, or records would not fit the place that was counted for them."""


@dataclass(frozen=True)
class Scene:
    """Gaussians of one or more scenes, or gradients with respect to them, as contiguous float32 tensors."""

    means: Float[Tensor, "scenes n 3"]
    quaternions: Float[Tensor, "scenes n 4"]
    scales: Float[Tensor, "scenes n 3"]
    opacities: Float[Tensor, "scenes n"]
    harmonics: Float[Tensor, "scenes n k 3"]

    def __len__(self) -> int:
        """Gaussians of each scene."""
        return self.opacities.shape[1]

    @property
    def blocks(self) -> tuple[int, int]:
        """Programs of the kernels that go over Gaussians: blocks by scenes."""
        return triton.cdiv(len(self), _BLOCK), len(self.opacities)


@dataclass(frozen=True)
class Views:
    """Cameras as the kernels take them (see `geometry.load_camera`), the pictures' size, and the range of depths.

    Each scene has as many: the first scene's come first.
    """

    cameras: Float[Tensor, "views 20"]
    each: int
    height: int
    width: int
    near: float
    far: float

    @property
    def columns(self) -> int:
        """Tiles in a row of a picture."""
        return triton.cdiv(self.width, TILE_WIDTH.value)

    @property
    def whole(self) -> Band:
        """All tiles of all views."""
        return Band(0, len(self.cameras), 0, triton.cdiv(self.height, TILE_HEIGHT.value))


@dataclass(frozen=True)
class Images:
    """Pictures of all views, or gradients with respect to them."""

    colour: Float[Tensor, "views 3 height width"]
    alpha: Float[Tensor, "views height width"]
    depth: Float[Tensor, "views height width"]


@dataclass(frozen=True)
class Lists:
    """What each tile of a piece sees.

    Tile t has the entries `bounds[t]` to `bounds[t + 1] - 1` of `pairs`, from front to back. An entry is the number of
    a pair, and `owners` names the pair's record (see `projection.project_kernel`).
    """

    records: Float[Tensor, "records 12"]
    bounds: Int32[Tensor, " tiles+1"]
    pairs: Int64[Tensor, " pairs"]
    owners: Int32[Tensor, " pairs"]


@dataclass(frozen=True)
class Origins:
    """The way back from lists to Gaussians: numbers of pairs by record, which are neighbours, and records by Gaussian.

    `found[view, i]` is the record of Gaussian i of the view's scene, or -1.
    """

    counts: Int32[Tensor, " records"]
    first_pairs: Int32[Tensor, " records"]
    found: Int32[Tensor, "views n"]


def render(scene: Scene, views: Views, background: tuple[float, float, float], out: Images) -> None:
    """Fill `out` with the pictures."""

    def work(limit: int) -> None:
        for piece in _pieces(scene, views, plan.forward_bytes, limit):
            _render_piece(scene, views, piece, background, out)

    _fit(work, scene.means.device)


def backward(scene: Scene, views: Views, images: Images, v_images: Images, v_scene: Scene) -> None:
    """Fill `v_scene` with the gradients, given the pictures that `render` made and the loss's gradients."""

    def size(num_records: int, num_pairs: int) -> int:
        return plan.backward_bytes(num_records, num_pairs) + 4 * len(scene)

    def work(limit: int) -> None:
        for field in fields(Scene):
            getattr(v_scene, field.name).zero_()
        for piece in _pieces(scene, views, size, limit):
            _backward_piece(scene, views, piece, images, v_images, v_scene)

    _fit(work, scene.means.device)


def _fit(work: Callable[[int], None], device: torch.device) -> None:
    """Work in pieces of a number of bytes. If memory runs out, begin again with pieces of half as many."""
    limit = plan.bytes_at_once(device)
    while True:
        try:
            return work(limit)
        except torch.cuda.OutOfMemoryError:
            if limit <= plan.LEAST_BYTES:
                raise
        limit //= 2


def _render_piece(
    scene: Scene, views: Views, piece: Piece, background: tuple[float, float, float], out: Images
) -> None:
    lists, _ = _make_lists(scene, views, piece, remember=False)
    blend_kernel[(_num_tiles(piece, views),)](
        lists.records, lists.bounds, lists.pairs, lists.owners, *background,
        piece.band.first_view, piece.band.first_row, piece.band.num_rows, views.height, views.width,
        out.colour, out.alpha, out.depth, num_warps=_BLEND_WARPS, enable_fp_fusion=True,
    )  # fmt: skip


def _backward_piece(scene: Scene, views: Views, piece: Piece, images: Images, v_images: Images, v_scene: Scene) -> None:
    gradients, found = _gradients_of_records(scene, views, piece, images, v_images)
    band = piece.band
    project_backward_kernel[scene.blocks](
        scene.means, scene.quaternions, scene.scales, scene.opacities, len(scene),
        views.cameras, views.each, band.first_view, band.last_view, found, gradients,
        v_scene.means, v_scene.quaternions, v_scene.scales, v_scene.opacities,
        BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip
    colours_backward_kernel[scene.blocks](
        scene.means, scene.harmonics, len(scene),
        views.cameras, views.each, band.first_view, band.last_view, found, gradients, v_scene.means,
        v_scene.harmonics, K=scene.harmonics.shape[2], BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip


def _gradients_of_records(
    scene: Scene, views: Views, piece: Piece, images: Images, v_images: Images
) -> tuple[Float[Tensor, "records 12"], Int32[Tensor, "views n"]]:
    """Rows as `unblending.gather_kernel` writes them, and each Gaussian's row in each view, or -1."""
    lists, origins = _make_lists(scene, views, piece, remember=True)
    sums = lists.records.new_zeros(piece.num_pairs, GRADIENTS.value)
    unblend_kernel[(_num_tiles(piece, views),)](
        lists.records, lists.bounds, lists.pairs, lists.owners,
        piece.band.first_view, piece.band.first_row, piece.band.num_rows, views.height, views.width,
        images.colour, images.alpha, images.depth, v_images.colour, v_images.alpha, v_images.depth, sums,
        num_warps=_BLEND_WARPS, enable_fp_fusion=True,
    )  # fmt: skip
    records = lists.records
    del lists
    gradients = torch.empty_like(records)
    gather_kernel[(triton.cdiv(piece.num_records, _BLOCK),)](
        records, origins.first_pairs, origins.counts, piece.num_records, sums, gradients,
        BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
    )  # fmt: skip
    return gradients, origins.found


def _num_tiles(piece: Piece, views: Views) -> int:
    return piece.band.num_views * piece.band.num_rows * views.columns


def _pieces(scene: Scene, views: Views, size: Callable[[int, int], int], limit: int) -> Iterator[Piece]:
    return plan.plan(lambda band: _count(scene, views, band), views.whole, views.columns, size, limit)


def _count(scene: Scene, views: Views, band: Band) -> Counts:
    """Count records and pairs, and wait for the totals."""
    blocks = torch.empty(2, band.num_views, scene.blocks[0], dtype=torch.int32, device=scene.means.device)
    count_kernel[scene.blocks](
        scene.means, scene.quaternions, scene.scales, scene.opacities, len(scene),
        views.cameras, views.each, band.first_view, band.last_view, views.near, views.far, views.width, views.height,
        band.first_row, band.last_row, blocks[0], blocks[1],
        BLOCK=_BLOCK, num_warps=4, **_EXACT,
    )  # fmt: skip
    return Counts(blocks[0], *blocks.sum(-1).tolist())


def _make_lists(scene: Scene, views: Views, piece: Piece, remember: bool) -> tuple[Lists, Origins]:
    """Project, sort records by depth, and their pairs by tile without disturbing that order.

    Both are radix sorts of one narrow number, 32 and 16 bits, instead of one of 64 bits over all pairs. Tensors are let
    go as soon as they are not needed: `plan` counts on it. Unless they are to be remembered, origins are empty.
    """
    band, num = piece.band, piece.num_records
    starts = piece.blocks.flatten().cumsum(0, dtype=torch.int32) - piece.blocks.flatten()
    records, depths = scene.means.new_empty(num, RECORD.value), scene.means.new_empty(num)
    counts = starts.new_empty(num)
    found = starts.new_empty(band.num_views, len(scene) if remember else 0)
    project_kernel[scene.blocks](
        scene.means, scene.quaternions, scene.scales, scene.opacities, scene.harmonics, len(scene),
        views.cameras, views.each, band.first_view, band.last_view, views.near, views.far, views.width, views.height,
        band.first_row, band.last_row, starts, records, depths, counts, found,
        K=scene.harmonics.shape[2], FIND=remember, BLOCK=_BLOCK, num_warps=4, **_EXACT,
    )  # fmt: skip
    order, ends = tiles.sort_records(depths, counts)
    del depths
    if not remember:
        counts = counts.new_empty(0)
    numbers, owners, first_pairs = tiles.scatter(records, order, ends, piece.num_pairs, views.columns, remember)
    del order, ends
    bounds, pairs = tiles.sort_pairs(numbers, _num_tiles(piece, views))
    return Lists(records, bounds, pairs, owners), Origins(counts, first_pairs, found)
