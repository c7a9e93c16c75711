"""`render`: Gaussians to pictures, by whichever rasteriser fits the machine."""

import functools
import importlib
import logging
from dataclasses import dataclass, fields
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.errors import BackendError
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians

logger = logging.getLogger(__name__)

NEAR, FAR = 0.01, 1000.0
"""z-depths between which Gaussians are drawn, in units of the scene."""


@dataclass(frozen=True)
class Rendering:
    """Pictures of a scene from `views` cameras, or of a batch of scenes.

    `colour` is blended over the background and is not clamped (harmonics can exceed 1); `alpha` is one minus the
    remaining transmittance; `depth` is z-depth blended with the same weights, neither normalised nor filled.
    """

    colour: Float[Tensor, "*batch views 3 height width"]
    alpha: Float[Tensor, "*batch views height width"]
    depth: Float[Tensor, "*batch views height width"]


_RASTERISERS = {
    "numba": "flashworld.rendering.numba_rasteriser",
    "triton": "flashworld.rendering.triton_rasteriser",
    "gsplat": "flashworld.rendering.gsplat_rasteriser",
}
"""Modules, in the order in which the automatic choice prefers them; each is imported when it is first asked for.

A module has `device()`, the type of device on which it works; `render`, which takes what `render` below takes, on that
device and by position, and returns colour, alpha and depth; and `missing()`, which returns None or what this machine
lacks and how to mend it. One that can draw several scenes together has `render_batch`, too, which takes scenes [b, n],
as many cameras for each, one after another, and the rest but for the report.
"""


def render(
    gaussians: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    near: float = NEAR,
    far: float = FAR,
    rasteriser: str = "auto",
    report: Report = ignore,
) -> Rendering:
    """Render one scene from every camera of a path.

    Args:
        gaussians: One scene [n]; harmonics of degree 0 to 3. Quaternions are normalised here. Gaussians with a value
            that is not finite are left out.
        cameras: A path [views].
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        background: Red, green and blue seen where the scene lets light through.
        near: Gaussians whose centre has a smaller z-depth are left out.
        far: Gaussians whose centre has a larger z-depth are left out.
        rasteriser: A name from `available()`, or "auto": the first usable one that works on the scene's device, else
            `numba` on a copy in the host's memory.
        report: Receives progress before each view where views are drawn one after another, as on the CPU, and once
            where they are drawn together. It may raise `flashworld.errors.Cancelled`.

    Returns:
        The pictures, on the scene's device, in float32. They are differentiable with respect to every tensor of
        `gaussians` (first derivatives), not with respect to `cameras`.

    Raises:
        BackendError: The named rasteriser does not exist or is not usable on this machine.
    """
    source = gaussians.means.device
    chosen = _module(choose(rasteriser, source))
    device = source if source.type == chosen.device() else torch.device(chosen.device())
    outputs = chosen.render(gaussians.to(device), cameras.to(device), height, width, background, near, far, report)
    return Rendering(*(output.to(source) for output in outputs))


def render_batch(
    scenes: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    near: float = NEAR,
    far: float = FAR,
    rasteriser: str = "auto",
) -> Rendering:
    """Render scenes [b, n], each from cameras of its own [b, views]: the same pictures as `render` makes of each.

    The Triton rasteriser draws them together: of small scenes, as in training, launches cost more than pictures.
    """
    each = range(len(scenes.opacities))
    assert len(each) > 0, "there are no scenes to render"
    device = scenes.means.device
    chosen = _module(choose(rasteriser, device))
    if not hasattr(chosen, "render_batch") or device.type != chosen.device():
        kept = {"background": background, "near": near, "far": far, "rasteriser": rasteriser}
        rows = [render(scenes[i], cameras[i], height, width, **kept) for i in each]
        return Rendering(*(torch.stack([getattr(row, field.name) for row in rows]) for field in fields(Rendering)))
    together = Cameras.from_vectors(cameras.vectors().flatten(0, 1))
    outputs = chosen.render_batch(scenes, together, height, width, background, near, far)
    return Rendering(*(output.unflatten(0, (len(each), -1)) for output in outputs))


def available() -> dict[str, str | None]:
    """Every rasteriser by name, with None if it is usable on this machine, else what is missing and how to mend it."""
    return {name: _module(name).missing() for name in _RASTERISERS}


def choose(name: str, device: torch.device) -> str:
    """The rasteriser that `render` takes for tensors on `device`: `name` itself, unless that is "auto".

    Raises:
        BackendError: The named rasteriser does not exist or is not usable on this machine.
    """
    if name == "auto":
        return _automatic(device.type)
    if name not in _RASTERISERS:
        raise BackendError(f"There is no rasteriser {name!r}. Choose one of: auto, {', '.join(_RASTERISERS)}.")
    if (missing := _missing(name)) is not None:
        raise BackendError(f"The rasteriser {name!r} cannot be used: {missing} Or choose 'auto'.")
    return name


@functools.cache
def _missing(name: str) -> str | None:
    """What this machine lacks for a rasteriser that is asked for by name; looked up once."""
    return _module(name).missing()


@functools.cache
def _automatic(device: str) -> str:
    """The automatic choice for tensors on a type of device; made, and logged, once."""
    reasons = []
    for name in _RASTERISERS:
        module = _module(name)
        if module.device() != device:
            continue
        missing = module.missing()
        if missing is None:
            logger.info("Rasteriser for %s: %s.", device, name)
            return name
        reasons.append(f"{name}: {missing}")
    logger.info("Rasteriser for %s: numba, on copies in host memory. %s", device, " ".join(reasons))
    return "numba"


def _module(name: str) -> ModuleType:
    return importlib.import_module(_RASTERISERS[name])
