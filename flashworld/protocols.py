"""What the denoising loop needs of a model, and nothing more. Implementations are in `flashworld.models`.

Letters: b scenes, t views, z latent channels, f feature channels, h w the latent grid (a sixteenth of the picture's
height H and width W), l text tokens, d text width.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.events import Report
from flashworld.gaussians import Gaussians


@dataclass(frozen=True)
class Posterior:
    """A diagonal normal distribution over latents, scaled to the range in which the denoiser works."""

    mean: Float[Tensor, "n z h w"]
    std: Float[Tensor, "n z h w"]

    def sample(self, noise: Float[Tensor, "n z h w"]) -> Float[Tensor, "n z h w"]:
        """The latents that standard normal `noise` selects."""
        return self.mean + self.std * noise


@runtime_checkable
class TextEncoder(Protocol):
    """Sentences to embeddings."""

    def __call__(self, prompts: list[str]) -> Float[Tensor, "b l d"]:
        """Embeddings of the prompts, zero after each prompt's end."""
        ...


@runtime_checkable
class PictureEncoder(Protocol):
    """Pictures to latents, each picture by itself."""

    def __call__(self, pictures: Float[Tensor, "n 3 H W"], report: Report) -> Posterior:
        """Posterior of pictures with values in -1..1."""
        ...


@runtime_checkable
class Denoiser(Protocol):
    """One prediction for all views of a scene at once."""

    def __call__(
        self,
        inputs: Float[Tensor, "b c t h w"],
        timestep: Float[Tensor, " b"],
        text: Float[Tensor, "b l d"],
        report: Report,
    ) -> tuple[Float[Tensor, "b z t h w"], Float[Tensor, "b f t h w"]]:
        """Velocity and features. `timestep` is on the 0..1000 scale.

        The channels of `inputs` are noisy latents z, ray map 6, condition latents z, then of the previous step
        features f and latents z.
        """
        ...


@runtime_checkable
class GaussianDecoder(Protocol):
    """Features and clean latents of every view to one scene in the normalised world of `cameras`."""

    def __call__(
        self,
        features: Float[Tensor, "b f t h w"],
        latents: Float[Tensor, "b z t h w"],
        cameras: Cameras,
        report: Report,
    ) -> Gaussians:
        """Gaussians [b, n]. `latents` are scaled.

        A network's own are n = t * 2 * 8h * 8w, in the order frame, point, row, column; `flashworld.anchoring` replaces
        those of a picture's view by one for each pixel, and adds some.
        """
        ...
