"""`render`: Gaussians to pictures, by whichever rasteriser fits the machine."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians


@dataclass(frozen=True)
class Rendering:
    """Pictures of a scene from `views` cameras.

    `colour` is blended over the background and is not clamped (harmonics can exceed 1); `alpha` is one minus the
    remaining transmittance; `depth` is z-depth blended with the same weights, neither normalised nor filled.
    """

    colour: Float[Tensor, "views 3 height width"]
    alpha: Float[Tensor, "views height width"]
    depth: Float[Tensor, "views height width"]


def render(
    gaussians: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    near: float = 0.01,
    far: float = 1000.0,
    rasteriser: str = "auto",
) -> Rendering:
    """Render one scene from every camera of a path. To be written."""
    raise NotImplementedError
