"""The numba rasteriser as one differentiable torch operation over all views."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.events import Progress, Report
from flashworld.gaussians import Gaussians
from flashworld.rendering.numba_rasteriser.view import Images, Rasteriser, Scene, View
from flashworld.rendering.numba_rasteriser.workers import workers

Outputs = tuple[
    Float[Tensor, "views 3 height width"], Float[Tensor, "views height width"], Float[Tensor, "views height width"]
]


def device() -> str:
    """The type of device on which it works."""
    return "cpu"


def missing() -> str | None:
    """Nothing: numba comes with the package and runs everywhere."""
    return None


def render(
    gaussians: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    background: tuple[float, float, float],
    near: float,
    far: float,
    report: Report,
) -> Outputs:
    """Colour, alpha and depth of every view; tensors on the CPU. See `flashworld.rendering.render`."""
    views = [view_of(camera, height, width, near, far) for camera in cameras]
    parts = (gaussians.means, gaussians.quaternions, gaussians.scales, gaussians.opacities, gaussians.harmonics)
    return _Render.apply(views, height, width, background, report, *(part.float().contiguous() for part in parts))


def view_of(camera: Cameras, height: int, width: int, near: float, far: float) -> View:
    """One of our cameras as the kernels take it: OpenCV axes, pixels, and the Jacobian's limits."""
    camera = camera.to("cpu", torch.float64)
    rotation = (torch.tensor([[1.0], [-1.0], [-1.0]]) * camera.rotations.mT).flatten().tolist()
    fx, fy, cx, cy = (camera.intrinsics * torch.tensor([width, height] * 2)).tolist()
    margin_x, margin_y = 0.15 * width, 0.15 * height
    limits = (
        (-cx - margin_x) / fx, (width - cx + margin_x) / fx, (-cy - margin_y) / fy, (height - cy + margin_y) / fy
    )  # fmt: skip
    numbers = (*rotation, *camera.positions.tolist(), fx, fy, cx, cy, *limits)
    return View(tuple(map(np.float32, numbers)), height, width, np.float32(near), np.float32(far))


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        views: list[View],
        height: int,
        width: int,
        background: tuple[float, float, float],
        report: Report,
        *scene: Tensor,
    ) -> Outputs:
        colour = torch.empty(len(views), 3, height, width)
        alpha, depth = torch.empty(len(views), height, width), torch.empty(len(views), height, width)
        ground = tuple(map(np.float32, background))
        with workers() as team:
            rasteriser = Rasteriser(_scene(scene), team)
            for i, view in enumerate(views):
                report(Progress("render", i, len(views)))
                rasteriser.render(view, ground, _images((colour, alpha, depth), i))
        ctx.views = views
        ctx.save_for_backward(*scene, colour, alpha, depth)
        return colour, alpha, depth

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *v_outputs: Tensor) -> tuple[Tensor | None, ...]:
        scene, outputs = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        v_outputs = tuple(v_output.contiguous() for v_output in v_outputs)
        v_scene = tuple(torch.zeros_like(part) for part in scene)
        with workers() as team:
            rasteriser = Rasteriser(_scene(scene), team)
            for i, view in enumerate(ctx.views):
                rasteriser.backward(view, _images(outputs, i), _images(v_outputs, i), _scene(v_scene))
        return None, None, None, None, None, *v_scene


def _scene(parts: tuple[Tensor, ...]) -> Scene:
    return Scene(*(part.detach().numpy() for part in parts))


def _images(outputs: tuple[Tensor, ...], view: int) -> Images:
    return Images(*(output[view].detach().numpy() for output in outputs))
