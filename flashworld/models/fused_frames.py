"""The autoencoder's residual block with few passes over memory: norms, activations and biases go together.

cuDNN's convolutions leave their bias to a pass of its own, and a norm and its activation are two more. Here each bias
is added by the kernel that comes next anyway. Same weights, same names, same numbers, rounded less often.
"""

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResidualBlock
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.frames import FrameConv, FrameNorm, channels_side_by_side
from flashworld.models.kernels import kernels_suit


class FusedResidual(WanResidualBlock):
    """The released block, whose own code works wherever the kernels do not suit."""

    def forward(self, x: Float[Tensor, "n c t h w"], *cache: Any, **named_cache: Any) -> Float[Tensor, "n d t h w"]:
        """Two convolutions, each after a norm and SiLU, added to the input or to its projection.

        `cache` is of earlier frames, which a single picture has not.
        """
        return self.fused(x) if self.suits(x) else super().forward(x, *cache, **named_cache)

    def suits(self, x: Tensor) -> bool:
        """Whether the kernels do: for pictures whose channels lie side by side, and without gradients."""
        return kernels_suit(x) and not torch.is_grad_enabled() and x.shape[2] == 1 and channels_side_by_side(x)

    def fused(self, x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "n d 1 h w"]:
        """What `forward` does, by kernels."""
        released: Any = self  # whose annotations know the convolutions and norms of videos
        first, second, shortcut = released.conv1, released.conv2, released.conv_shortcut
        inner = first.without_bias(_norm_silu(x, released.norm1, None))
        inner = second.without_bias(_norm_silu(inner, released.norm2, first.bias))
        if isinstance(shortcut, FrameConv):
            return _add(inner, second.bias + shortcut.bias, shortcut.without_bias(x))
        return _add(inner, second.bias, x)


def fuse_residuals(module: nn.Module) -> None:
    """Let every residual block of a network of pictures use the kernels where they suit; weights and names stay."""
    for child in module.modules():
        if type(child) is WanResidualBlock:
            child.__class__ = FusedResidual


def _norm_silu(x: Tensor, norm: FrameNorm, bias: Tensor | None) -> Tensor:
    from flashworld.models import frame_kernels

    return _pictures(frame_kernels.norm_silu(_pixels(x), norm.gamma.flatten(), norm.eps, bias), x)


def _add(x: Tensor, bias: Tensor, other: Tensor) -> Tensor:
    from flashworld.models import frame_kernels

    return _pictures(frame_kernels.add_biased(_pixels(x), bias, _pixels(other)), x)


def _pixels(x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "pixels c"]:
    return x.movedim(1, -1).flatten(0, -2).contiguous()


def _pictures(pixels: Float[Tensor, "pixels c"], like: Tensor) -> Tensor:
    n, _, *grid = like.shape
    return pixels.view(n, *grid, -1).movedim(-1, 1)
