"""Pictures to latents: the encoder of a Wan 2.2 autoencoder, each picture by itself."""

import functools

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.events import Progress, Report, ignore
from flashworld.models.config import AutoencoderConfig
from flashworld.models.frames import restrict_to_frames
from flashworld.protocols import Posterior

PIXELS_AT_ONCE = 2**20
"""Unless told otherwise, pictures are coded in chunks of about this many pixels, so that memory stays bounded."""


class ImageAutoencoder(nn.Module):
    """The encoding half of the autoencoder, and the scale of its latents. Implements `protocols.PictureEncoder`.

    Its state dict is the published one: `encoder` and `quant_conv`.
    """

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        autoencoder = build_video_autoencoder(config)
        restrict_to_frames(autoencoder)
        self.encoder = autoencoder.encoder
        self.quant_conv = autoencoder.quant_conv
        self.scale = LatentScale(config)

    def forward(
        self, pictures: Float[Tensor, "n 3 H W"], report: Report = ignore, views_at_once: int | None = None
    ) -> Posterior:
        """Posterior of pictures with values in -1..1, float32 and on the pictures' device, ready for the denoiser.

        `views_at_once` pictures are coded together; they do not see each other.
        """
        chunk = views_at_once or max(1, PIXELS_AT_ONCE // pictures[0, 0].numel())
        means, stds = [], []
        for start in range(0, len(pictures), chunk):
            report(Progress("encode", start, len(pictures)))
            mean, log_variance = self.moments(pictures[start : start + chunk]).chunk(2, dim=1)
            means.append(self.scale.to_denoiser(mean))
            stds.append(torch.exp(0.5 * log_variance.clamp(-30, 20)) / self.scale.std_like(mean))
        report(Progress("encode", len(pictures), len(pictures)))
        return Posterior(torch.cat(means), torch.cat(stds))

    def moments(self, pictures: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n z2 h w"]:
        """Means and log-variances of the unscaled latents, in float32, computed in the dtype of the weights."""
        like = self.quant_conv.weight
        # 2 x 2 pixels become channels: 4 * colour + 2 * column + row.
        folded = rearrange(pictures.to(like), "n c (h row) (w col) -> n (c col row) 1 h w", row=2, col=2)
        return self.quant_conv(self.encoder(folded)).squeeze(2).to(pictures.device, torch.float32)


class LatentScale:
    """Per-channel shift and scale between an autoencoder's latents and the range in which the denoiser works."""

    def __init__(self, config: AutoencoderConfig):
        self.mean = config.latents_mean
        self.std = config.latents_std

    def to_denoiser(self, latents: Float[Tensor, "n z *grid"]) -> Float[Tensor, "n z *grid"]:
        """Scaled latents."""
        return (latents - _channels(self.mean, latents)) / self.std_like(latents)

    def to_decoder(self, latents: Float[Tensor, "n z *grid"]) -> Float[Tensor, "n z *grid"]:
        """The inverse of `to_denoiser`."""
        return latents * self.std_like(latents) + _channels(self.mean, latents)

    def std_like(self, latents: Float[Tensor, "n z *grid"]) -> Float[Tensor, "1 z *ones"]:
        """The scale, ready to divide `latents`."""
        return _channels(self.std, latents)


def _channels(values: tuple[float, ...], like: Tensor) -> Tensor:
    return _constant(values, like.dtype, like.device).view(1, -1, *[1] * (like.ndim - 2))


@functools.cache
def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Sent to a device once: sending makes the host wait for the device."""
    return torch.tensor(values, dtype=dtype, device=device)


def build_video_autoencoder(config: AutoencoderConfig) -> AutoencoderKLWan:
    """The autoencoder as published for videos: encoder and decoder with three temporal taps."""
    return AutoencoderKLWan(
        base_dim=config.base_dim,
        decoder_base_dim=config.decoder_base_dim,
        z_dim=config.z_dim,
        dim_mult=list(config.dim_mult),
        num_res_blocks=config.num_res_blocks,
        temperal_downsample=list(config.temperal_downsample),
        latents_mean=list(config.latents_mean),
        latents_std=list(config.latents_std),
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
    )
