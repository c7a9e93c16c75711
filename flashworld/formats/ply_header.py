"""The header of a PLY file (Turk, "The PLY Polygon File Format"): its elements, their properties, its comments."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

import numpy as np

from flashworld.errors import FormatError

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_BYTES = 1 << 20
_MAX_COUNT = 1 << 40


@dataclass(frozen=True)
class Element:
    """A table: `count` rows of `dtype`, `offset` bytes from the file's start."""

    name: str
    count: int
    dtype: np.dtype
    offset: int


@dataclass(frozen=True)
class PlyHeader:
    """What a header promises. Only elements that lie in the file completely are listed; `comments` are in order."""

    elements: dict[str, Element]
    comments: list[str]


def read_header(file: BinaryIO, num_bytes: int) -> PlyHeader:
    """Read the header of a binary PLY file of `num_bytes`. Elements after one with lists are left out.

    Raises:
        FormatError: Not a binary PLY file, or its tables need more bytes than the file has.
    """
    lines = _lines(file)
    words = [line.split() for line in lines]
    order = _byte_order(words)
    elements, offset = {}, file.tell()
    starts = [index for index, line in enumerate(words) if line[:1] == ["element"]]
    for start, end in pairwise([*starts, len(words)]):
        properties = [line for line in words[start + 1 : end] if line[:1] == ["property"]]
        element = _element(words[start], properties, order, offset)
        if element is None:
            break
        elements[element.name] = element
        offset += element.count * element.dtype.itemsize
    if offset > num_bytes:
        raise FormatError(f"The file is truncated: its header promises {offset:,} bytes, it has {num_bytes:,}.")
    return PlyHeader(elements, [line.partition(" ")[2].strip() for line in lines if line.startswith("comment ")])


def _lines(file: BinaryIO) -> list[str]:
    """Lines between the magic word and `end_header`, the file then standing at its data."""
    if file.readline(16).rstrip(b"\r\n") != b"ply":
        raise FormatError("Not a PLY file: it does not begin with the line 'ply'.")
    lines = []
    while file.tell() < _MAX_BYTES:
        raw = file.readline(_MAX_BYTES)
        line = raw.decode("utf-8", "replace").strip()
        if line == "end_header":
            return lines
        if not raw:
            break
        lines.append(line)
    raise FormatError("The PLY header has no end: 'end_header' is missing. The file is damaged or not a PLY file.")


def _byte_order(words: list[list[str]]) -> str:
    """`<` or `>` of the header's format line."""
    formats = [word[1] for word in words if word[:1] == ["format"] and len(word) > 1]
    if formats[:1] and formats[0] in _ORDERS:
        return _ORDERS[formats[0]]
    given = f"'{formats[0]}'" if formats else "no format"
    raise FormatError(f"The PLY file states {given}; only {' and '.join(_ORDERS)} are read. Save it as binary.")


def _element(element: list[str], properties: list[list[str]], order: str, offset: int) -> Element | None:
    """One element, or None if its rows have lists and therefore no fixed size."""
    # Digits are counted first: Python reads no number of thousands of them.
    if len(element) != 3 or not re.fullmatch("[0-9]{1,13}", element[2]) or int(element[2]) > _MAX_COUNT:
        raise FormatError(f"The PLY header has a faulty line: '{' '.join(element)[:80]}'.")
    if any(line[1:2] == ["list"] for line in properties):
        return None
    names = [line[-1] for line in properties]
    if any(len(line) != 3 or line[1] not in _TYPES for line in properties) or len(set(names)) < len(names):
        raise FormatError(f"The PLY element '{element[1]}' has a property that is doubled or of unknown type.")
    dtype = np.dtype([(line[2], order + _TYPES[line[1]]) for line in properties])
    return Element(element[1], int(element[2]), dtype, offset)
