"""The rasteriser's oracle: slow, dense, float64, and short enough to be checked by eye."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.geometry import harmonics, matrix_from_quaternion
from flashworld.rendering import Rendering


def render_reference(
    gaussians: Gaussians,
    cameras: Cameras,
    height: int,
    width: int,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    near: float = 0.01,
    far: float = 1000.0,
) -> Rendering:
    """What `flashworld.rendering.render` must return, in float64 and differentiable by plain autograd.

    Every Gaussian is evaluated at every pixel, so time and memory grow with Gaussians x pixels: for small scenes only.
    """
    gaussians = gaussians.to(torch.float64)
    gaussians = gaussians[torch.isfinite(gaussians.vectors()).all(-1) & (gaussians.quaternions != 0).any(-1)]
    cameras = cameras.to(torch.float64)
    ground = gaussians.means.new_tensor(background)
    views = [_render_view(gaussians, camera, height, width, ground, near, far) for camera in cameras]
    colour, alpha, depth = (torch.stack(images) for images in zip(*views, strict=True))
    return Rendering(colour.movedim(-1, 1), alpha, depth)


def _render_view(
    gaussians: Gaussians,
    camera: Cameras,
    height: int,
    width: int,
    background: Float[Tensor, "3"],
    near: float,
    far: float,
) -> tuple[Float[Tensor, "height width 3"], Float[Tensor, "height width"], Float[Tensor, "height width"]]:
    points = _to_opencv(gaussians.means, camera)
    order = points[:, 2].float().sort(stable=True).indices
    kept = (points[:, 2] >= near) & (points[:, 2] <= far) & (gaussians.opacities >= 1 / 255)
    order = order[kept[order]]
    gaussians, points = gaussians[order], points[order]
    centres, covariances = _project(gaussians, points, camera, height, width)
    colours = _colours(gaussians, camera)

    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([x, y], dim=-1).to(points)
    colour = torch.zeros(height, width, 3).to(points)
    depth = torch.zeros(height, width).to(points)
    transmittance = torch.ones(height, width).to(points)
    ended: Bool[Tensor, "height width"] = torch.zeros(height, width, dtype=torch.bool, device=points.device)
    for i in range(len(gaussians)):
        offset = pixels - centres[i]
        sigma = 0.5 * (offset @ torch.linalg.inv(covariances[i]) * offset).sum(-1)
        alpha = (gaussians.opacities[i] * torch.exp(-sigma)).clamp(max=0.999)
        after = transmittance * (1 - alpha)
        reached = (alpha >= 1 / 255) & ~ended
        ended = ended | (reached & (after <= 1e-4))
        blended = reached & ~ended
        weight = torch.where(blended, transmittance * alpha, torch.zeros_like(alpha))
        colour = colour + weight[..., None] * colours[i]
        depth = depth + weight * points[i, 2]
        transmittance = torch.where(blended, after, transmittance)
    return colour + transmittance[..., None] * background, 1 - transmittance, depth


def _to_opencv(points: Float[Tensor, "n 3"], camera: Cameras) -> Float[Tensor, "n 3"]:
    """World points in camera axes x right, y down, z forward."""
    return (points - camera.positions) @ camera.rotations * points.new_tensor([1, -1, -1])


def _project(
    gaussians: Gaussians, points: Float[Tensor, "n 3"], camera: Cameras, height: int, width: int
) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n 2 2"]]:
    """Centres in pixels and covariances in square pixels (Zwicker et al., EWA Splatting, with the blur of 0.3)."""
    size = points.new_tensor([width, height])
    focal, centre = camera.intrinsics[:2] * size, camera.intrinsics[2:] * size
    z = points[:, 2:]
    slopes = points[:, :2] / z
    margin = 0.15 * size
    clamped = slopes.clamp((-centre - margin) / focal, (size - centre + margin) / focal)
    jacobian = torch.cat([torch.diag_embed(focal / z), (-focal * clamped / z)[..., None]], dim=-1)
    view = camera.rotations.mT * points.new_tensor([1, -1, -1])[:, None]
    axes = jacobian @ view @ matrix_from_quaternion(gaussians.quaternions) * gaussians.scales[:, None, :]
    return focal * slopes + centre, axes @ axes.mT + 0.3 * torch.eye(2).to(points)


def _colours(gaussians: Gaussians, camera: Cameras) -> Float[Tensor, "n 3"]:
    directions = torch.nn.functional.normalize(gaussians.means - camera.positions, dim=-1)
    basis = harmonics.basis(directions, gaussians.degree)
    return (0.5 + torch.einsum("nk,nkc->nc", basis, gaussians.harmonics)).clamp(min=0)
