"""Cameras as the kernels take them."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportMissingImports=false

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.rendering.triton_rasteriser.geometry import CAMERA, rotation

_MARGIN = tl.constexpr(0.15)


def camera_numbers(cameras: Cameras, height: int, width: int) -> Float[Tensor, "views 20"]:
    """The numbers of `geometry.load_camera` for every camera; in one kernel, for torch would launch seventy."""
    vectors = cameras.vectors()
    numbers = torch.empty(len(cameras), CAMERA.value, dtype=torch.float32, device=vectors.device)
    _camera_kernel[(len(cameras),)](vectors, height, width, numbers, num_warps=1, enable_fp_fusion=False)
    return numbers


@triton.jit(do_not_specialize=["height", "width"])
def _camera_kernel(vectors, height, width, numbers):
    """One camera, in float64: quaternion, position and normalised intrinsics to OpenCV axes and pixels."""
    view = tl.program_id(0)
    row = ()
    for k in tl.static_range(11):
        row += (tl.load(vectors + view * 11 + k).to(tl.float64),)
    r = rotation((row[0], row[1], row[2], row[3]))
    width, height = width.to(tl.float64), height.to(tl.float64)
    fx, fy, cx, cy = row[7] * width, row[8] * height, row[9] * width, row[10] * height
    values = (
        r[0], r[3], r[6], -r[1], -r[4], -r[7], -r[2], -r[5], -r[8], row[4], row[5], row[6], fx, fy, cx, cy,
        (-cx - width * _MARGIN) / fx, (width - cx + width * _MARGIN) / fx,
        (-cy - height * _MARGIN) / fy, (height - cy + height * _MARGIN) / fy,
    )  # fmt: skip
    for k in tl.static_range(CAMERA):
        tl.store(numbers + view * CAMERA + k, values[k].to(tl.float32))
