"""Raw network output becomes physical Gaussians. This is the only place where it does."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians

MAX_SCALE = 16.0
"""Largest standard deviation of a Gaussian, in pixels."""


class GaussianHead(nn.Module):
    """A convolution to 38 raw numbers per point, then their activation along the pixel's ray.

    `lrs_mul` multiplies weights and biases per output channel; it stands for the learning rates that the published
    weights were trained with.
    """

    lrs_mul: Tensor

    def __init__(self, in_channels: int, points_per_pixel: int, sh_degree: int):
        super().__init__()
        self.points = points_per_pixel
        self.num_harmonics = 3 * (sh_degree + 1) ** 2
        # Harmonics, offset on the picture, log distance, opacity, scales, quaternion.
        self.channels = [self.num_harmonics, 2, 1, 1, 3, 4]
        num_raw = points_per_pixel * sum(self.channels)
        self.gs_proj = nn.Conv2d(in_channels, num_raw, 3, padding=1)
        self.register_buffer("lrs_mul", torch.tensor(self.learning_rates() * points_per_pixel))

    def learning_rates(self) -> list[float]:
        """Multiplier of each of one point's raw channels."""
        return [1.0] * 3 + [0.5] * (self.num_harmonics - 3) + [0.01] * 2 + [1.0] * 9

    def forward(self, x: Float[Tensor, "frames c h w"], cameras: Cameras) -> Gaussians:
        """Gaussians [frames, n], n in the order point, row, column, in the world of `cameras` [frames]."""
        height, width = x.shape[-2:]
        weight, bias = (p * self.lrs_mul.view(-1, *[1] * (p.ndim - 1)) for p in self.gs_proj.parameters())
        # The head is float32 in every model: in bfloat16 a ray would be off by whole pixels.
        raw = nn.functional.conv2d(x.float(), weight, bias, padding=1)
        raw = rearrange(raw, "f (p c) h w -> (f p) h w c", p=self.points)
        colours, offsets, log_distance, opacity, scales, quaternions = raw.split(self.channels, dim=-1)
        cameras = cameras.to(x.device, torch.float32)
        per_point = cameras[torch.arange(len(x), device=x.device).repeat_interleave(self.points)]
        origins, directions = cast_rays(per_point, height, width, offsets)
        distance = log_distance.exp()
        pixel = distance * _pixel_size(per_point, height, width)
        gaussians = Gaussians(
            means=origins + distance * directions,
            quaternions=nn.functional.normalize(quaternions, dim=-1),
            scales=MAX_SCALE * scales.sigmoid() * pixel,
            opacities=opacity.sigmoid().squeeze(-1),
            harmonics=colours.unflatten(-1, (-1, 3)),
        )
        return _flatten_frames(gaussians, self.points)


def _pixel_size(cameras: Cameras, height: int, width: int) -> Float[Tensor, "n 1 1 1"]:
    """What the published model calls a pixel's size at distance 1: it grows with the focal length instead of shrinking.

    The weights were trained with it.
    """
    fx, fy = cameras.intrinsics[..., 0] / width, cameras.intrinsics[..., 1] / height
    return torch.hypot(fx, fy)[:, None, None, None]


def _flatten_frames(gaussians: Gaussians, points: int) -> Gaussians:
    """Fields [(f p), h, w, ...] to [f, (p h w), ...]."""
    return Gaussians(
        *(
            rearrange(values, "(f p) h w ... -> f (p h w) ...", p=points)
            for values in (
                gaussians.means,
                gaussians.quaternions,
                gaussians.scales,
                gaussians.opacities,
                gaussians.harmonics,
            )
        )
    )
