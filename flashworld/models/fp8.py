"""Eight-bit floating point (E4M3) for the linear layers of the transformer's blocks.

A number is stored as eight bits times a scale. The published model has one scale per tensor. One per row (a token of
the input, an output channel of the weight) needs no look at all tokens first and is not spoilt by a loud one, so it is
the default.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.kernels import kernels_suit

FP8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FP8).max
MULTIPLE = 16
"""The hardware's product takes matrices whose sides are multiples of this."""

Scaling = Literal["tensor", "row"]


@dataclass(frozen=True)
class Fp8:
    """How block linears are held and multiplied.

    `per`: what shares a scale. `product`: `hardware` quantises the input too and multiplies eight bits by eight bits;
    `weights` only saves memory: the weight is decoded and multiplied in bfloat16, for GPUs without such a product.
    """

    per: Scaling = "row"
    product: Literal["hardware", "weights"] = "hardware"


def fp8_for(device: torch.device) -> Fp8:
    """What suits a device: the hardware product needs compute capability 8.9 (Ada, Hopper, Blackwell)."""
    capable = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 9)
    return Fp8(product="hardware" if capable else "weights")


def quantise(values: Float[Tensor, "*shape"], per: Scaling = "tensor") -> tuple[Tensor, Float[Tensor, "*scales"]]:
    """Values as E4M3 numbers, and the float32 factors that undo their scaling: a scalar, or [..., 1] for rows.

    The largest magnitude becomes 448. With one scale per tensor this happens in the dtype of `values`, as the published
    model does it, so the bits depend on that dtype; per row it happens in float32.
    """
    if per == "row":
        values = values.float()
        low, high = values.aminmax(dim=-1, keepdim=True)
    else:
        low, high = values.aminmax()
    scale = LARGEST / torch.maximum(-low, high).clamp(min=1e-12)
    return (values * scale).clamp(-LARGEST, LARGEST).to(FP8), scale.float().reciprocal()


class Fp8Linear(nn.Module):
    """A linear layer whose weight is quantised once. Weights are parameters, so that offloading finds them.

    Built empty; `from_linear` and `flashworld.weights` fill it.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool, how: Fp8, dtype: torch.dtype = torch.bfloat16):
        super().__init__()
        self.how = how
        self.dtype = dtype
        scales = (out_features, 1) if how.per == "row" else ()
        self.weight = _fixed(torch.empty(out_features, in_features, dtype=FP8))
        self.inverse_scale = _fixed(torch.empty(scales, dtype=torch.float32))
        self.bias = _fixed(torch.empty(out_features, dtype=dtype)) if bias else None
        self.aligned = in_features % MULTIPLE == 0 and out_features % MULTIPLE == 0

    @classmethod
    def from_linear(cls, linear: nn.Linear, how: Fp8, dtype: torch.dtype = torch.bfloat16) -> "Fp8Linear":
        """The quantised twin of a layer, which computes in `dtype`."""
        with torch.device("meta"):
            layer = cls(linear.in_features, linear.out_features, linear.bias is not None, how, dtype)
        if not linear.weight.is_meta:
            weight, inverse_scale = quantise(linear.weight.detach(), how.per)
            layer.weight, layer.inverse_scale = _fixed(weight), _fixed(inverse_scale)
            layer.bias = None if linear.bias is None else _fixed(linear.bias.detach().to(dtype))
        return layer

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch d"]:
        """The layer's output in its dtype."""
        rows = x.reshape(-1, x.shape[-1]).to(self.dtype)
        multiply = self._in_hardware if self.how.product == "hardware" and len(rows) else self._decoded
        return multiply(rows).unflatten(0, x.shape[:-1]) if x.ndim > 1 else multiply(rows)[0]

    def _in_hardware(self, rows: Float[Tensor, "n c"]) -> Float[Tensor, "n d"]:
        return self.multiply(*quantise_input(rows, self.how.per))

    def multiply(self, values: Tensor, inverse_scale: Float[Tensor, "*scales"]) -> Float[Tensor, "n d"]:
        """The hardware's product with rows that `quantise` or a kernel has quantised; in the layer's dtype."""
        by_row = self.how.per == "row"
        out = torch.bfloat16 if by_row else self.dtype  # what the products of either kind can give
        # "Bias is not supported when out_dtype is set to Float32": then it is added afterwards.
        inside = self.bias if self.aligned and out == self.dtype == torch.bfloat16 else None
        weight = self.weight if self.aligned else _padded(self.weight)
        scales = self.inverse_scale
        if by_row:
            scales = nn.functional.pad(scales.mT, (0, len(weight) - scales.numel()))
        product = torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]
            values if self.aligned else _padded(values, rows=False),
            weight.t(),
            inverse_scale,
            scales,
            bias=inside,
            out_dtype=out,
            use_fast_accum=True,
        )
        product = product[:, : self.weight.shape[0]].to(self.dtype)
        return product if self.bias is None or inside is not None else product + self.bias

    def _decoded(self, rows: Float[Tensor, "n c"]) -> Float[Tensor, "n d"]:
        """The input stays as it is: to quantise it would lose accuracy and, without hardware for it, gain nothing."""
        product = nn.functional.linear(rows, self.weight.to(self.dtype)) * self.inverse_scale.flatten().to(self.dtype)
        return product if self.bias is None else product + self.bias


def quantise_input(rows: Float[Tensor, "n c"], per: Scaling) -> tuple[Tensor, Float[Tensor, "*scales"]]:
    """`quantise`, in a single pass over memory where there is a kernel for it."""
    if per == "row" and kernels_suit(rows):
        from flashworld.models import fp8_kernel

        return fp8_kernel.quantise_rows(rows)
    return quantise(rows, per)


def quantise_blocks(transformer: nn.Module, how: Fp8, dtype: torch.dtype = torch.bfloat16) -> None:
    """Replace, in place, every linear layer inside the transformer's blocks: ten in each block, and nothing else.

    Layers without memory for their weights stay without it.
    """
    for block in transformer.get_submodule("blocks").children():
        for name, child in list(block.named_modules()):
            if isinstance(child, nn.Linear):
                block.set_submodule(name, Fp8Linear.from_linear(child, how, dtype))


def _padded(matrix: Tensor, rows: bool = True) -> Tensor:
    """An E4M3 matrix with zeros up to the hardware's multiple: columns, and rows too if asked."""
    below, right = (-size % MULTIPLE for size in matrix.shape)
    return nn.functional.pad(matrix.view(torch.uint8), (0, right, 0, below if rows else 0)).view(FP8)


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
