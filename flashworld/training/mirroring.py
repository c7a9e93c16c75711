"""Worlds in a mirror: another world that is as likely, with all that is left on the right."""

import re

import torch
from jaxtyping import Bool
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.training.draws import there
from flashworld.training.scenes import SceneBatch

OTHER_SIDE = {"left": "right", "right": "left"}


def some_mirrored(batch: SceneBatch, generator: torch.Generator) -> SceneBatch:
    """The batch with half of its worlds, drawn by lot, mirrored."""
    return mirrored(batch, torch.rand(len(batch.rgb), generator=generator) < 0.5)


def mirrored(batch: SceneBatch, chosen: Bool[Tensor, " b"]) -> SceneBatch:
    """The batch with the chosen worlds mirrored in the plane x = 0 of their first camera: pictures, cameras, words."""
    flips = there(chosen, batch.rgb.device)[:, None, None]
    w, x, y, z = batch.cameras.quaternions.unbind(-1)
    right, up, back = batch.cameras.positions.unbind(-1)
    fx, fy, cx, cy = batch.cameras.intrinsics.unbind(-1)
    cameras = Cameras(
        torch.where(flips, torch.stack([w, x, -y, -z], dim=-1), batch.cameras.quaternions),
        torch.where(flips, torch.stack([-right, up, back], dim=-1), batch.cameras.positions),
        torch.where(flips, torch.stack([fx, fy, 1 - cx, cy], dim=-1), batch.cameras.intrinsics),
    )
    return SceneBatch(
        rgb=torch.where(flips[..., None, None], batch.rgb.flip(-1), batch.rgb),
        distance=torch.where(flips[..., None], batch.distance.flip(-1), batch.distance),
        cameras=cameras,
        captions=[
            re.sub(r"\b(left|right)\b", lambda found: OTHER_SIDE[found[0]], text) if flip else text
            for flip, text in zip(chosen.tolist(), batch.captions, strict=True)
        ],
    )
