"""Light copies of a scene, to be looked at while the scene is still being made."""

import torch

from flashworld.gaussians import Gaussians
from flashworld.generation.scene import MIN_VISIBLE_OPACITY

MAX_GROWTH = 4.0
"""A Gaussian that stands for many gets larger by this factor at most, lest fine things become balloons."""


def lightened(gaussians: Gaussians, limit: int) -> Gaussians:
    """At most `limit` Gaussians that look like the scene from afar.

    What a Gaussian contributes is its opacity times its largest cross-section. All are lined up in the scene's order,
    as long as they contribute, and one is taken at each of `limit` even steps: large opaque ones surely, of many small
    ones some. Each of these grows to the size of those that it stands for.
    """
    gaussians = gaussians.pruned(MIN_VISIBLE_OPACITY)
    if len(gaussians) <= limit:
        return gaussians
    sides = gaussians.scales.double().sort(dim=-1).values
    contributions = (gaussians.opacities.double() * sides[:, 1] * sides[:, 2]).nan_to_num(0.0, 0.0, 0.0)
    ends = contributions.cumsum(0)
    share = ends[-1] / limit
    at = (torch.arange(limit, device=ends.device) + 0.5) * share
    chosen = torch.searchsorted(ends, at).clamp(max=len(gaussians) - 1).unique()
    growth = (share / contributions[chosen].clamp(min=1e-30)).sqrt().clamp(1.0, MAX_GROWTH)
    kept = gaussians[chosen]
    scales = kept.scales * growth[:, None].to(kept.scales)
    return Gaussians(kept.means, kept.quaternions, scales, kept.opacities, kept.harmonics)
