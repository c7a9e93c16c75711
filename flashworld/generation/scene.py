"""`Scene`: a finished world, its path and what made it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from flashworld import formats
from flashworld.cameras import Cameras, resample
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.generation.record import Record
from flashworld.rendering import FAR, NEAR, Rendering
from flashworld.rendering.frames import render_along

Frame = UInt8[np.ndarray, "height width 3"]

MIN_VISIBLE_OPACITY = 1 / 255
"""Below this a Gaussian is drawn by no splatting renderer of 8-bit pictures; it is left out of files."""


@dataclass(frozen=True)
class Scene:
    """A scene in the world of its request, the request's path through it, and the record that makes it again.

    `cameras` has one entry per requested frame. `unit` is the length in this world of one unit of the model's world:
    the nearest and farthest distance that is drawn are measured in it.
    """

    gaussians: Gaussians
    cameras: Cameras
    height: int
    width: int
    unit: float
    record: Record

    def along(self, cameras: Cameras, *, rasteriser: str = "auto", report: Report = ignore) -> Iterator[Rendering]:
        """What cameras of the scene's world see at the requested size, one after another."""
        near, far = NEAR * self.unit, FAR * self.unit
        return render_along(
            self.gaussians, cameras, self.height, self.width, near=near, far=far, rasteriser=rasteriser, report=report
        )

    def render(self, *, rasteriser: str = "auto", report: Report = ignore) -> Rendering:
        """Colour, alpha and depth at every requested frame, at the requested size."""
        views = list(self.along(self.cameras, rasteriser=rasteriser, report=report))
        return Rendering(*(torch.cat([getattr(view, f.name) for view in views]) for f in fields(Rendering)))

    def flight(self, fps: int) -> Cameras:
        """Cameras along the path, `fps` for each step from one requested frame to the next."""
        return resample(self.cameras, torch.linspace(0, 1, (len(self.cameras) - 1) * fps + 1))

    def save(self, path: Path | str, *, report: Report = ignore) -> int:
        """Write the scene as `.ply` or `.spz`; return the number of Gaussians written. Invisible ones are left out."""
        return formats.save(self.gaussians.pruned(MIN_VISIBLE_OPACITY), path, self._provenance(), report=report)

    def filmed(self, fps: int, *, rasteriser: str = "auto", report: Report = ignore) -> Iterator[Frame]:
        """The pictures of the flight along the path, one after another, as bytes."""
        views = self.along(self.flight(fps), rasteriser=rasteriser, report=report)
        return (formats.to_uint8(view.colour[0]) for view in views)

    def save_video(self, path: Path | str, fps: int = 15, *, rasteriser: str = "auto", report: Report = ignore) -> None:
        """Write the flight along the path as `.mp4`: about one second for each step between requested frames."""
        from flashworld.formats.video import write_video

        frames = self.filmed(fps, rasteriser=rasteriser, report=report)
        write_video(path, frames, fps, len(self.flight(fps)))

    def _provenance(self) -> dict[str, str]:
        return self.record.provenance() | {"unit": f"{self.unit:.9g}"}
