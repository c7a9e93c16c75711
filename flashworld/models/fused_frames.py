"""The autoencoder's blocks with few passes over memory: norms, activations, biases and shortcuts go together.

cuDNN's convolutions leave their bias to a pass of its own, and a norm and its activation are two more. Here each bias
is added by the kernel that comes next anyway. Same weights, same names, same numbers, rounded less often.
"""

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResidualBlock, WanResidualUpBlock
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.frames import FrameConv, FrameNorm, channels_side_by_side
from flashworld.models.kernels import kernels_suit


def pictures_suit(x: Tensor) -> bool:
    """Whether kernels may work on pictures: channels lie side by side, and no gradients are asked for."""
    return kernels_suit(x) and not torch.is_grad_enabled() and x.shape[2] == 1 and channels_side_by_side(x)


class FusedResidual(WanResidualBlock):
    """The released block, whose own code works wherever the kernels do not suit."""

    def forward(self, x: Float[Tensor, "n c t h w"], *cache: Any, **named_cache: Any) -> Float[Tensor, "n d t h w"]:
        """Two convolutions, each after a norm and SiLU, added to the input or to its projection.

        `cache` is of earlier frames, which a single picture has not.
        """
        return self.fused(x) if pictures_suit(x) else super().forward(x, *cache, **named_cache)

    def fused(self, x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "n d 1 h w"]:
        """What `forward` does, by kernels."""
        released: Any = self  # whose annotations know the convolutions and norms of videos
        first, second, shortcut = released.conv1, released.conv2, released.conv_shortcut
        inner = first.without_bias(_norm_silu(x, released.norm1, None))
        inner = second.without_bias(_norm_silu(inner, released.norm2, first.bias))
        if isinstance(shortcut, FrameConv):
            return _add(inner, second.bias + shortcut.bias, shortcut.without_bias(x))
        return _add(inner, second.bias, x)


class FusedUpBlock(WanResidualUpBlock):
    """The released block of residual blocks, an upsampling and a shortcut around them, likewise."""

    def forward(self, x: Float[Tensor, "n c t h w"], *cache: Any, **named: Any) -> Float[Tensor, "n d t2 h2 w2"]:
        """Finer pixels, or as many where nothing is upsampled. Arguments as for the released block."""
        ours = self.avg_shortcut is not None and named.get("first_chunk", False) and pictures_suit(x)
        return self.fused(x) if ours else super().forward(x, *cache, **named)

    def fused(self, x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "n d 1 h2 w2"]:
        """What `forward` does for pictures, by kernels."""
        from flashworld.models import frame_kernels

        released: Any = self
        inner = x
        for block in released.resnets:
            inner = block(inner)
        upsample, shortcut = released.upsampler.resample, released.avg_shortcut
        parts = upsample.parts(inner.squeeze(2), None).movedim(1, -1).contiguous()
        coarse = x.squeeze(2).movedim(1, -1).contiguous()
        fine = frame_kernels.interleave(parts, upsample.bias, coarse, shortcut.factor_t, shortcut.repeats)
        return fine.movedim(-1, 1).unsqueeze(2)


def fuse_frames(module: nn.Module) -> None:
    """Let every block of a network of pictures use the kernels where they suit; weights and their names stay."""
    for child in module.modules():
        if type(child) in FUSED_CLASSES:
            child.__class__ = FUSED_CLASSES[type(child)]


FUSED_CLASSES = {WanResidualBlock: FusedResidual, WanResidualUpBlock: FusedUpBlock}


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
