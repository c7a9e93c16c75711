"""The best linear code of pictures: principal components of their cells. The autoencoder is first taught that.

Left to itself it finds the mean colour of a cell, and detail only slowly: behind the norms at the ends of encoder and
decoder a cell's channels start with nothing to say. Codes that have always something to say get both moving at once.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.models.config import PIXELS_PER_LATENT


@dataclass(frozen=True)
class Components:
    """Principal components of cells of 16 x 16 pixels, and how much each varies."""

    mean: Float[Tensor, " pixels"]
    vectors: Float[Tensor, "pixels z"]
    """Orthonormal, the one that varies most first."""
    deviations: Float[Tensor, " z"]

    @classmethod
    def of(cls, pictures: Float[Tensor, "n 3 height width"], num: int) -> "Components":
        """The first `num` of some pictures."""
        cells = rearrange(_cells(pictures), "n pixels h w -> (n h w) pixels").double()
        mean = cells.mean(dim=0)
        variances, vectors = torch.linalg.eigh((cells - mean).T @ (cells - mean) / len(cells))
        # The last are the largest.
        first = torch.arange(len(variances) - 1, len(variances) - 1 - num, -1, device=cells.device)
        return cls(mean.float(), vectors[:, first].float(), variances[first].clamp(min=1e-6).sqrt().float())

    def codes(self, pictures: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n z h w"]:
        """Codes of pictures; each of variance 1 over those from which the components are."""
        pixels = _cells(pictures) - self.mean[:, None, None]
        return torch.einsum("nphw,pz->nzhw", pixels, self.vectors / self.deviations)

    def pictures(self, codes: Float[Tensor, "n z h w"]) -> Float[Tensor, "n 3 height width"]:
        """What codes say of pictures."""
        pixels = torch.einsum("nzhw,pz->nphw", codes, self.vectors * self.deviations) + self.mean[:, None, None]
        side = PIXELS_PER_LATENT
        return rearrange(pixels, "n (c row col) h w -> n c (h row) (w col)", row=side, col=side)


def _cells(pictures: Tensor) -> Tensor:
    side = PIXELS_PER_LATENT
    return rearrange(pictures, "n c (h row) (w col) -> n (c row col) h w", row=side, col=side)
