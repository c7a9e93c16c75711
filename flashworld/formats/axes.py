"""Axes of scene files: which way x, y and z point, and the turn between a file's axes and ours.

Axes are three words, where x, y and z point for a viewer at the scene's first camera: `right up back` is the project's
own (OpenGL, three.js, SPZ), `right down front` that of 3D Gaussian splatting PLY files (OpenCV, COLMAP).
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.errors import FormatError
from flashworld.gaussians import Gaussians
from flashworld.geometry import Similarity, quaternion_from_matrix

INSIDE = "right up back"
"""The axes of every `Gaussians` in this project."""

_DIRECTIONS = {
    "right": (1, 0, 0), "left": (-1, 0, 0), "up": (0, 1, 0), "down": (0, -1, 0), "back": (0, 0, 1), "front": (0, 0, -1),
}  # fmt: skip
_ODD_IN = ["", "y", "z", "x", "xy", "yz", "", "xz", "", "y", "xyz", "y", "z", "x", "z", "x"]
"""For each harmonic, the coordinates whose change of sign changes the harmonic's sign."""


def file_from_inside(axes: str) -> Float[Tensor, "3 3"]:
    """Rotation that takes the project's coordinates to those of a file with `axes`.

    Raises:
        FormatError: Not three directions, or a mirrored (left-handed) set, which no rotation reaches.
    """
    words = axes.replace("-", " ").replace(",", " ").lower().split()
    if len(words) == 3 and all(word in _DIRECTIONS for word in words):
        matrix = torch.tensor([_DIRECTIONS[word] for word in words], dtype=torch.float32)
        if torch.linalg.det(matrix) > 0.5:
            return matrix
    raise FormatError(
        f"Unknown axes {axes!r}: name where x, y and z point by three of right, left, up, down, back, front that form "
        "a right-handed set, such as 'right down front' (PLY) or 'right up back' (three.js)."
    )


def turned(gaussians: Gaussians, rotation: Float[Tensor, "3 3"]) -> Gaussians:
    """The scene (float32, in main memory) turned by `rotation`, view-dependent colour included.

    A half turn about an axis, and it is nearly always one, only changes signs: each harmonic is even or odd in every
    coordinate. Orientations R become M R M instead of M R, the same Gaussian with two of its own axes reversed, so that
    turning twice restores every bit.
    """
    signs = rotation.diagonal()
    if not torch.equal(rotation, torch.diag(signs)):
        still = Similarity.identity()
        return gaussians.transformed(Similarity(quaternion_from_matrix(rotation), still.translation, still.scale))
    signs = signs.numpy()
    sign_of = dict(zip("xyz", signs, strict=True))
    parity = np.array([math.prod(sign_of[c] for c in odd) for odd in _ODD_IN], np.float32)
    return Gaussians(
        means=torch.from_numpy(gaussians.means.numpy() * signs),
        quaternions=torch.from_numpy(gaussians.quaternions.numpy() * np.append(np.float32(1), signs)),
        scales=gaussians.scales,
        opacities=gaussians.opacities,
        harmonics=torch.from_numpy(gaussians.harmonics.numpy() * parity[: gaussians.harmonics.shape[-2], None]),
    )
