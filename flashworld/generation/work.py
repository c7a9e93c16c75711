"""At which size and with which views a model works on a request.

A scene is free of resolution, so a model may work at the size and number of views that suit it, and the scene is
rendered at the size that was asked for.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Work:
    """What the model is given: `frames` views of `height` x `width` pixels, at `positions` 0..1 along the path.

    `picture_view` is the view that the request's picture shows. `note` says in one line how this differs from the
    request, and is None if it does not.
    """

    frames: int
    height: int
    width: int
    positions: Float[Tensor, " frames"]
    picture_view: int
    note: str | None


def plan_work(
    resolution: tuple[int, int, int],
    image_index: int,
    native: tuple[int, int, int] | None,
    multiple: int,
    model_name: str,
) -> Work:
    """Fit a request to a model.

    Args:
        resolution: Frames, height and width of the request.
        image_index: The frame that the picture shows.
        native: Frames, height and width at which the model works best; None works at any size as it is asked.
        multiple: Sides in pixels must be multiples of this.
        model_name: For the note.
    """
    frames, height, width = resolution
    if native is None:
        return Work(frames, height, width, torch.linspace(0, 1, frames), image_index, None)
    work_frames = min(frames, native[0])
    work_height, work_width = height, width
    if height * width > native[1] * native[2]:
        work_height, work_width = _same_aspect(height, width, native[1] * native[2], multiple)
    positions, picture_view = _views_through(frames, image_index, work_frames)
    if (work_frames, work_height, work_width) == (frames, height, width):
        return Work(frames, height, width, positions, picture_view, None)
    note = (
        f"{model_name} works with {work_frames} views of {work_width}x{work_height} pixels for the {frames} of "
        f"{width}x{height} asked for; the scene is rendered at {width}x{height}."
    )
    return Work(work_frames, work_height, work_width, positions, picture_view, note)


def _same_aspect(height: int, width: int, area: int, multiple: int) -> tuple[int, int]:
    """Sides on the model's grid with nearly the given area and aspect; a wrong aspect costs more than a wrong area."""
    longest = math.ceil(2 * math.sqrt(area * max(height / width, width / height)) / multiple)
    sides = range(multiple, (longest + 1) * multiple, multiple)

    def cost(size: tuple[int, int]) -> float:
        aspect = math.log(size[0] * width / (size[1] * height))
        return abs(aspect) + 0.25 * abs(math.log(size[0] * size[1] / area))

    return min(((h, w) for h in sides for w in sides), key=cost)


def _views_through(frames: int, image_index: int, num_views: int) -> tuple[Float[Tensor, " views"], int]:
    """Views of a path from end to end, one exactly at the picture's frame, evenly spaced on either side of it."""
    if num_views == frames:
        return torch.linspace(0, 1, frames), image_index
    at = image_index / (frames - 1)
    view = round(at * (num_views - 1))
    if 0 < at < 1 and num_views > 2:
        view = min(max(view, 1), num_views - 2)
    before, after = torch.linspace(0, at, view + 1), torch.linspace(at, 1, num_views - view)
    positions = torch.cat([before[:-1], after])
    positions[view] = at
    return positions, view
