"""A complete model: its four networks, what it was built from and where it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, UMT5EncoderModel

from flashworld.models.autoencoder import ImageAutoencoder
from flashworld.models.config import ModelConfig
from flashworld.models.reconstruction import ReconstructionDecoder
from flashworld.models.text import RememberedPrompts, Umt5TextEncoder, build_umt5
from flashworld.models.transformer import TransformerDenoiser, build_transformer
from flashworld.placement import Residence
from flashworld.protocols import Denoiser, GaussianDecoder, PictureEncoder, TextEncoder


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
    residence: Residence
    text_encoder: TextEncoder
    autoencoder: PictureEncoder
    denoiser: Denoiser
    decoder: GaussianDecoder
    trained: bool
    weights: str
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self.residence.device


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
    residence: Residence,
    *,
    trained: bool,
    weights: str,
    dtype: torch.dtype,
    lasting: Path | None = None,
    fetch_text_encoder: Callable[[], None] = lambda: None,
) -> Model:
    """Join networks to a model. `residence` brings each to the device for its calls.

    Args:
        name: What the user asked for.
        config: All sizes.
        networks: With their weights in place.
        tokenizer: Of the text encoder.
        residence: Of the same networks.
        trained: Whether scenes mean anything.
        weights: Identifies the numbers.
        dtype: In which the networks compute.
        lasting: The folder in which the embedding of the empty prompt is kept.
        fetch_text_encoder: Called before each use of the text encoder, which may have its weights only then.
    """
    text_encoder = _resident(Umt5TextEncoder(tokenizer, networks.text_encoder), "text_encoder", residence)

    def encode(prompts: list[str]) -> Tensor:
        fetch_text_encoder()
        return text_encoder(prompts)

    denoiser = TransformerDenoiser(networks.transformer, config.autoencoder.z_dim)
    return Model(
        name=name,
        config=config,
        networks=networks,
        residence=residence,
        text_encoder=RememberedPrompts(encode, lasting),
        autoencoder=_chunked(networks.vae, "vae", residence),
        denoiser=_resident(denoiser, "transformer", residence),
        decoder=_chunked(networks.recon_decoder, "recon_decoder", residence),
        trained=trained,
        weights=weights,
        dtype=dtype,
    )


def _resident(network: Any, name: str, residence: Residence) -> Any:
    def call(*args: Any) -> Any:
        with residence.working(name):
            return network(*args)

    return call


def _chunked(network: Any, name: str, residence: Residence) -> Any:
    """A network that works on as many views at once as the plan of the moment says."""
    return _resident(lambda *args: network(*args, views_at_once=residence.plan.views_at_once), name, residence)
