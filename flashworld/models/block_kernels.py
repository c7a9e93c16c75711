"""What a transformer block does between its products, each in one pass over memory. Triton, for CUDA.

A program takes a token and holds its whole row in registers, in float32. Letters: b scenes, t tokens, c channels.
"""

# pyright: reportMissingImports=false, reportCallIssue=false, reportIndexIssue=false, reportArgumentType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from flashworld.models.fp8_kernel import Quantised, empty_quantised, row_launch, store_quantised
from flashworld.models.kernels import on_its_device


@triton.jit
def _add_norm_row(
    states, updates, gates, factors, shifts, sums, quantised, inverse_scales,
    tokens, gate_stride, factor_stride, shift_stride, num_columns, eps, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    scene = row // tokens
    columns = tl.arange(0, BLOCK)
    inside = columns < num_columns
    x = tl.load(states + row * num_columns + columns, mask=inside, other=0.0).to(tl.float32)
    if updates is not None:
        update = tl.load(updates + row * num_columns + columns, mask=inside, other=0.0).to(tl.float32)
        if gates is not None:
            update = update * tl.load(gates + scene * gate_stride + columns, mask=inside, other=0.0).to(tl.float32)
        rounded = (x + update).to(sums.dtype.element_ty)
        tl.store(sums + row * num_columns + columns, rounded, mask=inside)
        x = rounded.to(tl.float32)
    if factors is not None:
        factor = tl.load(factors + scene * factor_stride + columns, mask=inside, other=0.0).to(tl.float32)
        shift = tl.load(shifts + scene * shift_stride + columns, mask=inside, other=0.0).to(tl.float32)
        centred = tl.where(inside, x - tl.sum(x, axis=0) / num_columns, 0.0)
        variance = tl.sum(centred * centred, axis=0) / num_columns
        normed = centred * tl.rsqrt(variance + eps) * factor + shift
        store_quantised(normed, row, columns, inside, quantised, inverse_scales, num_columns)


@triton.jit
def _rms_norm_row(
    states, weights, cosines, sines, normed, stride, tokens, num_columns, eps,
    HEAD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < num_columns
    x = tl.load(states + row * stride + columns, mask=inside, other=0.0).to(tl.float32)
    weight = tl.load(weights + columns, mask=inside, other=0.0).to(tl.float32)
    x = x * tl.rsqrt(tl.sum(x * x, axis=0) / num_columns + eps) * weight
    if cosines is not None:
        even, odd = tl.split(tl.reshape(x, [BLOCK // 2, 2]))
        pairs = 2 * tl.arange(0, BLOCK // 2)
        # The tables hold every cosine and sine twice, once for each number of a pair.
        place = (row % tokens) * HEAD + pairs % HEAD
        cosine = tl.load(cosines + place, mask=pairs < num_columns, other=0.0)
        sine = tl.load(sines + place, mask=pairs < num_columns, other=0.0)
        turned = tl.join(even * cosine - odd * sine, even * sine + odd * cosine)
        x = tl.reshape(turned, [BLOCK])
    tl.store(normed + row * num_columns + columns, x.to(normed.dtype.element_ty), mask=inside)


@triton.jit
def _gelu_row(states, quantised, inverse_scales, stride, num_columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < num_columns
    x = tl.load(states + row * stride + columns, mask=inside, other=0.0).to(tl.float32)
    # x / 2 * (1 + tanh(y)) is x / (1 + exp(-2 y)); y is sqrt(2 / pi) * (x + 0.044715 x^3).
    x = x / (1.0 + tl.exp(-1.5957691216057308 * (x + 0.044715 * x * x * x)))
    store_quantised(x, row, columns, inside, quantised, inverse_scales, num_columns)


def norm(states: Tensor, factor: Tensor, shift: Tensor, eps: float) -> Quantised:
    """`layer_norm(states) * factor + shift`, quantised by row.

    Args:
        states: [b, t, c].
        factor: Of each scene's channels [b, c], or of all alike [c].
        shift: Likewise.
        eps: Added to the variance.

    Returns:
        E4M3 numbers [b*t, c], inverse scales [b*t, 1].
    """
    return _add_norm(states, None, None, factor, shift, eps)[1]


def add_norm(
    states: Tensor, update: Tensor, gate: Tensor | None, factor: Tensor, shift: Tensor, eps: float
) -> tuple[Tensor, Quantised]:
    """The sum `states + gate * update` [b, t, c], and the sum normed and quantised as by `norm`.

    The gate is of each scene's channels [b, c], or one.
    """
    return _add_norm(states, update, gate, factor, shift, eps)


def add(states: Tensor, update: Tensor, gate: Tensor) -> Tensor:
    """`states + gate * update` [b, t, c], the gate of each scene's channels [b, c]."""
    return _add_norm(states, update, gate, None, None, 0.0)[0]


@on_its_device
def _add_norm(
    states: Tensor,
    update: Tensor | None,
    gate: Tensor | None,
    factor: Tensor | None,
    shift: Tensor | None,
    eps: float,
) -> tuple[Tensor, Quantised]:
    states = states.contiguous()
    scenes, tokens, channels = states.shape
    total = states if update is None else torch.empty_like(states)
    quantised = empty_quantised(scenes * tokens if factor is not None else 0, channels, states.device)
    _add_norm_row[(scenes * tokens,)](
        states,
        None if update is None else update.contiguous(),
        gate,
        factor,
        shift,
        total,
        *quantised,
        tokens,
        *(_scene_stride(values) for values in (gate, factor, shift)),
        channels,
        eps,
        **row_launch(channels),
    )
    return total, quantised


def _scene_stride(values: Tensor | None) -> int:
    return values.stride(0) if values is not None and values.ndim == 2 else 0


@on_its_device
def rms_norm(
    states: Tensor, weight: Tensor, eps: float, heads: int, rotary: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """`rms_norm(states) * weight` over all channels [b, t, c], then each head's pairs turned by their token's angles.

    Args:
        states: [b, t, c].
        weight: [c].
        eps: Added to the mean square.
        heads: Among which the channels are divided.
        rotary: Cosines and sines [1, t, 1, c / heads], each twice in a row, as diffusers has them; None turns nothing.
    """
    tokens, channels = states.shape[1:]
    rows = states.reshape(-1, channels)
    rows = rows if rows.stride(1) == 1 else rows.contiguous()
    normed = torch.empty(states.shape, dtype=states.dtype, device=states.device)
    cosines, sines = (None, None) if rotary is None else (table.contiguous() for table in rotary)
    launch = _rms_norm_row[(len(rows),)]
    launch(
        rows, weight, cosines, sines, normed, rows.stride(0), tokens, channels, eps,
        HEAD=channels // heads, **row_launch(channels),
    )  # fmt: skip
    return normed


@on_its_device
def gelu(rows: Tensor) -> Quantised:
    """`gelu(rows, approximate="tanh")` of rows [n, c], quantised by row."""
    rows = rows if rows.stride(1) == 1 else rows.contiguous()
    quantised = empty_quantised(*rows.shape, rows.device)
    launch = _gelu_row[(len(rows),)]
    launch(rows, *quantised, rows.stride(0), rows.shape[1], **row_launch(rows.shape[1]))
    return quantised
