"""Light copies of a scene, to be looked at while the scene is still being made."""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.gaussians import Gaussians
from flashworld.generation.scene import MIN_VISIBLE_OPACITY

MAX_GROWTH = 4.0
"""A Gaussian that stands for many gets larger by this factor at most, lest fine things become balloons."""
NEAREST = 0.1
"""Of the median distance: nearer ones count as if they were this far, lest one at the eye were all that is seen."""


def lightened(gaussians: Gaussians, limit: int, eye: Float[Tensor, " 3"]) -> Gaussians:
    """At most `limit` Gaussians that look like the scene from about `eye`.

    What a Gaussian contributes is its opacity times its largest cross-section over its squared distance. All are lined
    up in the scene's order, as long as they contribute, and one is taken at each of `limit` even steps: large opaque
    ones surely, of many small ones some. Each of these grows to the size of those that it stands for.
    """
    gaussians = gaussians.pruned(MIN_VISIBLE_OPACITY)
    if len(gaussians) <= limit:
        return gaussians
    sides = gaussians.scales.double().sort(dim=-1).values
    distances = (gaussians.means - eye.to(gaussians.means)).norm(dim=-1).double()
    angles = sides / distances.clamp(min=NEAREST * distances.nanmedian())[:, None]
    contributions = (gaussians.opacities.double() * angles[:, 1] * angles[:, 2]).nan_to_num(0.0, 0.0, 0.0)
    ends = contributions.cumsum(0)
    share = ends[-1] / limit
    at = (torch.arange(limit, device=ends.device) + 0.5) * share
    chosen = torch.searchsorted(ends, at).clamp(max=len(gaussians) - 1).unique()
    growth = (share / contributions[chosen].clamp(min=1e-30)).sqrt().clamp(1.0, MAX_GROWTH)
    kept = gaussians[chosen]
    scales = kept.scales * growth[:, None].to(kept.scales)
    return Gaussians(kept.means, kept.quaternions, scales, kept.opacities, kept.harmonics)
