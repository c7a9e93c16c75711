"""`save`, `load` and `inspect`: scenes in files, the format told by the name's end (or, for PLY, by the header)."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flashworld.errors import FormatError
from flashworld.events import Progress, Report, ignore
from flashworld.formats import axes as axes_of_files
from flashworld.formats import blocks, compressed_ply, ply, splat, spz
from flashworld.formats.gzip_stream import write_gzip
from flashworld.formats.ply_header import read_header
from flashworld.gaussians import Gaussians
from flashworld.publish import published

_MAX_DEFLATE_RATIO = 1032
"""No deflate stream grows by more than this factor, so a header that promises more lies."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Content:
    """What a file holds: values in the file's axes, and what it says of itself."""

    gaussians: Gaussians
    format: str
    axes: str
    axes_stated: bool
    facts: dict[str, str]


@dataclass(frozen=True)
class SceneInfo:
    """Facts of a scene file. Bounds enclose the Gaussians' centres, in the file's own axes (None if it is empty)."""

    format: str
    num_gaussians: int
    degree: int
    axes: str
    axes_stated: bool
    bounds_min: tuple[float, float, float] | None
    bounds_max: tuple[float, float, float] | None
    provenance: dict[str, str]
    num_bytes: int


def save(
    gaussians: Gaussians,
    path: Path | str,
    provenance: dict[str, str] | None = None,
    *,
    axes: str | None = None,
    report: Report = ignore,
) -> int:
    """Write a scene as `.ply` or `.spz`, whole or not at all, and return the number of Gaussians written.

    Gaussians with infinite or undefined numbers cannot be drawn by anyone and are left out.

    Args:
        gaussians: One scene in the project's axes (right up back), on any device.
        path: Where to. An earlier file of that name is replaced.
        provenance: Facts such as generator and seed. PLY files carry them as comments; SPZ has no place for them.
        axes: Where the file's x, y and z point. PLY: `right down front` unless given. SPZ allows only `right up back`.
        report: Receives the progress of stage `write`.

    Raises:
        FormatError: Another suffix, unknown axes, coordinates too large for SPZ, or the place cannot be written.
    """
    path = Path(path)
    write = _by_suffix(path, _WRITERS, "written")
    gaussians = blocks.drawable(blocks.plain(gaussians))
    with published(path) as beside:
        write(gaussians, beside, provenance or {}, axes, report)
    return len(gaussians)


def load(path: Path | str, *, axes: str | None = None) -> Gaussians:
    """Read `.ply` (standard or compressed), `.spz` (version 2 or 3) or `.splat` into the project's axes.

    Args:
        path: The file.
        axes: Where its x, y and z point, if it does not say or is wrong. A PLY file of ours states its axes in a
            comment; one that does not is taken to be `right down front`, as is `.splat`; SPZ is `right up back`.

    Raises:
        FormatError: Missing, damaged, truncated, or not what its name says.
    """
    content = _read(Path(path))
    rotation = axes_of_files.file_from_inside(axes or content.axes)
    for span in blocks.spans(len(content.gaussians)):
        blocks.fill(content.gaussians, span, axes_of_files.turned(content.gaussians[span], rotation.T))
    return blocks.drawable(content.gaussians)


def inspect(path: Path | str) -> SceneInfo:
    """What a scene file holds.

    Raises:
        FormatError: As `load`.
    """
    content = _read(Path(path))
    means = content.gaussians.means[blocks.is_drawable(content.gaussians)]
    bounds = [tuple(end.tolist()) for end in (means.amin(0), means.amax(0))] if len(means) else [None, None]
    return SceneInfo(
        format=content.format,
        num_gaussians=len(content.gaussians),
        degree=content.gaussians.degree,
        axes=content.axes,
        axes_stated=content.axes_stated,
        bounds_min=bounds[0],
        bounds_max=bounds[1],
        provenance=content.facts,
        num_bytes=Path(path).stat().st_size,
    )


def provenance_of(path: Path | str) -> dict[str, str]:
    """What a scene file says of its making, without reading the scene; nothing where its format has no place for it.

    Raises:
        FormatError: Missing, or damaged at its beginning.
    """
    path = Path(path)
    if path.suffix.lower() != ".ply":
        return {}
    with _faults_of(path), path.open("rb") as file:
        facts = ply.facts(read_header(file, path.stat().st_size).comments)
    return {name: value for name, value in facts.items() if name != "axes"}


def _by_suffix(path: Path, table: dict[str, Callable], verb: str) -> Callable:
    """The reader or writer for a name."""
    if path.suffix.lower() not in table:
        raise FormatError(
            f"{path.name}: scenes are {verb} as {', '.join(table)}, not '{path.suffix}'. Change the name's end."
        )
    return table[path.suffix.lower()]


def _read(path: Path) -> _Content:
    """The content of any readable file."""
    read = _by_suffix(path, _READERS, "read")
    with _faults_of(path):
        return read(path)


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Tells faults of reading with the file's name."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except OSError as error:
        raise FormatError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def _write_ply(gaussians: Gaussians, path: Path, facts: dict[str, str], axes: str | None, report: Report) -> None:
    with path.open("wb") as file:
        ply.write(gaussians, file, facts, axes or ply.AXES, report)


def _write_spz(gaussians: Gaussians, path: Path, _facts: dict[str, str], axes: str | None, report: Report) -> None:
    if axes and axes_of_files.file_from_inside(axes).ne(axes_of_files.file_from_inside(spz.AXES)).any():
        raise FormatError(f"SPZ files are always '{spz.AXES}'; for '{axes}' write a PLY file.")
    payload = spz.encode(gaussians)
    with path.open("wb") as file:
        for done in write_gzip(payload.data, file):
            report(Progress("write", done * len(gaussians) // len(payload), len(gaussians)))


def _read_ply(path: Path) -> _Content:
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
        packed = compressed_ply.is_compressed(header)
        gaussians = compressed_ply.read(file, header) if packed else ply.read(file, header)
    facts = ply.facts(header.comments)
    axes = facts.pop("axes", None)
    return _Content(gaussians, "compressed PLY" if packed else "PLY", axes or ply.AXES, axes is not None, facts)


def _read_spz(path: Path) -> _Content:
    try:
        with gzip.open(path) as file:
            header = file.read(spz.HEADER.size)
            version, num, degree, _ = spz.read_header(header)
            size = num * sum(spz.row_bytes(degree, version).values())
            if size > path.stat().st_size * _MAX_DEFLATE_RATIO:
                raise FormatError(f"The SPZ header promises {num:,} Gaussians, more than the file can hold.")
            payload = np.frombuffer(header + file.read(size), np.uint8)
            while file.read(_CHUNK):  # Extensions may follow; at the end Python compares the checksum.
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError("Not an SPZ file of version 2 or 3, or damaged: its gzip stream cannot be read.") from error
    return _Content(spz.decode(payload), f"SPZ {version}", spz.AXES, True, {})


def _read_splat(path: Path) -> _Content:
    return _Content(splat.read(path), "splat", splat.AXES, False, {})


_WRITERS = {".ply": _write_ply, ".spz": _write_spz}
_READERS = {".ply": _read_ply, ".spz": _read_spz, ".splat": _read_splat}
