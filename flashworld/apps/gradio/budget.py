"""How many seconds of a GPU a scene needs, and what to change if that is too many.

ZeroGPU grants a call some seconds, ends it when they are over, and lets short requests pass first; a visitor's daily
quota is minutes. So we ask for what a request needs, never for more than `MOST_SECONDS`, and refuse what cannot fit
before any of it is spent.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from flashworld.errors import RequestError
from flashworld.models.config import FLASHWORLD, ModelConfig
from flashworld.placement import RESIDENT, Card, Plan
from flashworld.planner import Size, predict

BASE_SECONDS = 15
"""Granted to a full scene of the published model: 24 views of 480 x 704 pixels in four steps, with its video."""

LEAST_SECONDS = 5
MOST_SECONDS = 60
MOST_FRAMES = 24
MOST_PIXELS = 480 * 704

ZEROGPU = Card(
    name="half of an RTX Pro 6000 Blackwell",
    total=48 * 2**30,
    free=48 * 2**30,
    fp8_product=True,
    matrix_rate=94 * 1024 * 2.3e9,
)
"""What a call gets by default: half of 188 multiprocessors, 1024 operations each in a cycle (the card's data sheet)."""

START_SECONDS = 3.0
"""Allowed for a worker that is new: a process, CUDA, the weights' way to the GPU."""

SECONDS_PER_MEGAPIXEL = {"hand over": 0.12, "video": 0.02}
"""Allowed to leave the GPU's process through a file, for all views together; and to film, for each picture."""


@dataclass(frozen=True)
class Workload:
    """What decides how long a GPU is needed: the model (and so its steps), where it rests, the sizes, the video."""

    config: ModelConfig
    plan: Plan
    size: Size
    video_pictures: int


FULL = Workload(FLASHWORLD, RESIDENT, Size(24, 480, 704), 116)


def predicted(work: Workload) -> float:
    """Seconds of work on ZeroGPU's card, without the start of a worker.

    The scene's part is the planner's prediction, whose constants are fitted to recorded runs. A text encoder on the CPU
    works before the GPU is asked for.
    """
    scene = predict(work.plan, ZEROGPU, work.config, work.size).seconds
    picture = work.size.height * work.size.width / 1e6
    hand_over = SECONDS_PER_MEGAPIXEL["hand over"] * work.size.frames * picture
    video = SECONDS_PER_MEGAPIXEL["video"] * work.video_pictures * picture
    return scene + hand_over + video


def seconds_for(work: Workload) -> float:
    """The GPU seconds that a workload is given: the base budget, scaled as the prediction scales."""
    return START_SECONDS + (BASE_SECONDS - START_SECONDS) * predicted(work) / predicted(FULL)


def duration(work: Workload) -> int:
    """Whole seconds to ask ZeroGPU for, from `LEAST_SECONDS` to `MOST_SECONDS`."""
    return min(max(math.ceil(round(seconds_for(work), 3)), LEAST_SECONDS), MOST_SECONDS)


def check_fits(work: Workload) -> None:
    """Refuse a workload that no call can hold.

    Raises:
        RequestError: It takes longer than `MOST_SECONDS`; the sentence says which change would make it fit.
    """
    if seconds_for(work) <= MOST_SECONDS:
        return
    remedy = next((words for lighter, words in _lighter(work) if seconds_for(lighter) <= MOST_SECONDS), None)
    advice = f"It fits with {remedy}." if remedy else "Ask for fewer frames and a lower resolution."
    needed = f"resolution: this scene needs about {math.ceil(seconds_for(work))} seconds of GPU"
    raise RequestError([f"{needed}, and one call has at most {MOST_SECONDS}. {advice}"])


def _lighter(work: Workload) -> Iterator[tuple[Workload, str]]:
    """Smaller workloads and how they differ, the least change first."""
    if work.video_pictures:
        yield replace(work, video_pictures=0), "no video"
    size = work.size
    for frames in range(size.frames - 1, 1, -1):
        yield replace(work, size=replace(size, frames=frames)), f"{frames} frames"
    for share in (0.75, 0.5, 0.25):
        height, width = (max(64, round(share * side / 32) * 32) for side in (size.height, size.width))
        yield replace(work, size=replace(size, height=height, width=width)), f"pictures of {height}x{width}"
    if work.plan != RESIDENT:
        yield replace(work, plan=RESIDENT), "nothing offloaded"
