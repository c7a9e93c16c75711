"""Convolutions over time, restricted to single frames.

The published model codes every view as a video of one frame. A causal convolution then sees its newest tap only; the
older taps meet padding. Dropping them changes no number, and what is left is a plain convolution of a picture.
"""

from collections.abc import Sequence

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from jaxtyping import Float
from torch import Tensor, nn


class FrameConv(nn.Module):
    """The newest temporal tap of a causal convolution. Weights keep their temporal axis, of length one."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 1, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))

    def forward(self, x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "n d 1 h w"]:
        """Convolve each picture; the border is padded with zeros so that its size stays."""
        padding = self.weight.shape[-1] // 2
        return nn.functional.conv2d(x.squeeze(2), self.weight.squeeze(2), self.bias, padding=padding).unsqueeze(2)


def restrict_to_frames(module: nn.Module) -> None:
    """Replace the causal convolutions in `module`, in place, by what they are for a single frame.

    Convolutions that change the number of frames (`time_conv`) are never reached by a single frame and stay.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, WanCausalConv3d) and name != "time_conv":
                setattr(parent, name, FrameConv(child.in_channels, child.out_channels, child.kernel_size[-1]))


def newest_tap(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """A pretrained kernel cut to `shape` if all that differs is the number of temporal taps; otherwise as it is."""
    longer = (
        weight.ndim == 5 and weight.shape[2] > shape[2] == 1 and _without_time(weight.shape) == _without_time(shape)
    )
    return weight[:, :, -1:].contiguous() if longer else weight


def _without_time(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape[:2], *shape[3:])
