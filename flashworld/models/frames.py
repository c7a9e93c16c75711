"""Convolutions over time, restricted to single frames.

The published model codes every view as a video of one frame. A causal convolution then sees its newest tap only; the
older taps meet padding. Dropping them changes no number, and what is left is a plain convolution of a picture.
"""

import itertools
from collections.abc import Sequence

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import DupUp3D, WanCausalConv3d, WanRMS_norm, WanUpsample
from einops import rearrange, repeat
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
        return self._convolve(x, self.bias)

    def without_bias(self, x: Float[Tensor, "n c 1 h w"]) -> Float[Tensor, "n d 1 h w"]:
        """The same for a caller who adds the bias."""
        return self._convolve(x, None)

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.weight.shape[-1] // 2
        return nn.functional.conv2d(x.squeeze(2), self.weight.squeeze(2), bias, padding=padding).unsqueeze(2)


class FrameNorm(WanRMS_norm):
    """The autoencoder's norm over channels; one kernel does it where a pixel's channels lie side by side in memory."""

    def forward(self, x: Float[Tensor, "n c ..."]) -> Float[Tensor, "n c ..."]:
        """Each pixel's channels, divided by their root mean square and weighted."""
        if x.ndim != 5 or x.shape[2] != 1 or not channels_side_by_side(x):
            return super().forward(x)
        pixels = x.movedim(1, -1)
        weight = self.gamma.flatten().to(pixels.dtype)  # torch has no one kernel for two number formats
        return nn.functional.rms_norm(pixels, pixels.shape[-1:], weight, self.eps).movedim(-1, 1)

    @property
    def eps(self) -> float:
        """For the mean square: the published norm divides by the length, or by 1e-12 where it is shorter."""
        return 1e-24 / self.gamma.numel()


class FrameUpsample(nn.Sequential):
    """Twice the pixels, each repeated, then convolved three by three: the same in 16 products a pixel instead of 36.

    A fine pixel's three by three taps meet only two by two coarse pixels, so taps that meet the same one are added
    first. Each of the four fine pixels in a coarse one has a small kernel of its own; one convolution does all four.
    """

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        """The finer pixels."""
        height, width = x.shape[-2:]
        parts = self.parts(x, self.bias.repeat(4)).unflatten(1, (2, 2, -1))
        layout = torch.channels_last if channels_side_by_side(x) else torch.contiguous_format
        shape = (len(x), len(self.bias), 2 * height, 2 * width)
        fine = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
        for row, column in itertools.product(range(2), range(2)):
            part = parts[:, row, column, :, row : row + height, column : column + width]
            fine[..., row::2, column::2] = part
        return fine

    @property
    def bias(self) -> Tensor:
        """The convolution's."""
        return self[1].get_parameter("bias")

    def parts(self, x: Float[Tensor, "n c h w"], bias: Tensor | None) -> Float[Tensor, "n d4 h1 w1"]:
        """The four small convolutions, channels in the order row, column, d, with one more row and column than `x`.

        The fine pixel at `row` and `column` in a coarse one is at that offset in its part.
        """
        kernel = self[1].get_parameter("weight")
        exact = kernel.to(torch.promote_types(kernel.dtype, torch.float32))
        kernels = _add_shared_taps(_add_shared_taps(exact, -1), -2).to(kernel)  # row, column, d, c, 2, 2
        return nn.functional.conv2d(x, kernels.flatten(0, 2), bias, padding=1)


def _add_shared_taps(kernels: Tensor, axis: int) -> Tensor:
    """Kernels of three taps along an axis as two kernels of two taps, [2, ...]: for even and for odd fine pixels."""
    before, at, after = kernels.unbind(axis)
    return torch.stack([torch.stack([before, at + after], axis), torch.stack([before + at, after], axis)])


class FrameDupUp(DupUp3D):
    """The shortcut around an upsampling: channels are repeated and then spread over finer pixels.

    The library spreads over time too and keeps the newest frame; here only that one is made.
    """

    def forward(self, x: Float[Tensor, "n c t h w"], first_chunk: bool = False) -> Float[Tensor, "n d t2 h2 w2"]:
        """The finer pixels."""
        if x.shape[2] != 1 or not first_chunk or not channels_side_by_side(x):
            return super().forward(x, first_chunk)
        # No index picks the channels: gradients of indices are added up one by one.
        repeated = repeat(x, "n c 1 h w -> n h w (c repeats)", repeats=self.repeats)
        spread = repeated.unflatten(-1, (self.out_channels, self.factor_t, self.factor_s, self.factor_s))
        pixels = rearrange(spread[..., -1, :, :], "n h w d row col -> n (h row) (w col) d")
        return pixels.movedim(-1, 1).unsqueeze(2)


def channels_side_by_side(x: Tensor) -> bool:
    """Whether a pixel's channels are neighbours in memory, as `put_channels_last` lets convolutions leave them."""
    return x.shape[1] > 1 and x.stride(1) == 1


FRAME_CLASSES = {WanRMS_norm: FrameNorm, DupUp3D: FrameDupUp}


def restrict_to_frames(module: nn.Module) -> None:
    """Replace the causal convolutions in `module`, in place, by what they are for a single frame.

    What stands between them is replaced by the same with fewer passes over memory. Convolutions that change the number
    of frames (`time_conv`) are never reached by a single frame and stay.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, WanCausalConv3d) and name != "time_conv":
                setattr(parent, name, FrameConv(child.in_channels, child.out_channels, child.kernel_size[-1]))
            elif isinstance(child, nn.Sequential) and isinstance(child[0], WanUpsample):
                child.__class__ = FrameUpsample
            elif type(child) in FRAME_CLASSES:
                child.__class__ = FRAME_CLASSES[type(child)]


def put_channels_last(module: nn.Module) -> None:
    """Lay convolutions out as tensor cores want them, in place: a pixel's channels side by side.

    Their outputs follow, and so does `FrameNorm`. The numbers stay the same.
    """
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        elif parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


def newest_tap(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """A pretrained kernel cut to `shape` if all that differs is the number of temporal taps; otherwise as it is."""
    longer = (
        weight.ndim == 5 and weight.shape[2] > shape[2] == 1 and _without_time(weight.shape) == _without_time(shape)
    )
    return weight[:, :, -1:].contiguous() if longer else weight


def _without_time(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape[:2], *shape[3:])
