"""Similarity transforms: a rotation, one scale for all axes, and a translation."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.geometry.quaternions import matrix_from_quaternion, multiply


@dataclass(frozen=True)
class Similarity:
    """Maps a point x to `scale * R x + translation`, where R is the matrix of the quaternion `rotation` (w x y z)."""

    rotation: Float[Tensor, "*batch 4"]
    translation: Float[Tensor, "*batch 3"]
    scale: Float[Tensor, "*batch"]

    @classmethod
    def identity(cls) -> "Similarity":
        """The transform that changes nothing."""
        return cls(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.zeros(3), torch.ones(()))

    def __getitem__(self, index: int) -> "Similarity":
        """One member of a batch."""
        return Similarity(self.rotation[index], self.translation[index], self.scale[index])

    @property
    def matrix(self) -> Float[Tensor, "*batch 3 3"]:
        """The rotation as a matrix, without the scale."""
        return matrix_from_quaternion(self.rotation)

    def apply(self, points: Float[Tensor, "*batch n 3"]) -> Float[Tensor, "*batch n 3"]:
        """Transform points."""
        return self.scale[..., None, None] * points @ self.matrix.mT + self.translation[..., None, :]

    def rotate(self, quaternions: Float[Tensor, "*batch n 4"]) -> Float[Tensor, "*batch n 4"]:
        """Turn orientations given as quaternions w x y z."""
        return multiply(self.rotation[..., None, :].expand_as(quaternions), quaternions)

    def inverse(self) -> "Similarity":
        """The transform that undoes this one."""
        conjugate = self.rotation * self.rotation.new_tensor([1, -1, -1, -1])
        shift = (matrix_from_quaternion(conjugate) @ self.translation[..., None]).squeeze(-1)
        return Similarity(conjugate, -shift / self.scale[..., None], 1 / self.scale)

    def to(self, *target: torch.device | torch.dtype | str) -> "Similarity":
        """The same transform on another device or in another dtype."""
        return Similarity(*(getattr(self, field.name).to(*target) for field in fields(self)))
