"""PlayCanvas's compressed PLY (github.com/playcanvas/splat-transform, MIT). Read only.

Per 256 Gaussians an element `chunk` holds the smallest and largest centre, logarithm of scale and (in later files)
colour; an element `vertex` holds where between them each Gaussian lies, in 32-bit words; an optional element `sh` holds
the harmonics above degree 0 as bytes, channel-major.
"""

from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float

from flashworld.errors import FormatError
from flashworld.formats import blocks
from flashworld.formats.ply_header import Element, PlyHeader
from flashworld.gaussians import Gaussians
from flashworld.geometry.harmonics import CONSTANT_HARMONIC

_CHUNK = 256
_WORDS = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
_DEGREES = {9: 1, 24: 2, 45: 3}
"""Number of harmonics above degree 0 to the degree that they reach."""


def is_compressed(header: PlyHeader) -> bool:
    """Whether the vertices are packed words."""
    return "vertex" in header.elements and "packed_position" in (header.elements["vertex"].dtype.names or ())


def read(file: BinaryIO, header: PlyHeader) -> Gaussians:
    """Values in the file's own axes.

    Raises:
        FormatError: Elements are missing, of other sizes or types.
    """
    vertex, chunk = header.elements["vertex"], header.elements.get("chunk")
    sh = header.elements.get("sh")
    degree = _degree(sh) if sh else 0
    chunks = _read(file, chunk, 0, chunk.count) if chunk else None
    if chunks is None or len(chunks) * _CHUNK < vertex.count or (sh and sh.count != vertex.count):
        raise FormatError("The compressed PLY file is damaged: its chunks or harmonics do not match its vertices.")
    if any(word not in (vertex.dtype.names or ()) or vertex.dtype[word].str[1:] != "u4" for word in _WORDS):
        raise FormatError(f"The compressed PLY file lacks one of the 32-bit properties {', '.join(_WORDS)}.")
    room = blocks.empty(vertex.count, degree)
    for span in blocks.spans(vertex.count):
        rows = _read(file, vertex, span.start, span.stop)
        bounds = chunks[np.arange(span.start, span.stop) // _CHUNK]
        harmonics = np.zeros((len(rows), (degree + 1) ** 2, 3), np.float32)
        colour = _bytes(rows["packed_color"])
        harmonics[:, 0] = (_between(bounds, "rgb", colour[:, :3]) - 0.5) / CONSTANT_HARMONIC
        if sh:
            harmonics[:, 1:] = _rest(_read(file, sh, span.start, span.stop))
        values = [
            _between(bounds, "xyz", _thirds(rows["packed_position"])),
            _quaternions(rows["packed_rotation"]),
            np.exp(_between(bounds, ("scale_x", "scale_y", "scale_z"), _thirds(rows["packed_scale"]))),
            colour[:, 3],
            harmonics,
        ]
        blocks.fill(room, span, Gaussians(*(torch.from_numpy(np.ascontiguousarray(part)) for part in values)))
    return room


def _degree(sh: Element) -> int:
    """Degree of the harmonics, each of which is a byte f_rest_0, f_rest_1, ... in any order."""
    names = sh.dtype.names or ()
    bytes_of_harmonics = {f"f_rest_{i}": np.dtype("u1") for i in range(len(names))}
    if len(names) not in _DEGREES or {name: sh.dtype[name] for name in names} != bytes_of_harmonics:
        raise FormatError(
            "The compressed PLY file is damaged: element 'sh' has to hold 9, 24 or 45 properties of type uchar, "
            "f_rest_0 and so on."
        )
    return _DEGREES[len(names)]


def _read(file: BinaryIO, element: Element, start: int, stop: int) -> np.ndarray:
    """Rows of an element."""
    file.seek(element.offset + start * element.dtype.itemsize)
    return np.fromfile(file, element.dtype, stop - start)


def _between(bounds: np.ndarray, names: str | tuple[str, ...], share: Float[np.ndarray, "n 3"]) -> np.ndarray:
    """Values that lie `share` of the way from the chunk's smallest to its largest. Colours without bounds span 0..1."""
    fields = bounds.dtype.names or ()
    if names == "rgb" and "min_r" not in fields:
        return share
    missing = [f"{end}_{name}" for name in names for end in ("min", "max") if f"{end}_{name}" not in fields]
    if missing:
        raise FormatError(f"The compressed PLY file is damaged: its chunks lack {', '.join(missing)}.")
    low = np.stack([bounds[f"min_{name}"] for name in names], axis=1).astype(np.float32)
    high = np.stack([bounds[f"max_{name}"] for name in names], axis=1).astype(np.float32)
    return low + share * (high - low)


def _thirds(words: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """Three shares 0..1 of 11, 10 and 11 bits."""
    parts = [
        (words >> 21) / np.float32(2047),
        ((words >> 11) & 1023) / np.float32(1023),
        (words & 2047) / np.float32(2047),
    ]
    return np.stack(parts, axis=1).astype(np.float32)


def _bytes(words: np.ndarray) -> Float[np.ndarray, "n 4"]:
    """Four shares 0..1 of 8 bits, the highest byte first."""
    return np.stack([(words >> shift & 255) for shift in (24, 16, 8, 0)], axis=1).astype(np.float32) / np.float32(255)


def _quaternions(words: np.ndarray) -> Float[np.ndarray, "n 4"]:
    """Unit quaternions w x y z: index of the largest component in 2 bits, the others in 10 bits each."""
    largest = (words >> 30).astype(np.int64)
    fields = np.stack([words >> shift & 1023 for shift in (20, 10, 0)], axis=1)
    others = (fields / 1023 - 0.5) * np.sqrt(2)
    quaternions = np.empty((len(words), 4))
    np.put_along_axis(quaternions, _OTHERS[largest], others, axis=1)
    last = np.sqrt(np.maximum(1 - np.square(others).sum(axis=1), 0))
    np.put_along_axis(quaternions, largest[:, None], last[:, None], axis=1)
    return (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32)


def _rest(rows: np.ndarray) -> Float[np.ndarray, "n k 3"]:
    """Harmonics above degree 0 from bytes: bucket centres of -4..4, the outermost at the ends."""
    levels = (np.arange(256, dtype=np.float32) + 0.5) / 256
    levels[[0, 255]] = 0, 1
    names = rows.dtype.names or ()
    table = np.stack([levels[rows[f"f_rest_{i}"]] for i in range(len(names))], axis=1)
    return ((table - 0.5) * 8).reshape(len(rows), 3, -1).transpose(0, 2, 1)
