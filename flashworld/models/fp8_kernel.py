"""Rows to E4M3 in one pass over memory, on CUDA: `fp8.quantise(rows, "row")` without its five passes."""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false

import torch
import triton
import triton.language as tl
from torch import Tensor

COLUMNS_AT_ONCE = 2048


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


def quantise_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [n, c] whose columns lie side by side: their E4M3 numbers [n, c] and inverse scales [n, 1]."""
    rows = rows if rows.stride(-1) == 1 else rows.contiguous()
    quantised = torch.empty(rows.shape, dtype=torch.float8_e4m3fn, device=rows.device)
    inverse_scales = rows.new_empty(len(rows), 1, dtype=torch.float32)
    launch = _quantise_row[(len(rows),)]
    launch(rows, quantised, inverse_scales, rows.stride(0), rows.shape[1], BLOCK=COLUMNS_AT_ONCE, num_warps=8)
    return quantised, inverse_scales
