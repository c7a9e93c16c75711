"""Eight-bit floating point (E4M3) with one scale per tensor, for the linear layers of the transformer's blocks."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FP8).max


def quantise(values: Float[Tensor, "*shape"]) -> tuple[Tensor, Float[Tensor, ""]]:
    """Values as E4M3 numbers, and the float32 factor that undoes their scaling.

    The largest magnitude becomes 448. Scaling happens in the dtype of `values`, as the published model does it, so the
    bits depend on that dtype.
    """
    low, high = values.aminmax()
    scale = LARGEST / torch.maximum(-low, high).clamp(min=1e-12)
    return (values * scale).clamp(-LARGEST, LARGEST).to(FP8), scale.float().reciprocal()


class Fp8Linear(nn.Module):
    """A linear layer whose weight is quantised once and whose input is quantised on every call.

    The operands are multiplied as decoded numbers, which `dtype` (bfloat16) holds exactly: this is the product that FP8
    hardware approximates, on any machine.
    """

    weight: Tensor
    inverse_scale: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear, dtype: torch.dtype = torch.bfloat16):
        super().__init__()
        weight, inverse_scale = quantise(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("inverse_scale", inverse_scale)
        self.register_buffer("bias", linear.bias.detach().to(dtype))

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch d"]:
        """The layer's output in the dtype of its bias."""
        dtype = self.bias.dtype
        values, inverse_scale = quantise(x.to(dtype))
        product = nn.functional.linear(values.to(dtype), self.weight.to(dtype))
        return product * (inverse_scale * self.inverse_scale) + self.bias


def quantise_blocks(transformer: nn.Module) -> None:
    """Replace, in place, every linear layer inside the transformer's blocks: ten in each block, and nothing else.

    Do it after the weights are loaded.
    """
    for block in transformer.get_submodule("blocks").children():
        for name, child in list(block.named_modules()):
            if isinstance(child, nn.Linear):
                block.set_submodule(name, Fp8Linear(child))
