"""A complete model: its four networks, what it was built from and where it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, UMT5EncoderModel

from flashworld.models.autoencoder import ImageAutoencoder
from flashworld.models.config import ModelConfig
from flashworld.models.reconstruction import ReconstructionDecoder
from flashworld.models.text import Umt5TextEncoder, build_umt5
from flashworld.models.transformer import TransformerDenoiser, build_transformer
from flashworld.protocols import Denoiser, GaussianDecoder, PictureEncoder


@dataclass(frozen=True)
class Networks:
    """The modules that hold weights. Their state dicts are what files hold, under these names."""

    transformer: WanTransformer3DModel
    recon_decoder: ReconstructionDecoder
    vae: ImageAutoencoder
    text_encoder: UMT5EncoderModel

    def named(self) -> Mapping[str, nn.Module]:
        """The modules by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class Model:
    """A model that is ready to work.

    `name` is what the user asked for. `weights` identifies the numbers in it, for records that replay a generation.
    An untrained model (`trained` is False) makes scenes that mean nothing: say so wherever a person sees them.
    """

    name: str
    config: ModelConfig
    networks: Networks
    text_encoder: Umt5TextEncoder
    autoencoder: PictureEncoder
    denoiser: Denoiser
    decoder: GaussianDecoder
    trained: bool
    weights: str
    device: torch.device
    dtype: torch.dtype


def build_networks(config: ModelConfig) -> Networks:
    """The networks without memory for their weights, on the meta device, in evaluation mode."""
    with torch.device("meta"):
        return Networks(
            transformer=build_transformer(config).eval().requires_grad_(False),
            recon_decoder=ReconstructionDecoder(config).eval().requires_grad_(False),
            vae=ImageAutoencoder(config.autoencoder).eval().requires_grad_(False),
            text_encoder=build_umt5(config.text).eval().requires_grad_(False),
        )


def assign(module: nn.Module, name: str, value: Tensor) -> None:
    """Make `value` the parameter or buffer `name` (dotted) of `module`, without copying it."""
    owner, _, leaf = name.rpartition(".")
    module.get_submodule(owner).load_state_dict({leaf: value}, strict=False, assign=True)


def assemble(
    name: str,
    config: ModelConfig,
    networks: Networks,
    tokenizer: PreTrainedTokenizerBase,
    *,
    trained: bool,
    weights: str,
    dtype: torch.dtype,
) -> Model:
    """Join networks that hold their weights to a model."""
    return Model(
        name=name,
        config=config,
        networks=networks,
        text_encoder=Umt5TextEncoder(tokenizer, networks.text_encoder),
        autoencoder=networks.vae,
        denoiser=TransformerDenoiser(networks.transformer, config.autoencoder.z_dim),
        decoder=networks.recon_decoder,
        trained=trained,
        weights=weights,
        device=networks.transformer.patch_embedding.weight.device,
        dtype=dtype,
    )
