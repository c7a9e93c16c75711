"""What stands between the convolutions of pictures, each in one pass over memory. Triton, for CUDA.

A pixel's channels lie side by side; a program takes some pixels and holds them in registers, in float32.
"""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false, reportArgumentType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

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
