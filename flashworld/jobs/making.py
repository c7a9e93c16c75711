"""`Maker`: a model with what turns a request into the files of a result."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, time
from typing import Any

import torch
from PIL import Image

from flashworld import formats
from flashworld.cameras import resample
from flashworld.errors import RequestError
from flashworld.events import Progress, Report
from flashworld.formats.video import write_video
from flashworld.generation import Scene, stream, work_for
from flashworld.generation.scene import MIN_VISIBLE_OPACITY
from flashworld.jobs.job import Amounts, JobProgress
from flashworld.jobs.preview import lightened
from flashworld.jobs.shelf import FILES
from flashworld.jobs.summary import Summary
from flashworld.models.model import Model
from flashworld.publish import published
from flashworld.request import SceneRequest

PREVIEW_GAUSSIANS = 60_000
"""A scene of `tiny` is sent as it is. Of larger ones some are left out, by size: what hides what is not asked."""
THUMBNAIL_WIDTH = 320
VIDEO_FPS = {"cuda": 24, "cpu": 12}
"""By device: without a GPU the pictures of the video take longer than the scene."""
FRAMES_PER_SECOND_OF_PATH = 4
"""Requested frames that the video passes in a second."""
VIDEO_SECONDS = (3, 10)
"""Shortest and longest video."""
MOST_WORK_ON_CPU = 24 * 480 * 704
"""Pixels of all views. A scene of more, at exact size, would exhaust an ordinary machine's memory."""

Watch = Callable[[JobProgress], None]
"""Hears where the work is. It may raise `flashworld.errors.Cancelled`, which stops it at once."""


@dataclass(frozen=True)
class Plan:
    """What making a request means for a model: the amounts, and how they differ from what was asked (or None)."""

    amounts: Amounts
    note: str | None


@dataclass(frozen=True)
class Maker:
    """A model that makes one scene at a time, and the rasteriser that films it.

    Two makers work at once only if each has a model of its own: progress is heard through hooks on its blocks.
    """

    model: Model
    rasteriser: str = "auto"

    @property
    def fps(self) -> int:
        """Pictures per second of the videos."""
        return VIDEO_FPS.get(self.model.device.type, VIDEO_FPS["cpu"])

    def plan(self, request: SceneRequest, exact_size: bool) -> Plan:
        """How much work a request is.

        Raises:
            RequestError: More than this machine can hold.
        """
        work = work_for(request, self.model, exact_size)
        pixels = work.frames * work.height * work.width
        if self.model.device.type == "cpu" and pixels > MOST_WORK_ON_CPU:
            asked = f"{work.frames} views of {work.height} x {work.width}"
            remedy = "ask for fewer frames or smaller pictures" + (", or leave exact_size out" if exact_size else "")
            raise RequestError([f"resolution: {asked} are more than a machine without a GPU can hold; {remedy}"])
        filmed = _num_pictures(request.frames, self.fps) * request.height * request.width
        return Plan(Amounts(pixels, filmed), work.note)

    def facts(self, plan: Plan) -> dict[str, Any]:
        """What a job's record says of who makes it, and how much work that is."""
        return {
            "model": self.model.name,
            "trained": self.model.trained,
            "note": plan.note,
            "work": plan.amounts.work,
            "filmed": plan.amounts.filmed,
        }

    def make(
        self, request: SceneRequest, exact_size: bool, folder: Path, preview: Callable[[int], Path], watch: Watch
    ) -> Summary:
        """Write all files of a request's scene into `folder`, and a light one after each step.

        Args:
            request: What to make.
            exact_size: Work at the request's own size.
            folder: Where `FILES` go.
            preview: The place of the light scene after a step.
            watch: Hears every bit of progress.

        Returns:
            What to remember of the scene.
        """
        steps = len(self.model.config.denoising_steps)
        seen: list[int] = []

        def tell(progress: Progress) -> None:
            stage = "prepare" if progress.step is None else progress.stage
            watch(JobProgress(stage, progress.step, steps, progress.done, progress.total, previews=tuple(seen)))

        for step in stream(request, self.model, exact_size=exact_size, rasteriser=self.rasteriser, report=tell):
            eye = step.scene.cameras.positions[request.image_index]
            light = lightened(step.scene.gaussians, PREVIEW_GAUSSIANS, eye)
            formats.save(light, preview(step.index))
            seen[:] = range(step.index + 1)  # steps begin again where memory ran out
            tell(Progress("encode", 1, 1, step.index))
            last = step
        after = JobProgress("write", None, steps, previews=tuple(seen))
        num_gaussians, seconds = self._write_all(last.scene, folder, watch, after)
        record = last.scene.record
        assert record.request.seed is not None
        return Summary(num_gaussians, record.request.seed, record.seconds | seconds, finished_at=time())

    def _write_all(self, scene: Scene, folder: Path, watch: Watch, after: JobProgress) -> tuple[int, dict[str, float]]:
        """Write every kind of file; return the number of Gaussians and the seconds taken."""
        started = perf_counter()
        report = _staged(watch, after, "write")
        num_gaussians = scene.save(folder / FILES["ply"], report=report)
        scene.save(folder / FILES["spz"], report=report)
        scene.record.save(folder / FILES["record"])
        visible = replace(scene, gaussians=scene.gaussians.pruned(MIN_VISIBLE_OPACITY))
        _write_thumbnail(visible, folder / FILES["thumbnail"], self.rasteriser)
        wrote = perf_counter()
        flight = resample(scene.cameras, torch.linspace(0, 1, _num_pictures(len(scene.cameras), self.fps)))
        report = _staged(watch, after, "film")
        views = visible.along(flight, rasteriser=self.rasteriser, report=report)
        pictures = (formats.to_uint8(view.colour[0]) for view in views)
        write_video(folder / FILES["mp4"], pictures, self.fps, len(flight))
        return num_gaussians, {"write": wrote - started, "film": perf_counter() - wrote}


def _staged(watch: Watch, after: JobProgress, stage: str) -> Report:
    """A report that tells everything as one stage."""
    return lambda progress: watch(replace(after, stage=stage, done=progress.done, total=progress.total))


def _num_pictures(frames: int, fps: int) -> int:
    shortest, longest = VIDEO_SECONDS
    return fps * min(max(round((frames - 1) / FRAMES_PER_SECOND_OF_PATH), shortest), longest)


def _write_thumbnail(scene: Scene, path: Path, rasteriser: str) -> None:
    """The scene from the camera of its picture, small."""
    width = min(THUMBNAIL_WIDTH, scene.width)
    height = max(1, round(scene.height * width / scene.width))
    index = scene.record.request.image_index
    camera = scene.cameras[index : index + 1]
    (view,) = replace(scene, height=height, width=width).along(camera, rasteriser=rasteriser)
    with published(path) as beside:
        Image.fromarray(formats.to_uint8(view.colour[0])).save(beside, format="JPEG", quality=85)
