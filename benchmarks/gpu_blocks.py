"""Single blocks with random weights, their twins in float32 to compare them with, and arguments for both."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResidualBlock
from torch import Tensor, nn

from flashworld.models.config import ModelConfig
from flashworld.models.fp8 import Fp8, Fp8Linear, quantise_blocks
from flashworld.models.frames import put_channels_last, restrict_to_frames
from flashworld.models.fused_block import fuse_blocks
from flashworld.models.fused_frames import fuse_frames
from flashworld.models.precision import weight_dtype
from flashworld.models.transformer import build_transformer


@dataclass(frozen=True)
class Twins:
    """A block that may be fused, what it computes in float32 with the same weights, and the arguments of a call."""

    name: str
    block: Any
    exact: nn.Module
    arguments: tuple[Any, ...]

    def expected(self) -> Tensor:
        """The call in float32."""
        return self.exact(*(x.float() if isinstance(x, Tensor) else x for x in self.arguments))


def transformer_block(
    config: ModelConfig, how: Fp8 | None, device: torch.device, dtype: torch.dtype, grid: tuple[int, int, int]
) -> Twins:
    """A block of a model's width; `grid` are the tokens of each of two scenes by view, row and column."""
    sizes = replace(config.transformer, num_layers=1)
    with device:
        transformer = build_transformer(replace(config, transformer=sizes)).eval().requires_grad_(False)
    for name, parameter in transformer.named_parameters():
        draw(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
    exact = deepcopy(transformer.blocks[0])
    if how is not None:
        quantise_blocks(transformer, how, dtype)
    fuse_blocks(transformer)
    block = transformer.blocks[0]
    for name, layer in block.named_modules():
        if isinstance(layer, Fp8Linear):
            weight = layer.weight.float() * layer.inverse_scale
            exact.get_submodule(name).load_state_dict({"weight": weight}, strict=False)
    for name, parameter in block.named_parameters():
        parameter.data = parameter.data.to(weight_dtype(transformer, f"blocks.0.{name}", dtype))
    views, rows, columns = grid
    patch, width = sizes.patch_size, sizes.num_attention_heads * sizes.attention_head_dim
    pictures = torch.zeros(1, 1, views * patch[0], rows * patch[1], columns * patch[2])
    rotary = tuple(table.to(device) for table in transformer.rope(pictures))
    states = 3 * torch.randn(2, views * rows * columns, width, device=device).to(dtype)
    text = torch.randn(2, 7, width, device=device).to(dtype)
    modulation = 0.5 * torch.randn(2, 6, width, device=device)
    return Twins("transformer block", block, exact, (states, text, modulation, rotary))


def residual_block(
    channels: tuple[int, int], device: torch.device, dtype: torch.dtype, size: tuple[int, int, int]
) -> Twins:
    """A block from some channels to others; `size` is views, rows and columns."""
    holder = nn.Sequential(WanResidualBlock(*channels)).eval().requires_grad_(False)
    restrict_to_frames(holder)
    holder.to(device)
    for name, parameter in holder.named_parameters():
        draw(parameter, 1.0 if name.endswith("gamma") else 0.0)
    put_channels_last(holder)
    exact = deepcopy(holder[0])
    holder.to(dtype)
    fuse_frames(holder)
    views, rows, columns = size
    x = torch.randn(views, channels[0], 1, rows, columns, device=device, dtype=dtype)
    x[0, :, 0, 0, 0] = 0
    return Twins("residual block", holder[0], exact, (x.contiguous(memory_format=torch.channels_last_3d),))


def draw(parameter: Tensor, mean: float) -> None:
    """Values that let every part matter: no norm of ones, no gate near zero, and signals keep their size."""
    fan = parameter[0].numel() if parameter.ndim > 1 and len(parameter) > 1 and parameter[0].numel() > 1 else 11
    nn.init.normal_(parameter, mean, fan**-0.5)
