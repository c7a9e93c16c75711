"""Sections 5, 6, 7, 11 and 12 of the reference: every network alone, in float32 and in reduced precision."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.events import ignore
from flashworld.gaussians import Gaussians
from flashworld.models.autoencoder import ImageAutoencoder
from flashworld.models.fp8 import Fp8, quantise_blocks
from flashworld.models.precision import weight_dtype
from flashworld.models.reconstruction import ReconstructionDecoder
from flashworld.models.text import Umt5TextEncoder
from flashworld.models.transformer import TransformerDenoiser
from flashworld.protocols import Posterior
from flashworld.testing.parity.comparison import Comparison, largest, relative_l2

TEXT, VAE, TRANSFORMER, DECODER = 1e-5, 2e-5, 3e-5, 5e-5

REDUCED = {
    "transformer.out": 0.029,
    "transformer.out_bf16_nofp8": 0.0066,
    "vae.moments": 0.0029,
    "recon.decoded": 0.013,
    "recon.gaussians": 0.012,
}
"""Relative L2 distance of the release's reduced precision to float32; ours may be twice as far."""


@dataclass(frozen=True)
class Miniature:
    """The reference's small model in float32."""

    denoiser: TransformerDenoiser
    decoder: ReconstructionDecoder
    autoencoder: ImageAutoencoder

    def reduced(self) -> "Miniature":
        """A copy that computes in bfloat16."""
        copy = deepcopy(self)
        for module in (copy.denoiser.transformer, copy.decoder, copy.autoencoder):
            for name, value in [*module.named_parameters(), *module.named_buffers()]:
                value.data = value.data.to(weight_dtype(module, name, torch.bfloat16))
        return copy


def compare_text(recorded: dict[str, Tensor], encoder: Umt5TextEncoder, file: str, name: str) -> Iterator[Comparison]:
    """Embeddings of recorded tokens; `name` is the tensor that holds them."""
    with torch.no_grad():
        embeddings = encoder.embed(recorded["input_ids"], recorded["attention_mask"])
    yield Comparison(file, name, largest(embeddings, recorded[name]), TEXT)


def compare_autoencoder(recorded: dict[str, Tensor], autoencoder: ImageAutoencoder) -> Iterator[Comparison]:
    """Moments, posterior, samples and the latents' scale."""
    with torch.no_grad():
        moments = autoencoder.moments(recorded["image"].squeeze(2))
        posterior = autoencoder(recorded["image"].squeeze(2), ignore)
    mean, logvar = moments.chunk(2, dim=1)
    logvar = logvar.clamp(-30, 20)
    unscaled = Posterior(mean, (logvar / 2).exp())
    noise = recorded["noise"].squeeze(2)
    ours = {
        "moments": moments,
        "mean": mean,
        "logvar": logvar,
        "std": unscaled.std,
        "sample": unscaled.sample(noise),
        "scaled_mean": posterior.mean,
        "scaled_sample": posterior.sample(noise),
        "unscaled_again": autoencoder.scale.to_decoder(posterior.sample(noise)),
    }
    for name, values in ours.items():
        yield Comparison("vae.safetensors", name, largest(values[:, :, None], recorded[name]), VAE)


def compare_denoiser(recorded: dict[str, Tensor], denoiser: TransformerDenoiser) -> Iterator[Comparison]:
    """One call, and the conditioning inside the network."""
    velocity, features = _predict(denoiser, recorded)
    transformer, text = denoiser.transformer, recorded["encoder_hidden_states"]
    with torch.no_grad():
        embedded = transformer.condition_embedder(recorded["timestep"], text, None)
        cosines, sines = transformer.rope(recorded["hidden_states"])
    ours = {
        "out": torch.cat([velocity, features], dim=1),
        "v_pred": velocity,
        "feats": features,
        "temb": embedded[0],
        "timestep_proj": embedded[1],
        "text_tokens": embedded[2],
        "rope_cos": cosines.transpose(1, 2),
        "rope_sin": sines.transpose(1, 2),
    }
    for name, values in ours.items():
        yield Comparison("transformer.safetensors", name, largest(values, recorded[name]), TRANSFORMER)


def compare_decoder(recorded: dict[str, Tensor], decoder: ReconstructionDecoder) -> Iterator[Comparison]:
    """Features and latents to Gaussians."""
    decoded, gaussians = _decode(decoder, recorded)
    yield Comparison("recon.safetensors", "decoded", largest(decoded, recorded["decoded"]), DECODER)
    yield Comparison("recon.safetensors", "gaussians", largest(gaussians, recorded["gaussians"]), DECODER)


def compare_head(recorded: dict[str, Tensor], decoder: ReconstructionDecoder) -> Iterator[Comparison]:
    """The Gaussian head alone."""
    with torch.no_grad():
        gaussians = decoder.gs_head(recorded["x"], Cameras.from_vectors(recorded["cameras"]))
    ours = gaussians.vectors().reshape(recorded["out"].shape)
    yield Comparison("gs_head.safetensors", "out", largest(ours, recorded["out"]), DECODER)


def compare_reduced(
    recorded: dict[str, Tensor], files: Mapping[str, dict[str, Tensor]], model: Miniature
) -> Iterator[Comparison]:
    """bfloat16, and FP8 blocks: distance to the *float32* fixtures, whose files must be there too."""
    reduced = model.reduced()
    ours: dict[str, tuple[Tensor, Tensor]] = {}
    if "transformer.safetensors" in files:
        exact = files["transformer.safetensors"]
        ours["transformer.out_bf16_nofp8"] = torch.cat(_predict(reduced.denoiser, exact), dim=1), exact["out"]
        quantise_blocks(reduced.denoiser.transformer, Fp8(per="tensor"))
        ours["transformer.out"] = torch.cat(_predict(reduced.denoiser, exact), dim=1), exact["out"]
    if "vae.safetensors" in files:
        exact = files["vae.safetensors"]
        with torch.no_grad():
            moments = reduced.autoencoder.moments(exact["image"].squeeze(2))
        ours["vae.moments"] = moments[:, :, None], exact["moments"]
    if "recon.safetensors" in files:
        exact = files["recon.safetensors"]
        decoded, gaussians = _decode(reduced.decoder, exact)
        ours["recon.decoded"] = decoded, exact["decoded"]
        ours["recon.gaussians"] = gaussians, exact["gaussians"]
    for name, (values, exact) in ours.items():
        if name in recorded:
            yield Comparison("mixed.safetensors", name, relative_l2(values, exact), 2 * REDUCED[name])


@torch.no_grad()
def _predict(denoiser: TransformerDenoiser, recorded: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return denoiser(recorded["hidden_states"], recorded["timestep"], recorded["encoder_hidden_states"], ignore)


@torch.no_grad()
def _decode(decoder: ReconstructionDecoder, recorded: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The decoder's feature maps and its Gaussians, both in the fixture's layout."""
    cameras = Cameras.from_vectors(recorded["cameras"])
    features, latents = (
        rearrange(recorded[name].squeeze(2), "(b t) c h w -> b c t h w", b=len(cameras))
        for name in ("feats", "latents")
    )
    decoded = decoder.decode(recorded["feats"].squeeze(2), recorded["latents"].squeeze(2)).float()
    gaussians: Gaussians = decoder(features, decoder.scale.to_denoiser(latents), cameras, ignore)
    return decoded[:, :, None], gaussians.vectors().reshape(recorded["gaussians"].shape)
