"""The passes over a scene, forward and backward: what is launched, and the memory between."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import triton
from jaxtyping import Float, Int32
from torch import Tensor

from flashworld.rendering.triton_rasteriser import plan
from flashworld.rendering.triton_rasteriser.blending import blend_kernel
from flashworld.rendering.triton_rasteriser.geometry import TILE
from flashworld.rendering.triton_rasteriser.plan import Band, Counts, Piece
from flashworld.rendering.triton_rasteriser.projection import RECORD, count_kernel, project_kernel
from flashworld.rendering.triton_rasteriser.projection_backward import colours_backward_kernel, project_backward_kernel
from flashworld.rendering.triton_rasteriser.tiles import make_lists
from flashworld.rendering.triton_rasteriser.unblending import GRADIENTS, gather_kernel, unblend_kernel

_BLOCK = 128
_BLEND_WARPS = 1
"""A tile is one warp. Each of its threads has 8 pixels of a column: what it loads for one, it uses for all of them."""
_EXACT = {"enable_fp_fusion": False}
"""Counting and projecting must round alike, or records would not fit the place that was counted for them."""


@dataclass(frozen=True)
class Scene:
    """Gaussians, or gradients with respect to them, as contiguous float32 tensors."""

    means: Float[Tensor, "n 3"]
    quaternions: Float[Tensor, "n 4"]
    scales: Float[Tensor, "n 3"]
    opacities: Float[Tensor, " n"]
    harmonics: Float[Tensor, "n k 3"]

    def __len__(self) -> int:
        return len(self.opacities)


@dataclass(frozen=True)
class Views:
    """Cameras as the kernels take them (see `geometry.load_camera`), the pictures' size, and the range of depths."""

    cameras: Float[Tensor, "views 20"]
    height: int
    width: int
    near: float
    far: float

    @property
    def columns(self) -> int:
        """Tiles in a row of a picture."""
        return triton.cdiv(self.width, TILE.value)

    @property
    def whole(self) -> Band:
        """All tiles of all views."""
        return Band(0, len(self.cameras), 0, triton.cdiv(self.height, TILE.value))


@dataclass(frozen=True)
class Images:
    """Pictures of all views, or gradients with respect to them."""

    colour: Float[Tensor, "views 3 height width"]
    alpha: Float[Tensor, "views height width"]
    depth: Float[Tensor, "views height width"]


def render(scene: Scene, views: Views, background: tuple[float, float, float], out: Images) -> None:
    """Fill `out` with the pictures."""

    def size(num_records: int, num_pairs: int) -> int:
        return plan.RECORD_BYTES * num_records + plan.PAIR_BYTES * num_pairs

    for piece in _pieces(scene, views, size):
        records, counts, depths, _ = _project(scene, views, piece, find=False)
        lists = make_lists(records, depths, counts, piece.num_pairs, _num_tiles(piece, views), views.columns)
        blend_kernel[(_num_tiles(piece, views),)](
            records, lists.bounds, lists.pairs, lists.records, *background,
            piece.band.first_view, piece.band.first_row, piece.band.num_rows, views.height, views.width,
            out.colour, out.alpha, out.depth, num_warps=_BLEND_WARPS, enable_fp_fusion=True,
        )  # fmt: skip


def backward(scene: Scene, views: Views, images: Images, v_images: Images, v_scene: Scene) -> None:
    """Add the gradients to `v_scene`, given the pictures that `render` made and the loss's gradients."""

    def size(num_records: int, num_pairs: int) -> int:
        return plan.BACKWARD_RECORD_BYTES * num_records + plan.BACKWARD_PAIR_BYTES * num_pairs + 4 * len(scene)

    for piece in _pieces(scene, views, size):
        band = piece.band
        records, counts, depths, found = _project(scene, views, piece, find=True)
        first_pairs = torch.empty_like(counts)
        lists = make_lists(
            records, depths, counts, piece.num_pairs, _num_tiles(piece, views), views.columns, first_pairs
        )
        del depths
        sums = records.new_zeros(piece.num_pairs, GRADIENTS.value)
        unblend_kernel[(_num_tiles(piece, views),)](
            records, lists.bounds, lists.pairs, lists.records,
            band.first_view, band.first_row, band.num_rows, views.height, views.width,
            images.colour, images.alpha, images.depth, v_images.colour, v_images.alpha, v_images.depth,
            sums, num_warps=_BLEND_WARPS, enable_fp_fusion=True,
        )  # fmt: skip
        del lists
        gradients = records.new_empty(GRADIENTS.value, piece.num_records)
        gather_kernel[(triton.cdiv(piece.num_records, _BLOCK),)](
            first_pairs, counts, piece.num_records, sums, gradients, BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True
        )
        del sums, first_pairs
        blocks = (triton.cdiv(len(scene), _BLOCK),)
        project_backward_kernel[blocks](
            scene.means, scene.quaternions, scene.scales, scene.opacities, len(scene),
            views.cameras, band.first_view, band.last_view, found, piece.num_records, gradients,
            v_scene.means, v_scene.quaternions, v_scene.scales, v_scene.opacities,
            BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
        )  # fmt: skip
        colours_backward_kernel[blocks](
            scene.means, scene.harmonics, len(scene),
            views.cameras, band.first_view, band.last_view, found, piece.num_records, records, gradients,
            v_scene.means, v_scene.harmonics,
            K=scene.harmonics.shape[1], BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=True,
        )  # fmt: skip


def _num_tiles(piece: Piece, views: Views) -> int:
    return piece.band.num_views * piece.band.num_rows * views.columns


def _pieces(scene: Scene, views: Views, size: Callable[[int, int], int]) -> Iterator[Piece]:
    return plan.plan(lambda band: _count(scene, views, band), views.whole, views.columns, size, plan.BYTES_AT_ONCE)


def _count(scene: Scene, views: Views, band: Band) -> Counts:
    """Count records and pairs, and wait for the totals."""
    num_blocks = triton.cdiv(len(scene), _BLOCK)
    blocks = torch.empty(2, band.num_views, num_blocks, dtype=torch.int32, device=scene.means.device)
    count_kernel[(num_blocks,)](
        scene.means, scene.quaternions, scene.scales, scene.opacities, len(scene),
        views.cameras, band.first_view, band.last_view, views.near, views.far, views.width, views.height,
        band.first_row, band.last_row, blocks[0], blocks[1], BLOCK=_BLOCK, num_warps=4, **_EXACT,
    )  # fmt: skip
    return Counts(blocks[0], *blocks.sum(-1).tolist())


def _project(
    scene: Scene, views: Views, piece: Piece, find: bool
) -> tuple[Float[Tensor, "records 12"], Int32[Tensor, " records"], Float[Tensor, " records"], Int32[Tensor, "..."]]:
    """Records, how many tiles each touches, their depths, and (if asked for) each Gaussian's record in each view."""
    band, num = piece.band, piece.num_records
    ends = piece.blocks.flatten().cumsum(0, dtype=torch.int32)
    records, depths = scene.means.new_empty(num, RECORD.value), scene.means.new_empty(num)
    counts = ends.new_empty(num)
    found = ends.new_empty(band.num_views, len(scene) if find else 0)
    project_kernel[(piece.blocks.shape[1],)](
        scene.means, scene.quaternions, scene.scales, scene.opacities, scene.harmonics, len(scene),
        views.cameras, band.first_view, band.last_view, views.near, views.far, views.width, views.height,
        band.first_row, band.last_row, ends - piece.blocks.flatten(), records, depths, counts, found,
        K=scene.harmonics.shape[1], FIND=find, BLOCK=_BLOCK, num_warps=4, **_EXACT,
    )  # fmt: skip
    return records, counts, depths, found
