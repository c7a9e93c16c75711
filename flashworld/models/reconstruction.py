"""Features and latents of all views to one scene: a decoder grown from the autoencoder's."""

from dataclasses import fields

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanDecoder3d, WanResample
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.cameras import Cameras
from flashworld.events import Progress, Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.models.autoencoder import LatentScale, build_video_autoencoder
from flashworld.models.config import ModelConfig
from flashworld.models.frames import FrameConv, restrict_to_frames
from flashworld.models.gaussian_head import GaussianHead

CELLS_AT_ONCE = 2**18
"""Unless told otherwise, views are decoded in chunks of about this many cells of the half-resolution grid."""


class ReconstructionDecoder(nn.Module):
    """The autoencoder's decoder, fed with features besides latents, and ending in Gaussians instead of colours.

    Implements `protocols.GaussianDecoder`. Its state dict is the `recon_decoder` entry of the published checkpoint.
    Views do not see each other here.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        autoencoder = build_video_autoencoder(config.autoencoder)
        restrict_to_frames(autoencoder)
        self.decoder = autoencoder.decoder
        _drop_time_and_colour(self.decoder)
        self.post_quant_conv = autoencoder.post_quant_conv
        width = config.autoencoder.decoder_base_dim
        self.extra_conv_in = FrameConv(config.feature_channels, width * config.autoencoder.dim_mult[-1], kernel=3)
        self.gs_head = GaussianHead(width * config.autoencoder.dim_mult[0], config.points_per_pixel, config.sh_degree)
        self.scale = LatentScale(config.autoencoder)

    def forward(
        self,
        features: Float[Tensor, "b f t h w"],
        latents: Float[Tensor, "b z t h w"],
        cameras: Cameras,
        report: Report = ignore,
        views_at_once: int | None = None,
    ) -> Gaussians:
        """Gaussians [b, n] in the order frame, point, row, column, in the world of `cameras` [b, t].

        `latents` are scaled. The result is float32 on their device. `views_at_once` are decoded together.
        """
        num_scenes, num_views = latents.shape[0], latents.shape[2]
        frames = rearrange(features, "b f t h w -> (b t) f h w")
        codes = rearrange(self.scale.to_decoder(latents), "b z t h w -> (b t) z h w")
        rows = Cameras.from_vectors(cameras.vectors().flatten(0, 1))
        chunk = views_at_once or max(1, CELLS_AT_ONCE // (64 * codes.shape[-2] * codes.shape[-1]))
        decoded = []
        for start in range(0, len(codes), chunk):
            report(Progress("decode", start, len(codes)))
            part = slice(start, start + chunk)
            decoded.append(self.gs_head(self.decode(frames[part], codes[part]), rows[part]).to(latents.device))
        report(Progress("decode", len(codes), len(codes)))
        return _join(decoded, num_scenes, num_views)

    def decode(
        self, features: Float[Tensor, "n f h w"], latents: Float[Tensor, "n z h w"]
    ) -> Float[Tensor, "n c h8 w8"]:
        """Eight times finer maps of single views from *unscaled* latents, in the dtype of the weights."""
        like = self.post_quant_conv.weight
        codes = self.post_quant_conv(latents.to(like).unsqueeze(2))
        x = self.decoder.conv_in(codes) + self.extra_conv_in(features.to(like).unsqueeze(2))
        x = self.decoder.mid_block(x)
        for block in self.decoder.up_blocks:
            x = block(x, first_chunk=True)
        return self.decoder.nonlinearity(self.decoder.norm_out(x)).squeeze(2)


def _drop_time_and_colour(decoder: WanDecoder3d) -> None:
    for block in decoder.up_blocks:
        if isinstance(block.upsampler, WanResample) and hasattr(block.upsampler, "time_conv"):
            del block.upsampler.time_conv
    del decoder.conv_out


def _join(parts: list[Gaussians], num_scenes: int, num_views: int) -> Gaussians:
    """Chunks of views [k, n, ...] to scenes [b, (t n), ...]."""
    joined = (torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Gaussians))
    return Gaussians(*(rearrange(x, "(b t) n ... -> b (t n) ...", b=num_scenes, t=num_views) for x in joined))
