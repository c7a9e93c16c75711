"""Bytes and operations of a scene, counted from the sizes of the model. docs/memory.md works an example through.

Sums are of what lives at once; the constants stand for the temporary tensors that a count of layers does not show and
were fitted to a measured run (`benchmarks/gpu.py`).
"""

import functools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from flashworld.anchoring import NUM_IN_BACKDROP
from flashworld.models.config import ModelConfig
from flashworld.models.fp8 import Fp8, quantise_blocks
from flashworld.models.model import build_networks
from flashworld.models.precision import weight_dtype
from flashworld.placement.plans import Plan

FLOATS_PER_GAUSSIAN = 11
BYTES_TO_RASTERISE = 90
BYTES_PER_RASTERISED = 210
"""Of a Gaussian, and of a Gaussian in one view: its projection, and its places in lists of tiles, twice for sorting. A
model's first scene touches more tiles than a finished one."""

CUDA_CONTEXT = 600 * 2**20
"""What a process takes for itself before the first tensor: kernels, cuBLAS and cuDNN workspaces."""


@dataclass(frozen=True)
class Size:
    """Frames, height and width in pixels at which the model works, and scenes at once."""

    frames: int
    height: int
    width: int
    scenes: int = 1

    @property
    def pixels(self) -> int:
        """Of all views together."""
        return self.scenes * self.frames * self.height * self.width

    @property
    def latents(self) -> int:
        """Cells of the latent grid, of all views together."""
        return self.pixels // 256


FULL_SIZE = Size(24, 480, 704)


@dataclass(frozen=True)
class Weights:
    """Bytes of each network, of a block of those that can be streamed, and of what is in no block."""

    transformer: int
    transformer_block: int
    transformer_rest: int
    text_encoder: int
    text_block: int
    vae: int
    recon_decoder: int


@functools.cache
def count_weights(config: ModelConfig, blocks: Literal["fp8", "full"], dtype: torch.dtype) -> Weights:
    """Bytes of a model's weights as a plan holds them."""
    networks = build_networks(config)
    if blocks == "fp8":
        quantise_blocks(networks.transformer, Fp8(), dtype)
    block = max(_bytes(networks.transformer, dtype, f"blocks.{i}.") for i in range(config.transformer.num_layers))
    text_block = max(_bytes(networks.text_encoder, dtype, f"encoder.block.{i}.") for i in range(config.text.num_layers))
    transformer = _bytes(networks.transformer, dtype)
    return Weights(
        transformer=transformer,
        transformer_block=block,
        transformer_rest=transformer - config.transformer.num_layers * block,
        text_encoder=_bytes(networks.text_encoder, dtype),
        text_block=text_block,
        vae=_bytes(networks.vae, dtype),
        recon_decoder=_bytes(networks.recon_decoder, dtype),
    )


def _bytes(module: nn.Module, dtype: torch.dtype, prefix: str = "") -> int:
    return sum(
        value.numel() * weight_dtype(module, name, dtype).itemsize
        for name, value in module.named_parameters()
        if name.startswith(prefix)
    )


def num_gaussians(config: ModelConfig, size: Size) -> int:
    """Gaussians of scenes: two for each cell of the half-resolution grid; about, where they are anchored."""
    decoded = size.latents * 64 * config.points_per_pixel
    # Of the view that the picture shows there are twice as many, and as many again to line them.
    return decoded + (3 * decoded // size.frames + size.scenes * NUM_IN_BACKDROP if config.anchored else 0)


def scene_bytes(config: ModelConfig, size: Size) -> int:
    """What the loop holds all the time: inputs, outputs, feedback, pictures, the scenes of this step and the last."""
    gaussians = num_gaussians(config, size) * 4 * (FLOATS_PER_GAUSSIAN + 3 * (config.sh_degree + 1) ** 2)
    channels = config.in_channels + 2 * config.out_channels + 4 * config.autoencoder.z_dim
    return 2 * gaussians + 4 * size.latents * channels + 4 * 3 * size.pixels


def stage_bytes(config: ModelConfig, size: Size, plan: Plan, dtype: torch.dtype) -> dict[str, int]:
    """Temporary bytes of each stage, beside weights and scene."""
    views = size.scenes * size.frames
    at_once = min(plan.views_at_once or views, views)
    cells = 64 * size.latents // views * at_once
    transformer, autoencoder = config.transformer, config.autoencoder
    width = transformer.num_attention_heads * transformer.attention_head_dim
    tokens = size.latents // (transformer.patch_size[1] * transformer.patch_size[2])
    gaussians = num_gaussians(config, size)
    finest = autoencoder.decoder_base_dim * autoencoder.dim_mult[1]  # its width where it has just become finest
    return {
        # The hidden layer before and after its activation, and the stream of tokens a few times over.
        "denoise": tokens * dtype.itemsize * (2 * transformer.ffn_dim + 6 * width),
        # The finest maps before and after a layer; joining the views' Gaussians holds them twice.
        "decode": cells * finest * 9 * dtype.itemsize // 2 + gaussians * 4 * 38,
        "render": gaussians // size.scenes * (BYTES_TO_RASTERISE + BYTES_PER_RASTERISED * at_once) + 12 * size.pixels,
        "encode": cells * autoencoder.base_dim * 5 * dtype.itemsize + 12 * size.pixels,
    }


def operations(config: ModelConfig, size: Size) -> dict[str, float]:
    """Floating-point operations of one call of each stage for the whole scene."""
    sizes, autoencoder = config.transformer, config.autoencoder
    width = sizes.num_attention_heads * sizes.attention_head_dim
    patch = sizes.patch_size[1] * sizes.patch_size[2]
    tokens = size.latents / patch
    linear = sizes.num_layers * (6 * width * width + 2 * width * sizes.ffn_dim)  # k and v of the sentence are few
    ends = patch * width * (config.in_channels + config.out_channels)
    attention = 2 * tokens / size.scenes * width * sizes.num_layers  # of a token with all of its scene
    text = 2 * 512 * width * sizes.num_layers
    return {
        "denoise": 2 * tokens * (linear + ends + attention + text),
        "decode": size.latents * _convolutions(autoencoder.decoder_base_dim, config),
        "encode": size.latents * _convolutions(autoencoder.base_dim, config) / 2,
    }


def _convolutions(base: int, config: ModelConfig) -> float:
    """Operations of a stack of 3 x 3 convolutions from the latent grid to one eight times finer, for a latent cell.

    Each level has two convolutions in each of its residual blocks, and one that changes the resolution.
    """
    autoencoder = config.autoencoder
    widths = [base * factor for factor in reversed(autoencoder.dim_mult)]
    total = 0.0
    for level, width in enumerate(widths):
        cells = 4**level
        residual = 2 * (autoencoder.num_res_blocks + 1) * width * width
        finer = 4 * width * width if level + 1 < len(widths) else 0
        total += 2 * 9 * cells * (residual + finer)
    return total
