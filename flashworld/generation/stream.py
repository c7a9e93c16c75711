"""From a request to a scene: the stages in their order.

request -> picture and cameras fitted to a size -> normalised world -> conditioning -> denoising -> the user's world
"""

import logging
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property, partial
from time import perf_counter

import torch
from PIL import Image

from flashworld.anchoring import decoder_for
from flashworld.cameras import Cameras, normalise, resample
from flashworld.cameras.views import from_fit
from flashworld.conditioning import Conditioning, PictureAt, condition
from flashworld.denoising import DenoiseStep, Schedule, denoise
from flashworld.errors import BackendError
from flashworld.events import Progress, Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.generation.memory import MemoryMeter
from flashworld.generation.record import Memory, Record, versions_here
from flashworld.generation.scene import Scene
from flashworld.generation.work import Work, plan_work
from flashworld.geometry import Similarity
from flashworld.models.model import Model
from flashworld.noise import Noise, seeded_noise
from flashworld.placement import thriftier
from flashworld.rendering import choose
from flashworld.request import Fit, SceneRequest, decode_picture, fit, sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GenerationStep:
    """One denoising step of a generation."""

    index: int
    num_steps: int
    _make: Callable[[], Scene] = field(repr=False)

    @cached_property
    def scene(self) -> Scene:
        """The world so far; after the last step, the result. Brought to the user's world when first asked for."""
        return self._make()

    @property
    def last(self) -> bool:
        """Whether this is the result."""
        return self.index == self.num_steps - 1


def generate(
    request: SceneRequest,
    model: Model,
    *,
    exact_size: bool = False,
    rasteriser: str = "auto",
    report: Report = ignore,
) -> Scene:
    """Make the scene of a request. Arguments as for `stream`."""
    for step in stream(request, model, exact_size=exact_size, rasteriser=rasteriser, report=report):
        last = step
    return last.scene


def stream(
    request: SceneRequest,
    model: Model,
    *,
    exact_size: bool = False,
    rasteriser: str = "auto",
    report: Report = ignore,
) -> Generator[GenerationStep, None, None]:
    """Yield the scene after each denoising step. Closing the iterator stops the work.

    A model whose plan runs out of memory takes up the next thriftier one, for good, and the steps begin again, once;
    the scene's record and a warning tell it.

    Args:
        request: What to make. Without a seed one is drawn; the scene's record tells it.
        model: What makes it, from `flashworld.load_model`.
        exact_size: Let the model work at the request's own resolution even if another suits it better.
        rasteriser: The one to use, or `auto`.
        report: Receives finer progress. It may raise `flashworld.errors.Cancelled`, which stops within a step.

    Raises:
        BackendError: There is not enough memory by the thriftier plan either.
    """
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    request = request.model_copy(update={"seed": seed})
    run = _Run(request, seed, model, exact_size, rasteriser, report)
    try:
        yield from run.steps()
        return
    except torch.OutOfMemoryError:
        failed = model.residence.plan
    # Here, not above: until the handler ends, the exception holds the failed run's tensors.
    following = thriftier(failed)
    if following is None:
        raise _out_of_memory(run)
    log.warning("Out of memory by plan %s; beginning again by plan %s.", failed.name, following.name)
    torch.cuda.empty_cache()
    model.residence.adopt(following)
    try:
        yield from run.steps(fell_back_from=failed.name)
        return
    except torch.OutOfMemoryError:
        pass
    raise _out_of_memory(run)


@dataclass(frozen=True)
class _Run:
    """Everything that decides a scene."""

    request: SceneRequest
    seed: int
    model: Model
    exact_size: bool
    rasteriser: str
    report: Report

    @property
    def work(self) -> Work:
        return work_for(self.request, self.model, self.exact_size)

    def steps(self, fell_back_from: str | None = None) -> Generator[GenerationStep, None, None]:
        """Make the scene by the plan of the moment."""
        model, work = self.model, self.work
        meter = MemoryMeter(model, (work.frames, work.height, work.width), fell_back_from)
        started = perf_counter()
        prepared = _prepare(self.request, self.seed, model, work, self.report)
        seconds = {"prepare": perf_counter() - started}
        steps = denoise(
            model.denoiser,
            decoder_for(model.decoder, model.config.anchored, [prepared.picture]),
            model.autoencoder,
            prepared.conditioning,
            Schedule.flow(model.config.denoising_steps, model.config.shift),
            [prepared.noise],
            feature_channels=model.config.feature_channels,
            rasteriser=self.rasteriser,
            views_at_once=model.residence.plan.views_at_once,
            report=self.report,
        )
        for step in steps:
            for stage, duration in step.seconds.items():
                seconds[stage] = seconds.get(stage, 0) + duration
            record = self._record(work, dict(seconds), meter.read())
            yield GenerationStep(step.index, step.num_steps, partial(_scene, step, prepared, self.request, record))

    def _record(self, work: Work, seconds: dict[str, float], memory: Memory | None) -> Record:
        model = self.model
        return Record(
            request=self.request,
            model=model.name,
            weights=model.weights,
            trained=model.trained,
            exact_size=self.exact_size,
            work=(work.frames, work.height, work.width),
            device=model.device.type,
            dtype=str(model.dtype).removeprefix("torch."),
            rasteriser=choose(self.rasteriser, model.device),
            versions=versions_here(),
            seconds=seconds,
            memory=memory,
        )


def _out_of_memory(run: _Run) -> BackendError:
    work, plan = run.work, run.model.residence.plan
    return BackendError(
        f"{run.model.device} ran out of memory for {work.frames} views of {work.width}x{work.height} pixels by plan "
        f"{plan.name}: ask for fewer frames or a lower resolution, for a thriftier --plan, or for --model tiny."
    )


def work_for(request: SceneRequest, model: Model, exact_size: bool) -> Work:
    """The size and views at which `model` will work on `request`."""
    native = None if exact_size else model.config.native
    return plan_work(request.resolution, request.image_index, native, model.config.size_multiple, model.name)


@dataclass(frozen=True)
class _Prepared:
    """What the loop needs, and what brings its scene home: the request's path and the way back to its world."""

    conditioning: Conditioning
    picture: PictureAt | None
    noise: Noise
    path: Cameras
    world_from_model: Similarity


def _prepare(request: SceneRequest, seed: int, model: Model, work: Work, report: Report) -> _Prepared:
    picture, fitted = _fit_picture(request)
    path = _path(request, fitted)
    views = path if work.frames == request.frames else resample(path, work.positions)
    cameras, world_from_model = normalise(Cameras.from_vectors(views.vectors()[None]))

    pixels = None
    if picture is not None:
        assert fitted.box is not None
        pixels = PictureAt(torch.from_numpy(sample(picture, fitted.box, (work.height, work.width))), work.picture_view)
    noise = seeded_noise(seed)
    grid = (model.config.autoencoder.z_dim, work.height // 16, work.width // 16)
    report(Progress("text", 0, 1))
    text = model.text_encoder([request.text_prompt]).to(model.device)
    report(Progress("text", 1, 1))
    conditioning = condition(model.autoencoder, text, [pixels], cameras.to(model.device), grid, [noise], report)
    return _Prepared(conditioning, pixels, noise, path, world_from_model[0])


def path_of(request: SceneRequest) -> Cameras:
    """The path of a request in its own world: one camera a frame, fitted to the picture and the resolution."""
    return _path(request, _fit_picture(request)[1])


def _fit_picture(request: SceneRequest) -> tuple[Image.Image | None, Fit]:
    data = request.picture_bytes
    picture = None if data is None else decode_picture(data)
    size = None if picture is None else (picture.height, picture.width)
    return picture, fit(size, request.cameras, (request.height, request.width))


def _path(request: SceneRequest, fitted: Fit) -> Cameras:
    sent = from_fit(fitted)
    return sent if len(sent) == request.frames else resample(sent, torch.linspace(0, 1, request.frames))


def _scene(step: DenoiseStep, prepared: _Prepared, request: SceneRequest, record: Record) -> Scene:
    gaussians: Gaussians = step.gaussians[0]
    return Scene(
        gaussians=gaussians.transformed(prepared.world_from_model),
        cameras=prepared.path,
        height=request.height,
        width=request.width,
        unit=prepared.world_from_model.scale.item(),
        record=record,
    )
