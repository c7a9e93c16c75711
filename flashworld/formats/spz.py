"""SPZ version 3: the compressed scenes of Niantic's `spz` library (MIT; github.com/nianticlabs/spz).

A gzip stream of a 16-byte header and then, each for all Gaussians: centres (24-bit fixed point), opacities, colours,
logarithms of scales (8 bits each), orientations (smallest three, 32 bits) and the other harmonics (8 bits, of which 5
are used for degree 1 and 4 above). Axes are `right up back`. `encode` gives the same bytes as the library.
"""

import logging
import math
import struct

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from flashworld.errors import FormatError
from flashworld.formats import blocks
from flashworld.formats.ply import MIN_SCALE
from flashworld.gaussians import Gaussians
from flashworld.geometry.harmonics import num_coefficients

log = logging.getLogger(__name__)

AXES = "right up back"
MAGIC, VERSION = 0x5053474E, 3
HEADER = struct.Struct("<IIIBBBB")
"""Magic, version, number of Gaussians, degree, fractional bits, flags, reserved."""
USUAL_FRACTIONAL_BITS = 12
SMALLEST_SCENE = 2.0**-11
"""Scenes with all coordinates nearer to the origin get no further bits; 23 are the most that are written."""

SMALLEST_SCALE, LARGEST_SCALE = math.exp(-10), math.exp(255 / 16 - 10)
"""Lengths, in units, that a byte of a scale holds; others become the nearer of these."""

_COLOUR_SCALE = np.float32(0.15)
_SQRT_HALF = np.float32(math.sqrt(0.5))
_HARMONIC_STEPS = np.repeat([8, 16], [3, 12]).astype(np.int16)
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
"""For the index of a quaternion's largest component: the other three."""


def fractional_bits(means: Float[Tensor, "n 3"]) -> int:
    """Binary digits after the point for coordinates stored in 24 bits.

    12 (a quarter of a millimetre, if a unit is a metre) as the library has, when the farthest coordinate is between 1
    and 2,047. A larger scene gets fewer so that it fits, a smaller one more so that it keeps 12 significant bits.

    Raises:
        FormatError: A coordinate is beyond 24 bits.
    """
    farthest = float(means.abs().max()) if len(means) else 1.0
    # The exponent e has 2^(e - 1) <= farthest < 2^e, where a little more than farthest leaves room for rounding up.
    exponent = math.frexp(max(farthest, SMALLEST_SCENE) * (1 + 2.0**-22))[1]
    if exponent > 23:
        raise FormatError(f"SPZ holds coordinates up to 8,388,607 units; this scene reaches {farthest:.3g}. Use PLY.")
    return min(max(USUAL_FRACTIONAL_BITS, 13 - exponent), 23 - exponent)


def row_bytes(degree: int, version: int = VERSION) -> dict[str, int]:
    """Bytes per Gaussian of each section, in file order."""
    rotation = {2: 3, 3: 4}[version]
    rest = 3 * (num_coefficients(degree) - 1)
    return {"means": 9, "opacities": 1, "colours": 3, "scales": 3, "quaternions": rotation, "rest": rest}


def encode(gaussians: Gaussians, bits: int | None = None) -> UInt8[np.ndarray, " bytes"]:
    """The bytes before gzip, of finite float32 values in `AXES`. `bits` overrides `fractional_bits`."""
    bits = fractional_bits(gaussians.means) if bits is None else bits
    if losses := _losses(gaussians, bits):
        log.warning("SPZ does not hold this scene as it is: %s. Use PLY to keep it.", "; ".join(losses))
    sizes, num = row_bytes(gaussians.degree), len(gaussians)
    payload = np.empty(HEADER.size + num * sum(sizes.values()), np.uint8)
    payload[: HEADER.size] = list(HEADER.pack(MAGIC, VERSION, num, gaussians.degree, bits, 0, 0))
    sections = _sections(payload, num, sizes)
    for span in blocks.spans(num):
        block = gaussians[span]
        sections["means"][span] = _pack_means(block.means.numpy(), bits)
        sections["opacities"][span] = _to_byte(block.opacities.numpy() * np.float32(255))[:, None]
        colours = block.harmonics[:, 0].numpy() * (_COLOUR_SCALE * np.float32(255)) + np.float32(127.5)
        sections["colours"][span] = _to_byte(colours)
        logarithms = np.log(np.maximum(block.scales.numpy(), MIN_SCALE))
        sections["scales"][span] = _to_byte((logarithms + np.float32(10)) * np.float32(16))
        sections["quaternions"][span] = _pack_quaternions(blocks.unit(block.quaternions.numpy()))
        sections["rest"][span] = _pack_harmonics(block.harmonics[:, 1:].numpy())
    return payload


def decode(payload: UInt8[np.ndarray, " bytes"]) -> Gaussians:
    """Gaussians of a payload of version 2 or 3, in `AXES`.

    Raises:
        FormatError: Not SPZ, another version, or fewer bytes than the header promises.
    """
    version, num, degree, bits = read_header(payload.tobytes()[: HEADER.size])
    sizes = row_bytes(degree, version)
    if len(payload) < HEADER.size + num * sum(sizes.values()):
        raise FormatError(f"The SPZ file is truncated: its header promises {num:,} Gaussians.")
    sections, room = _sections(payload, num, sizes), blocks.empty(num, degree)
    unpack_quaternions = _unpack_smallest_three if version == 3 else _unpack_first_three
    for span in blocks.spans(num):
        part = {name: section[span] for name, section in sections.items()}
        colours = (part["colours"].astype(np.float32) / 255 - 0.5) / _COLOUR_SCALE
        rest = (part["rest"].astype(np.float32) - 128) / 128
        harmonics = np.concatenate([colours, rest], axis=1).reshape(len(colours), -1, 3)
        values = [
            _unpack_means(part["means"], bits),
            unpack_quaternions(part["quaternions"]),
            np.exp(part["scales"].astype(np.float32) / 16 - 10),
            part["opacities"][:, 0].astype(np.float32) / 255,
            harmonics,
        ]
        blocks.fill(room, span, Gaussians(*map(torch.from_numpy, values)))
    return room


def read_header(header: bytes) -> tuple[int, int, int, int]:
    """Version, number of Gaussians, degree and fractional bits.

    Raises:
        FormatError: Not a header of SPZ version 2 or 3.
    """
    if len(header) < HEADER.size or HEADER.unpack(header)[0] != MAGIC:
        raise FormatError("Not an SPZ file: the magic number 'NGSP' is missing.")
    _, version, num, degree, bits, _, _ = HEADER.unpack(header)
    if version not in (2, 3):
        raise FormatError(f"SPZ version {version} is not supported; save the scene as version 2 or 3.")
    if degree > 3 or bits > 24:
        raise FormatError(f"The SPZ header is damaged: degree {degree}, {bits} fractional bits.")
    return version, num, degree, bits


def _losses(gaussians: Gaussians, bits: int) -> list[str]:
    """What of a scene is beyond the format's ranges, in words: nothing of rooms and streets in metres."""
    scales, losses = gaussians.scales, []
    # Half a step further, rounding ends at the last step all the same.
    low, high = SMALLEST_SCALE * math.exp(-1 / 32), LARGEST_SCALE * math.exp(1 / 32)
    if num := int(((scales < low) | (scales > high)).any(dim=1).sum()):
        losses.append(f"{num:,} Gaussians have lengths beyond {SMALLEST_SCALE:.6f} to {LARGEST_SCALE:.0f} units")
    step = 2.0**-bits
    if step > scales.amax(dim=1).median():
        losses.append(f"centres are rounded to {step:.3g} units, more than most Gaussians are long")
    return losses


def _sections(payload: np.ndarray, num: int, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Views of the payload, [n, bytes] each."""
    ends = np.cumsum([HEADER.size, *(num * size for size in sizes.values())])
    return {
        name: payload[start : start + num * size].reshape(num, size)
        for (name, size), start in zip(sizes.items(), ends[:-1], strict=True)
    }


def _rounded(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Nearest integers, halves away from zero as C's round does (NumPy's goes to even)."""
    whole = np.trunc(values)
    return whole + np.copysign(np.abs(values - whole) >= 0.5, values)


def _to_byte(values: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Rounded to 0..255."""
    return _rounded(np.clip(values, 0, 255)).astype(np.uint8)


def _pack_means(means: Float[np.ndarray, "n 3"], bits: int) -> UInt8[np.ndarray, "n 9"]:
    """Fixed point, three little-endian bytes each."""
    fixed = _rounded(means * np.float32(1 << bits)).astype("<i4")
    return fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].reshape(-1, 9)


def _unpack_means(packed: UInt8[np.ndarray, "n 9"], bits: int) -> Float[np.ndarray, "n 3"]:
    # In the upper three bytes the sign is in its place; the shift back extends it.
    fixed = np.zeros((len(packed), 3, 4), np.uint8)
    fixed[:, :, 1:] = packed.reshape(-1, 3, 3)
    return (fixed.view("<i4")[..., 0] >> 8).astype(np.float32) / np.float32(1 << bits)


def _pack_quaternions(wxyz: Float[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 4"]:
    """Index of the largest component (2 bits), then sign and 9 bits of each other one, in the order x y z w."""
    xyzw = wxyz[:, [1, 2, 3, 0]]
    largest = np.abs(xyzw).argmax(axis=1)[:, None]
    others = np.take_along_axis(xyzw, _OTHERS[largest[:, 0]], axis=1)
    # q and -q are the same rotation: the largest component is made positive and need not be stored.
    signs = np.signbit(others) ^ (np.take_along_axis(xyzw, largest, axis=1) < 0)
    magnitudes = (np.float32(511) * (np.abs(others) / _SQRT_HALF) + np.float32(0.5)).astype(np.uint32)
    fields = np.minimum(magnitudes, 511) | (signs.astype(np.uint32) << 9)
    packed = (largest[:, 0].astype(np.uint32) << 30) | (fields[:, 0] << 20) | (fields[:, 1] << 10) | fields[:, 2]
    return packed.astype("<u4").view(np.uint8).reshape(-1, 4)


def _unpack_smallest_three(packed: UInt8[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    bits = np.ascontiguousarray(packed).view("<u4")
    fields = (bits >> np.array([20, 10, 0], np.uint32)) & 1023
    others = (fields & 511).astype(np.float32) * (_SQRT_HALF / np.float32(511)) * np.where(fields & 512, -1, 1)
    largest = (bits[:, 0] >> 30).astype(np.int64)
    return _completed(others, largest, _OTHERS[largest])


def _unpack_first_three(packed: UInt8[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 4"]:
    """Version 2: x y z in 8 bits each, w from the length."""
    xyz = packed.astype(np.float32) / np.float32(127.5) - 1
    return _completed(xyz, np.full(len(xyz), 3), np.broadcast_to(_OTHERS[3], xyz.shape))


def _completed(
    others: Float[np.ndarray, "n 3"], missing: Int[np.ndarray, " n"], places: Int[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 4"]:
    """Unit quaternion w x y z from three components of x y z w; the missing one is not negative."""
    xyzw = np.empty((len(others), 4), np.float32)
    np.put_along_axis(xyzw, places, others.astype(np.float32), axis=1)
    last = np.sqrt(np.maximum(1 - np.square(others).sum(axis=1), 0)).astype(np.float32)
    np.put_along_axis(xyzw, missing[:, None], last[:, None], axis=1)
    return xyzw[:, [3, 0, 1, 2]] / np.linalg.norm(xyzw, axis=1, keepdims=True)


def _pack_harmonics(rest: Float[np.ndarray, "n k 3"]) -> UInt8[np.ndarray, "n c"]:
    """128 steps per unit around 128, moved to the nearest multiple of 8 (degree 1) or 16 (above)."""
    steps = _HARMONIC_STEPS[: rest.shape[1], None]
    fine = _rounded(np.clip(rest, -2, 2) * np.float32(128)).astype(np.int16) + 128
    coarse = (fine + steps // 2) // steps * steps
    return np.clip(coarse, 0, 255).astype(np.uint8).reshape(len(rest), -1)
