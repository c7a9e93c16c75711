"""The passes over one view, forward and backward."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashworld.rendering.numba_rasteriser import blending, colours, projection, tiles
from flashworld.rendering.numba_rasteriser.workers import Workers

Array = NDArray[np.float32]

MAX_KEYS = 1 << 25
"""Keys that are held at a time: 256 MiB. Views with more are rendered in several bands of tile rows."""


@dataclass(frozen=True)
class Scene:
    """Gaussians, or gradients with respect to them, as contiguous float32 arrays."""

    means: Array
    quaternions: Array
    scales: Array
    opacities: Array
    harmonics: Array


@dataclass(frozen=True)
class Images:
    """Pictures of one view, or gradients with respect to them: [3, height, width] and twice [height, width]."""

    colour: Array
    alpha: Array
    depth: Array


@dataclass(frozen=True)
class View:
    """One camera as the kernels take it (see `projection.project`), the image's size and the range of depths."""

    camera: tuple[np.float32, ...]
    height: int
    width: int
    near: np.float32
    far: np.float32

    @property
    def eye(self) -> tuple[np.float32, ...]:
        """Position of the camera."""
        return self.camera[9:12]


@dataclass(frozen=True)
class Band:
    """Rows of tiles whose keys are held at the same time. `starts[row, column]` bound each tile's part of `keys`."""

    first_row: int
    starts: NDArray[np.int64]
    keys: NDArray[np.uint64]


class Rasteriser:
    """Buffers and workers for the views of one scene, one view after the other.

    The Gaussians are dealt out in chunks. The records of a chunk's visible Gaussians stand at the beginning of the
    chunk's part of `records`, so their order is that of the Gaussians, however many threads there are.
    """

    def __init__(self, scene: Scene, workers: Workers):
        num = len(scene.opacities)
        self.scene = scene
        self.workers = workers
        self.chunk = max(1 << 14, math.ceil(num / 64))
        self.records = _cache_lines(num)
        self.footprints = np.empty((num, projection.FOOTPRINT), np.int32)
        self.firsts = range(0, max(1, num), self.chunk)
        self.lasts = np.zeros(len(self.firsts), np.int64)
        self.keys = np.empty(0, np.uint64)

    def render(self, view: View, background: tuple[np.float32, ...], out: Images) -> None:
        """Fill `out` with the picture of one view."""
        for band in self._bands(view):

            def blend(row: int, band: Band = band) -> None:
                blending.blend(
                    band.first_row + row, band.keys, band.starts[row], self.records,
                    background, out.colour, out.alpha, out.depth,
                )  # fmt: skip

            self.workers.run(blend, len(band.starts))

    def backward(self, view: View, images: Images, v_images: Images, v_scene: Scene) -> None:
        """Add the gradients of one view to `v_scene`, given the picture that `render` made and the loss's gradients."""
        scene = self.scene
        gradients = np.zeros((len(self.records), blending.GRADIENTS), np.float32)
        for band in self._bands(view):
            pairs = np.empty((len(band.keys), blending.GRADIENTS), np.float32)
            consumed = np.zeros((len(band.starts), band.starts.shape[1] - 1), np.int64)

            def unblend(row: int, band: Band = band, pairs: Array = pairs, consumed: NDArray = consumed) -> None:
                blending.unblend(
                    band.first_row + row, band.keys, band.starts[row], self.records,
                    images.colour, images.alpha, images.depth,
                    v_images.colour, v_images.alpha, v_images.depth, consumed[row], pairs,
                )  # fmt: skip

            self.workers.run(unblend, len(band.starts))
            starts, counts = band.starts[:, :-1].ravel(), consumed.ravel()
            # Every worker reads all pairs and adds up its own records: more shares than workers would only cost time.
            bounds = [len(self.records) * i // self.workers.size for i in range(self.workers.size + 1)]
            self.workers.run(
                lambda i, b=bounds, k=band.keys, s=starts, c=counts, p=pairs: blending.gather(
                    b[i], b[i + 1], k, s, c, p, gradients
                ),
                self.workers.size,
            )

        def finish(chunk: int) -> None:
            first, last = self.firsts[chunk], self.lasts[chunk]
            projection.project_backward(
                first, last, self.records, gradients, scene.means, scene.quaternions, scene.scales, view.camera,
                v_scene.means, v_scene.quaternions, v_scene.scales, v_scene.opacities,
            )  # fmt: skip
            colours.evaluate_backward(
                first, last, self.records, gradients, scene.means, scene.harmonics, view.eye,
                v_scene.means, v_scene.harmonics,
            )  # fmt: skip

        self.workers.run(finish, len(self.firsts))

    def _bands(self, view: View) -> Iterator[Band]:
        """Project all Gaussians and deal their keys out to the tiles."""
        scene = self.scene
        num_rows, num_columns = math.ceil(view.height / projection.TILE), math.ceil(view.width / projection.TILE)
        counts = np.zeros((len(self.firsts), num_rows, num_columns), np.int64)

        def project(chunk: int) -> None:
            first = self.firsts[chunk]
            last = self.lasts[chunk] = first + projection.project(
                first, min(first + self.chunk, len(self.records)),
                scene.means, scene.quaternions, scene.scales, scene.opacities,
                view.camera, view.near, view.far, view.width, view.height,
                self.records, self.footprints, counts[chunk],
            )  # fmt: skip
            colours.evaluate(first, last, self.records, scene.means, scene.harmonics, view.eye)

        self.workers.run(project, len(self.firsts))
        totals = counts.sum(0)
        for first_row, last_row in _split(totals.sum(1), MAX_KEYS):
            # A tile's keys follow those of the tile before; within it, a chunk's follow those of the chunk before.
            part = counts[:, first_row:last_row].reshape(len(self.firsts), -1)
            ends = part.T.ravel().cumsum().reshape(-1, len(self.firsts)).T if part.size else part
            cursors = np.ascontiguousarray(ends - part).reshape(-1, last_row - first_row, num_columns)
            bounds = np.concatenate([[0], totals[first_row:last_row].ravel().cumsum()])
            if len(self.keys) < bounds[-1]:
                self.keys = np.empty(bounds[-1], np.uint64)
            starts = np.stack(
                [bounds[i * num_columns : (i + 1) * num_columns + 1] for i in range(last_row - first_row)]
            )
            band = Band(first_row, starts, self.keys)

            def scatter(chunk: int, rows: tuple[int, int] = (first_row, last_row), cursors: NDArray = cursors) -> None:
                tiles.scatter(self.firsts[chunk], self.lasts[chunk], self.footprints, *rows, cursors[chunk], self.keys)

            self.workers.run(scatter, len(self.firsts))
            yield band


def _cache_lines(num: int) -> Array:
    """Memory for `num` records. Each begins at a cache line, so that fetching one fetches no second."""
    flat = np.empty(projection.RECORD * (num + 1), np.float32)
    first = -flat.ctypes.data // flat.itemsize % projection.RECORD
    return flat[first : first + projection.RECORD * num].reshape(num, projection.RECORD)


def _split(keys_per_row: NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Bands of rows, as first and last + 1, with at most `limit` keys each, or of one row."""
    first, held = 0, 0
    for row, num in enumerate(keys_per_row):
        if row > first and held + num > limit:
            yield first, row
            first, held = row, 0
        held += num
    yield first, len(keys_per_row)
