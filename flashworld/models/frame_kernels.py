"""What stands between the convolutions of pictures, each in one pass over memory. Triton, for CUDA.

A pixel's channels lie side by side; a program takes some pixels and holds them in registers, in float32.
"""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false, reportArgumentType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from flashworld.models.kernels import on_its_device

VALUES_AT_ONCE = 2048


@triton.jit
def _norm_silu(
    pixels, biases, gammas, result, num_pixels, num_channels, eps, PIXELS: tl.constexpr, BLOCK: tl.constexpr
):
    rows = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    columns = tl.arange(0, BLOCK)
    there = columns < num_channels
    places = rows[:, None] * num_channels + columns[None, :]
    inside = (rows < num_pixels)[:, None] & there[None, :]
    x = tl.load(pixels + places, mask=inside, other=0.0).to(tl.float32)
    if biases is not None:
        x += tl.load(biases + columns, mask=there, other=0.0).to(tl.float32)[None, :]
    gamma = tl.load(gammas + columns, mask=there, other=0.0).to(tl.float32)
    mean_square = tl.sum(x * x, axis=1) / num_channels
    x = x * tl.rsqrt(mean_square + eps)[:, None] * gamma[None, :]
    x = x / (1.0 + tl.exp(-x))
    tl.store(result + places, x.to(result.dtype.element_ty), mask=inside)


@triton.jit
def _add_biased(
    pixels, biases, others, result, num_pixels, num_channels, PIXELS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    columns = tl.arange(0, BLOCK)
    there = columns < num_channels
    places = rows[:, None] * num_channels + columns[None, :]
    inside = (rows < num_pixels)[:, None] & there[None, :]
    x = tl.load(pixels + places, mask=inside, other=0.0).to(tl.float32)
    x += tl.load(biases + columns, mask=there, other=0.0).to(tl.float32)[None, :]
    x += tl.load(others + places, mask=inside, other=0.0).to(tl.float32)
    tl.store(result + places, x.to(result.dtype.element_ty), mask=inside)


@triton.jit
def _interleave(
    parts, biases, coarse, fine, num_fine, height, width, num_coarse_channels, num_channels, frames, repeats,
    PIXELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixels = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    channels = tl.arange(0, BLOCK)
    there = channels < num_channels
    inside = (pixels < num_fine)[:, None] & there[None, :]
    x = pixels % (2 * width)
    y = pixels // (2 * width) % (2 * height)
    picture = pixels // (4 * height * width)
    corner = 2 * (y % 2) + x % 2
    part = (picture * (height + 1) + y // 2 + y % 2) * (width + 1) + x // 2 + x % 2
    values = tl.load(parts + (4 * part + corner)[:, None] * num_channels + channels[None, :], mask=inside, other=0.0)
    bias = tl.load(biases + channels, mask=there, other=0.0).to(tl.float32)
    under = (picture * height + y // 2) * width + x // 2
    source = (4 * frames * (channels[None, :] + 1) - 4 + corner[:, None]) // repeats
    shortcut = tl.load(coarse + under[:, None] * num_coarse_channels + source, mask=inside, other=0.0)
    values = values.to(tl.float32) + bias[None, :] + shortcut.to(tl.float32)
    tl.store(fine + pixels[:, None] * num_channels + channels[None, :], values.to(fine.dtype.element_ty), mask=inside)


@on_its_device
def interleave(parts: Tensor, bias: Tensor, coarse: Tensor, frames: int, repeats: int) -> Tensor:
    """The end of an upsampling block: fine pixels put together from their parts, with bias and shortcut.

    Args:
        parts: As `FrameUpsample.parts` makes them without a bias, channels last: [n, h + 1, w + 1, 4 * d].
        bias: [d].
        coarse: What the shortcut spreads over the fine pixels, [n, h, w, c].
        frames: Among which it also spreads; the newest is made.
        repeats: How often it repeats each channel before.

    Returns:
        [n, 2 * h, 2 * w, d].
    """
    n, height, width, num_coarse_channels = coarse.shape
    fine = torch.empty(n, 2 * height, 2 * width, len(bias), dtype=parts.dtype, device=parts.device)
    pixels = fine.view(-1, len(bias))
    launch, options = _launch(pixels)
    _interleave[launch](
        parts, bias, coarse, fine, len(pixels), height, width, num_coarse_channels, len(bias), frames, repeats,
        **options,
    )  # fmt: skip
    return fine


@on_its_device
def norm_silu(pixels: Tensor, gamma: Tensor, eps: float, bias: Tensor | None = None) -> Tensor:
    """`silu(rms_norm(pixels + bias) * gamma)`.

    Args:
        pixels: [n, c], contiguous.
        gamma: [c].
        eps: Added to the mean square.
        bias: [c].
    """
    result = torch.empty_like(pixels)
    launch, options = _launch(pixels)
    _norm_silu[launch](pixels, bias, gamma, result, *pixels.shape, eps, **options)
    return result


@on_its_device
def add_biased(pixels: Tensor, bias: Tensor, others: Tensor) -> Tensor:
    """`pixels + bias + others`: [n, c] and contiguous, the bias [c]."""
    result = torch.empty_like(pixels)
    launch, options = _launch(pixels)
    _add_biased[launch](pixels, bias, others, result, *pixels.shape, **options)
    return result


def _launch(pixels: Tensor) -> tuple[tuple[int], dict[str, int]]:
    block = triton.next_power_of_2(pixels.shape[1])
    at_once = max(1, VALUES_AT_ONCE // block)
    return (triton.cdiv(len(pixels), at_once),), {"PIXELS": at_once, "BLOCK": block}
