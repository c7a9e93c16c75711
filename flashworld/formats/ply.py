"""PLY: the layout of the 3D Gaussian splatting authors, which most programs read.

Per Gaussian, little-endian float32: x y z, nx ny nz (zero), f_dc_0..2, f_rest_* (all red coefficients, then green, then
blue), opacity as a logit, scale_0..2 as natural logarithms, rot_0..3 as w x y z.
"""

from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float

from flashworld.errors import FormatError
from flashworld.events import Progress, Report
from flashworld.formats import axes as axes_of_files
from flashworld.formats import blocks
from flashworld.formats.ply_header import Element, PlyHeader
from flashworld.gaussians import Gaussians

AXES = "right down front"
"""Axes of the files that we write, and of files that do not state theirs."""
MIN_OPACITY, MAX_OPACITY = 1e-6, 1 - 1e-6
"""Opacities are clamped to this range, so that their logits stay finite."""
MIN_SCALE = 1e-10
"""Smaller lengths are raised to this one, so that their logarithms stay finite."""
_MAX_COMMENT = 1000
_NORMALS = ("nx", "ny", "nz")


def property_names(degree: int) -> list[str]:
    """Names of the columns of a scene with harmonics of `degree`, in order."""
    rest = [f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1))]
    tail = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    return ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, *tail]


def columns(gaussians: Gaussians) -> Float[np.ndarray, "n c"]:
    """The table in the order of `property_names`, in the axes that the values (float32, in main memory) have."""
    opacities = np.clip(gaussians.opacities.numpy(), MIN_OPACITY, MAX_OPACITY)
    harmonics = gaussians.harmonics.numpy()
    table = np.zeros((len(gaussians), len(property_names(gaussians.degree))), np.float32)
    table[:, :3] = gaussians.means
    table[:, 6:9] = harmonics[:, 0]
    table[:, 9:-8] = harmonics[:, 1:].transpose(0, 2, 1).reshape(len(table), -1)
    table[:, -8] = np.log(opacities / (1 - opacities))
    table[:, -7:-4] = np.log(np.maximum(gaussians.scales.numpy(), MIN_SCALE))
    table[:, -4:] = blocks.unit(gaussians.quaternions.numpy())
    return table


def from_columns(table: Float[np.ndarray, "n c"]) -> Gaussians:
    """The inverse of `columns`, up to its clamps."""
    rest = table[:, 9:-8].reshape(len(table), 3, -1).transpose(0, 2, 1)
    with np.errstate(over="ignore"):  # A value beyond float32 becomes infinite, which is what it is.
        opacities, scales = 1 / (1 + np.exp(-table[:, -8])), np.exp(table[:, -7:-4])
    return Gaussians(
        means=torch.from_numpy(table[:, :3]),
        quaternions=torch.from_numpy(blocks.unit(table[:, -4:])),
        scales=torch.from_numpy(scales),
        opacities=torch.from_numpy(opacities),
        harmonics=torch.from_numpy(np.concatenate([table[:, None, 6:9], rest], axis=1)),
    )


def write(gaussians: Gaussians, file: BinaryIO, provenance: dict[str, str], axes: str, report: Report) -> None:
    """Write a scene block by block."""
    rotation = axes_of_files.file_from_inside(axes)
    file.write(_header(len(gaussians), gaussians.degree, axes, provenance))
    for span in blocks.spans(len(gaussians)):
        file.write(columns(axes_of_files.turned(gaussians[span], rotation)).data)
        report(Progress("write", span.stop, len(gaussians)))


def _header(num: int, degree: int, axes: str, provenance: dict[str, str]) -> bytes:
    """Header with axes and provenance as comments: ASCII, one line each, at most 1,000 characters."""
    facts = [f"comment {' '.join(f'{key} {value}'.split())}"[:_MAX_COMMENT] for key, value in provenance.items()]
    properties = [f"property float {name}" for name in property_names(degree)]
    start = ["ply", "format binary_little_endian 1.0", f"comment axes {axes}"]
    lines = [*start, *facts, f"element vertex {num}", *properties, "end_header"]
    return "".join(f"{line}\n" for line in lines).encode("ascii", "backslashreplace")


def read(file: BinaryIO, header: PlyHeader) -> Gaussians:
    """The vertex table, whatever the order and types of its properties. Values are in the file's own axes.

    Raises:
        FormatError: Columns of a Gaussian scene are missing.
    """
    vertex = header.elements.get("vertex")
    if vertex is None:
        raise FormatError("The PLY file has no element 'vertex' of fixed size, so it holds no Gaussians.")
    degree = _degree(vertex)
    names = property_names(degree)
    missing = [name for name in names if name not in (*(vertex.dtype.names or ()), *_NORMALS)]
    if missing:
        raise FormatError(f"The PLY file is not a Gaussian scene: it lacks {', '.join(missing)}.")
    room = blocks.empty(vertex.count, degree)
    file.seek(vertex.offset)
    for span in blocks.spans(vertex.count):
        rows = np.fromfile(file, vertex.dtype, span.stop - span.start)
        table = np.zeros((len(rows), len(names)), np.float32)
        for column, name in enumerate(names):
            if name not in _NORMALS:
                table[:, column] = rows[name]
        blocks.fill(room, span, from_columns(table))
    return room


def facts(comments: list[str]) -> dict[str, str]:
    """Comments `key value...` as a table; comments of one word are dropped."""
    pairs = [comment.split(maxsplit=1) for comment in comments]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _degree(vertex: Element) -> int:
    """Degree of harmonics that the number of f_rest_* columns means."""
    num = sum(name.startswith("f_rest_") for name in vertex.dtype.names or ())
    degrees = {0: 0, 9: 1, 24: 2, 45: 3}
    if num not in degrees:
        raise FormatError(f"The PLY file has {num} columns f_rest_*; allowed are 0, 9, 24, 45 (degrees 0 to 3).")
    return degrees[num]
