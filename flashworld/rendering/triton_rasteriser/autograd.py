"""The Triton rasteriser as one differentiable torch operation over all views."""

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.events import Progress, Report
from flashworld.gaussians import Gaussians

Outputs = tuple[
    Float[Tensor, "views 3 height width"], Float[Tensor, "views height width"], Float[Tensor, "views height width"]
]


def device() -> str:
    """The type of device on which it works: `cuda`, or `cpu` in Triton's interpreter (slow, for tests)."""
    return "cpu" if _interpreted() else "cuda"


def missing() -> str | None:
    """What Triton needs and this machine lacks, with the remedy; None if it can be used."""
    if importlib.util.find_spec("triton") is None:
        return "the package triton is not installed. Run: pip install triton"
    if not _interpreted() and not torch.cuda.is_available():
        return "torch sees no CUDA device. Use a machine with an NVIDIA GPU and a CUDA build of torch."
    if not (_interpreted() or os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        return "Triton starts its kernels through a few lines of C, and there is no compiler for C. Install gcc."
    if not (_interpreted() or (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file()):
        return "Triton starts its kernels through a few lines of C, which need Python.h. Install Python's headers."
    return None


def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET", "0") not in ("", "0")


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
    """Colour, alpha and depth of every view; tensors on a CUDA device. See `flashworld.rendering.render`."""
    report(Progress("render", 0, len(cameras)))
    return render_batch(gaussians[None], cameras, height, width, background, near, far)


def render_batch(
    scenes: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    background: tuple[float, float, float],
    near: float,
    far: float,
) -> Outputs:
    """The same of scenes [b, n] that are drawn together; the first len(cameras) / b cameras are the first scene's."""
    from flashworld.rendering.triton_rasteriser.camera import camera_numbers

    parts = (scenes.means, scenes.quaternions, scenes.scales, scenes.opacities, scenes.harmonics)
    with torch.cuda.device_of(scenes.means):
        numbers = camera_numbers(cameras, height, width)
    return _Render.apply(
        numbers,
        height,
        width,
        float(near),
        float(far),
        tuple(map(float, background)),
        *(part.float().contiguous() for part in parts),
    )


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cameras: Tensor,
        height: int,
        width: int,
        near: float,
        far: float,
        background: tuple[float, float, float],
        *scene: Tensor,
    ) -> Outputs:
        from flashworld.rendering.triton_rasteriser import passes

        views = passes.Views(cameras, len(cameras) // len(scene[0]), height, width, near, far)
        images = passes.Images(
            cameras.new_empty(len(cameras), 3, height, width),
            cameras.new_empty(len(cameras), height, width),
            cameras.new_empty(len(cameras), height, width),
        )
        with torch.no_grad(), torch.cuda.device_of(cameras):
            passes.render(passes.Scene(*scene), views, background, images)
        ctx.views = views
        outputs = (images.colour, images.alpha, images.depth)
        ctx.save_for_backward(*scene, *outputs)
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *v_outputs: Tensor) -> tuple[Tensor | None, ...]:
        from flashworld.rendering.triton_rasteriser import passes

        scene, outputs = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        v_scene = tuple(torch.empty_like(part) for part in scene)
        v_images = passes.Images(*(v_output.contiguous() for v_output in v_outputs))
        with torch.cuda.device_of(scene[0]):
            passes.backward(passes.Scene(*scene), ctx.views, passes.Images(*outputs), v_images, passes.Scene(*v_scene))
        return None, None, None, None, None, None, *v_scene
