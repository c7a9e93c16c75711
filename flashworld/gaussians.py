"""`Gaussians`: a 3D scene as activated values, ready to be rendered or written."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.geometry import Similarity, harmonics


@dataclass(frozen=True)
class Gaussians:
    """N anisotropic Gaussians with view-dependent colour.

    Values are activated: opacities in 0..1, scales as lengths (standard deviations), quaternions w x y z of unit length
    that turn the Gaussian's axes into the world's, harmonics coefficient-major with RGB last. Colour seen along a unit
    direction d (from the camera to the Gaussian) is `max(0, 0.5 + sum_k basis_k(d) harmonics_k)`.
    """

    means: Float[Tensor, "*batch n 3"]
    quaternions: Float[Tensor, "*batch n 4"]
    scales: Float[Tensor, "*batch n 3"]
    opacities: Float[Tensor, "*batch n"]
    harmonics: Float[Tensor, "*batch n k 3"]

    def __len__(self) -> int:
        """Number of Gaussians (of one scene, if there is a batch)."""
        return self.opacities.shape[-1]

    def __getitem__(self, index: int | slice | Bool[Tensor, " n"] | Tensor | None) -> "Gaussians":
        """Index the leading dimension: one scene of a batch, or some Gaussians of one scene; None: a batch of one."""
        return Gaussians(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 3."""
        return harmonics.degree_of(self.harmonics.shape[-2])

    @classmethod
    def from_vectors(cls, vectors: Float[Tensor, "*batch n c"]) -> "Gaussians":
        """Split rows of centre 3, opacity 1, scales 3, quaternion 4, harmonics 3 (degree + 1)^2."""
        means, opacities, scales, quaternions, colours = vectors.split([3, 1, 3, 4, vectors.shape[-1] - 11], dim=-1)
        return cls(means, quaternions, scales, opacities.squeeze(-1), colours.unflatten(-1, (-1, 3)))

    def vectors(self) -> Float[Tensor, "*batch n c"]:
        """The inverse of `from_vectors`."""
        parts = [self.means, self.opacities[..., None], self.scales, self.quaternions, self.harmonics.flatten(-2)]
        return torch.cat(parts, dim=-1)

    def transformed(self, similarity: Similarity) -> "Gaussians":
        """The scene moved, turned and scaled as a rigid whole, view-dependent colour included."""
        similarity = similarity.to(self.means.device, self.means.dtype)
        return Gaussians(
            means=similarity.apply(self.means),
            quaternions=similarity.rotate(self.quaternions),
            scales=similarity.scale * self.scales,
            opacities=self.opacities,
            harmonics=harmonics.rotate(self.harmonics, similarity.matrix),
        )

    def pruned(self, min_opacity: float) -> "Gaussians":
        """Only the Gaussians whose opacity is at least `min_opacity` (0 keeps all)."""
        return self if min_opacity <= 0 else self[self.opacities >= min_opacity]

    def to(self, *target: torch.device | torch.dtype | str) -> "Gaussians":
        """The same scene on another device or in another dtype."""
        return Gaussians(*(getattr(self, field.name).to(*target) for field in fields(self)))

    def detach(self) -> "Gaussians":
        """The same values without their gradient history."""
        return Gaussians(*(getattr(self, field.name).detach() for field in fields(self)))
