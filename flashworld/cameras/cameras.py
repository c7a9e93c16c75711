"""`Cameras`: poses and intrinsics of a path."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.geometry import matrix_from_quaternion


@dataclass(frozen=True)
class Cameras:
    """Pinhole cameras in the project's one convention.

    `quaternions` (w x y z) and `positions` are world_from_camera. Camera axes are OpenGL's: x right, y up, the view
    looks along -z. `intrinsics` are fx/W, fy/H, cx/W, cy/H with the image's width W and height H, its origin at the
    upper left corner and pixel centres at +0.5, so they hold at every resolution of the same aspect.
    """

    quaternions: Float[Tensor, "*batch 4"]
    positions: Float[Tensor, "*batch 3"]
    intrinsics: Float[Tensor, "*batch 4"]

    def __len__(self) -> int:
        """Length of the leading dimension: the number of cameras of one path."""
        return self.positions.shape[0]

    def __getitem__(self, index: int | slice | Tensor) -> "Cameras":
        """Index the leading dimension."""
        return Cameras(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def from_vectors(cls, vectors: Float[Tensor, "*batch 11"]) -> "Cameras":
        """Split rows of quaternion 4, position 3, intrinsics 4."""
        return cls(*vectors.split([4, 3, 4], dim=-1))

    def vectors(self) -> Float[Tensor, "*batch 11"]:
        """The inverse of `from_vectors`."""
        return torch.cat([self.quaternions, self.positions, self.intrinsics], dim=-1)

    @property
    def rotations(self) -> Float[Tensor, "*batch 3 3"]:
        """Matrices whose columns are the camera's axes in the world."""
        return matrix_from_quaternion(self.quaternions)

    def to(self, *target: torch.device | torch.dtype | str) -> "Cameras":
        """The same cameras on another device or in another dtype."""
        return Cameras(*(getattr(self, field.name).to(*target) for field in fields(self)))
