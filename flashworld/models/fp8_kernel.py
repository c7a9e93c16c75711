"""Rows to E4M3 in one pass over memory, on CUDA: `fp8.quantise(rows, "row")` without its five passes."""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false, reportArgumentType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from flashworld.models.kernels import on_its_device

COLUMNS_AT_ONCE = 2048

Quantised = tuple[Tensor, Tensor]
"""Rows [n, c] in E4M3, and the factors [n, 1] that undo their scaling."""


@triton.jit
def store_quantised(values, row, columns, inside, quantised, inverse_scales, num_columns):
    """What a kernel calls that has a whole row, float32 and zero outside, at hand."""
    scale = 448.0 / tl.maximum(tl.max(tl.abs(values), axis=0), 1e-12)
    scaled = tl.minimum(tl.maximum(values * scale, -448.0), 448.0)
    tl.store(quantised + row * num_columns + columns, scaled.to(tl.float8e4nv), mask=inside)
    tl.store(inverse_scales + row, 1.0 / scale)


@triton.jit
def _quantise_row(
    values, quantised, inverse_scales, stride, num_columns, BLOCK: tl.constexpr
):  # a program is a row; the second look at it comes out of the cache
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    largest = tl.zeros([BLOCK], tl.float32)
    for start in range(0, num_columns, BLOCK):
        inside = start + columns < num_columns
        part = tl.load(values + row * stride + start + columns, mask=inside, other=0.0)
        largest = tl.maximum(largest, tl.abs(part.to(tl.float32)))
    scale = 448.0 / tl.maximum(tl.max(largest, axis=0), 1e-12)
    for start in range(0, num_columns, BLOCK):
        inside = start + columns < num_columns
        part = tl.load(values + row * stride + start + columns, mask=inside, other=0.0).to(tl.float32) * scale
        part = tl.minimum(tl.maximum(part, -448.0), 448.0)
        tl.store(quantised + row * num_columns + start + columns, part.to(tl.float8e4nv), mask=inside)
    tl.store(inverse_scales + row, 1.0 / scale)


@on_its_device
def quantise_rows(rows: Tensor) -> Quantised:
    """Rows [n, c] whose columns lie side by side: their E4M3 numbers [n, c] and inverse scales [n, 1]."""
    rows = rows if rows.stride(-1) == 1 else rows.contiguous()
    quantised = empty_quantised(len(rows), rows.shape[1], rows.device)
    launch = _quantise_row[(len(rows),)]
    launch(rows, *quantised, rows.stride(0), rows.shape[1], BLOCK=COLUMNS_AT_ONCE, num_warps=8)
    return quantised


def empty_quantised(num_rows: int, num_columns: int, device: torch.device) -> Quantised:
    """Memory for what a kernel stores."""
    return (
        torch.empty(num_rows, num_columns, dtype=torch.float8_e4m3fn, device=device),
        torch.empty(num_rows, 1, dtype=torch.float32, device=device),
    )


def row_launch(num_columns: int) -> dict[str, int]:
    """How to launch a program that holds a row in its registers: some sixteen to thirty-two numbers a thread."""
    block = triton.next_power_of_2(num_columns)
    return {"BLOCK": block, "num_warps": min(16, max(1, block // 512))}
