"""The rasteriser of the optional package gsplat, on CUDA, set to the semantics of ours."""

import importlib.util

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.events import Progress, Report
from flashworld.gaussians import Gaussians


def device() -> str:
    """The type of device on which it works."""
    return "cuda"


def missing() -> str | None:
    """What gsplat needs and this machine lacks, with the remedy; None if it can be used.

    Where gsplat was installed without its compiled part, asking makes it compile that, which takes minutes, once.
    """
    if not torch.cuda.is_available():
        return "torch sees no CUDA device. Use a machine with an NVIDIA GPU and a CUDA build of torch."
    if importlib.util.find_spec("gsplat") is None:
        return "the package gsplat is not installed. Run: pip install gsplat"
    try:
        from gsplat.cuda import _backend  # type: ignore[reportMissingImports]
    except (ImportError, OSError, RuntimeError) as error:
        return (
            f"gsplat's CUDA code does not load ({error}). Install a build of gsplat made for torch {torch.__version__}."
        )
    if _backend._C is None:
        return "gsplat found no CUDA compiler to build its code with. Install the CUDA toolkit, or a prebuilt gsplat."
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
) -> tuple[
    Float[Tensor, "views 3 height width"], Float[Tensor, "views height width"], Float[Tensor, "views height width"]
]:
    """Colour, alpha and depth of every view; tensors on a CUDA device. See `flashworld.rendering.render`."""
    from gsplat import rasterization  # type: ignore[reportMissingImports]

    report(Progress("render", 0, len(cameras)))
    gaussians = gaussians.to(torch.float32)
    gaussians = gaussians[torch.isfinite(gaussians.vectors()).all(-1)]
    if len(gaussians) == 0 or len(cameras) == 0:
        ground = gaussians.means.new_tensor(background)[:, None, None]
        empty = gaussians.means.new_zeros(len(cameras), height, width)
        return ground + empty[:, None].expand(-1, 3, -1, -1), empty, empty.clone()
    images, alpha, _ = rasterization(
        gaussians.means,
        gaussians.quaternions,
        gaussians.scales,
        gaussians.opacities,
        gaussians.harmonics,
        camera_from_world(cameras),
        intrinsic_matrices(cameras, height, width),
        width,
        height,
        near_plane=near,
        far_plane=far,
        eps2d=0.3,
        sh_degree=gaussians.degree,
        packed=False,
        backgrounds=gaussians.means.new_tensor(background).expand(len(cameras), 3),
        render_mode="RGB+D",
        rasterize_mode="classic",
    )
    return images[..., :3].movedim(-1, 1), alpha.squeeze(-1), images[..., 3]


def camera_from_world(cameras: Cameras) -> Float[Tensor, "views 4 4"]:
    """Transforms from the world to camera axes as OpenCV has them: x right, y down, z forward."""
    cameras = cameras.to(torch.float64)
    rotation = cameras.positions.new_tensor([[1.0], [-1.0], [-1.0]]) * cameras.rotations.mT
    matrix = torch.eye(4).to(rotation).repeat(len(cameras), 1, 1)
    matrix[:, :3, :3] = rotation
    matrix[:, :3, 3] = -(rotation @ cameras.positions[..., None]).squeeze(-1)
    return matrix.float()


def intrinsic_matrices(cameras: Cameras, height: int, width: int) -> Float[Tensor, "views 3 3"]:
    """Projections in pixels."""
    fx, fy, cx, cy = (cameras.intrinsics.float() * cameras.intrinsics.new_tensor([width, height] * 2)).unbind(-1)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    return torch.stack([fx, zero, cx, zero, fy, cy, zero, zero, one], dim=-1).unflatten(-1, (3, 3))
