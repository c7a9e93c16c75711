"""Any view of a world as the first one: the lift needs single views, and a world has many.

A first view's median distance is `USUAL_DISTANCE` whatever the world; so another view's distances are told in the unit
in which that holds for it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.training.draws import there
from flashworld.training.mirroring import some_mirrored
from flashworld.training.scenes import SceneBatch
from flashworld.training.worlds import SKY_DISTANCE

USUAL_DISTANCE = 2.5
"""Median distance of every world's first view: what can be said without looking."""
MOST_CHANGE = 4.0
"""Of the unit: a view so near to something, or so far from all, is shown in the unit of its world."""


def any_view_first(batch: SceneBatch, generator: torch.Generator) -> SceneBatch:
    """One view of each world, drawn by lot, as if its path began there; half are mirrored."""
    num, views = batch.rgb.shape[:2]
    chosen = there(torch.randint(views, (num,), generator=generator), batch.rgb.device)
    worlds = torch.arange(num, device=batch.rgb.device)
    rgb, distance, intrinsics = (
        values[worlds, chosen] for values in (batch.rgb, batch.distance, batch.cameras.intrinsics)
    )
    here = there(torch.tensor([1.0, 0, 0, 0, 0, 0, 0]), rgb.device).expand(num, 7)
    first = SceneBatch(
        rgb=rgb[:, None],
        distance=in_the_unit_of_a_first_view(distance)[:, None],
        cameras=Cameras.from_vectors(torch.cat([here, intrinsics], dim=-1)[:, None]),
        captions=batch.captions,
    )
    return some_mirrored(first, generator)


def in_the_unit_of_a_first_view(distance: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """Distances scaled so that the median of surfaces is the usual one. Sky stays, and so does what is unknown."""
    surface = (distance > 0) & (distance < SKY_DISTANCE)
    median = torch.where(surface, distance, torch.nan).flatten(1).nanmedian(dim=1).values
    change = USUAL_DISTANCE / median
    usable = (change < MOST_CHANGE) & (change > 1 / MOST_CHANGE)  # neither holds of no surface at all
    scaled = distance * torch.where(usable, change, 1.0)[:, None, None]
    # What is scaled beyond the sky is still no sky.
    return torch.where(surface, scaled.clamp(max=0.99 * SKY_DISTANCE), distance)
