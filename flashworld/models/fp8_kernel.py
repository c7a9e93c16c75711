"""Rows to E4M3 in one pass over memory, on CUDA: `fp8.quantise(rows, "row")` without its five passes."""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false, reportArgumentType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

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
def _quantise_row(values, quantised, inverse_scales, stride, num_columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < num_columns
    part = tl.load(values + row * stride + columns, mask=inside, other=0.0).to(tl.float32)
    store_quantised(part, row, columns, inside, quantised, inverse_scales, num_columns)


def quantise_rows(rows: Tensor) -> Quantised:
    """Rows [n, c] whose columns lie side by side: their E4M3 numbers [n, c] and inverse scales [n, 1]."""
    rows = rows if rows.stride(-1) == 1 else rows.contiguous()
    quantised = empty_quantised(len(rows), rows.shape[1], rows.device)
    launch = _quantise_row[(len(rows),)]
    launch(rows, *quantised, rows.stride(0), rows.shape[1], **row_launch(rows.shape[1]))
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
