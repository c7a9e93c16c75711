"""The networks as they are trained: the model's own, and the last convolution of its autoencoder, which no file keeps.

The reconstruction decoder is grown from the autoencoder's decoder, so there is only one: with features of zero and the
convolution to colours at its end it decodes pictures.
"""

from dataclasses import replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.config import ModelConfig
from flashworld.models.frames import FrameConv
from flashworld.models.initial import initialise
from flashworld.models.model import Networks, assign, build_networks
from flashworld.training.filling import attend_once_to_filling


class Pupil(nn.Module):
    """All that learns. Names of the parameters are those of `Networks`, besides `colour_out`."""

    def __init__(self, config: ModelConfig, seed: int):
        super().__init__()
        self.config = config
        networks = build_networks(config)
        initialise(networks, seed)
        self.vae = networks.vae
        self.recon_decoder = networks.recon_decoder
        self.transformer = networks.transformer
        attend_once_to_filling(self.transformer)
        normalise_in_full(self.transformer)
        self.text_encoder = networks.text_encoder
        width = config.autoencoder.decoder_base_dim * config.autoencoder.dim_mult[0]
        self.colour_out = FrameConv(width, 12, kernel=3)
        generator = torch.Generator().manual_seed(seed + 1)
        nn.init.normal_(self.colour_out.weight, std=(9 * width) ** -0.5, generator=generator)
        nn.init.zeros_(self.colour_out.bias)
        self.requires_grad_(False)

    @property
    def networks(self) -> Networks:
        """The model's networks, to be saved or used."""
        return Networks(self.transformer, self.recon_decoder, self.vae, self.text_encoder)

    def decode_pictures(self, latents: Float[Tensor, "n z h w"]) -> Float[Tensor, "n 3 H W"]:
        """Pictures, about -1 to 1, of unscaled latents."""
        features = latents.new_zeros(len(latents), self.config.feature_channels, *latents.shape[-2:])
        folded = self.colour_out(self.recon_decoder.decode(features, latents).unsqueeze(2)).squeeze(2)
        return rearrange(folded, "n (c col row) h w -> n c (h row) (w col)", col=2, row=2)


def computing_short(device: torch.device) -> torch.autocast:
    """Networks compute in bfloat16 on CUDA while this lasts. Pictures, rays and Gaussians are kept out of it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def normalise_in_full(transformer: nn.Module) -> None:
    """Let queries and keys come to their norms in float32: of two number formats, torch has no fused norm."""

    def lengthen(_norm: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(value.float() for value in args)

    for module in transformer.modules():
        if isinstance(module, nn.RMSNorm):
            module.register_forward_pre_hook(lengthen)


def with_latent_scale(config: ModelConfig, mean: tuple[float, ...], std: tuple[float, ...]) -> ModelConfig:
    """The configuration for an autoencoder whose latents have these statistics."""
    return replace(config, autoencoder=replace(config.autoencoder, latents_mean=mean, latents_std=std))


def load_tensors(pupil: Pupil, tensors: dict[str, Tensor]) -> None:
    """Take over parameters by name; others stay as they are."""
    for name, value in tensors.items():
        network, _, rest = name.partition(".")
        like = pupil.get_parameter(name)
        module = getattr(pupil, network)
        assign(module, rest, nn.Parameter(value.to(like), requires_grad=like.requires_grad))
