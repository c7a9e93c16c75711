"""From worlds to what the model is given, and from what it predicts to Gaussians and pictures, with gradients.

The same computation as `flashworld.denoising.loop`, for batches in which every scene has a noise level of its own.
Networks compute short on CUDA; rays and Gaussians stay in float32.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.anchoring import anchored_batch
from flashworld.cameras import Cameras, ray_map
from flashworld.conditioning import PictureAt
from flashworld.gaussians import Gaussians
from flashworld.models.text import NUM_TOKENS, PREFIX, Umt5TextEncoder, byte_tokenizer
from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal, there
from flashworld.training.filling import LONGEST, without_filling
from flashworld.training.flow import Velocity, spread
from flashworld.training.pupil import Pupil, computing_short

PIXELS_AT_ONCE = 2**23
"""A batch is encoded in chunks of about this many pixels: more than in generation, where memory is short."""


@dataclass(frozen=True)
class SceneBatch:
    """Worlds as they are, b of them with v views of which the first may be shown to the model."""

    rgb: Float[Tensor, "b v 3 H W"]
    """0 to 1."""
    distance: Float[Tensor, "b v H W"]
    cameras: Cameras
    captions: list[str]

    @classmethod
    def of(cls, worlds: list[SeenWorld], device: torch.device) -> "SceneBatch":
        """Stack worlds on a device."""
        return cls(
            rgb=there(torch.stack([world.rgb for world in worlds]), device).float() / 255,
            distance=there(torch.stack([world.distance for world in worlds]), device).float(),
            cameras=Cameras.from_vectors(there(torch.stack([world.cameras.vectors() for world in worlds]), device)),
            captions=[world.caption for world in worlds],
        )

    def views(self, num_views: int) -> "SceneBatch":
        """The first views alone."""
        cameras = Cameras.from_vectors(self.cameras.vectors()[:, :num_views])
        return SceneBatch(self.rgb[:, :num_views], self.distance[:, :num_views], cameras, self.captions)


@dataclass(frozen=True)
class Known:
    """What the model is told, and the clean latents that it is to find. `latents` are zero but at the first view."""

    text: Float[Tensor, "b l d"]
    rays: Float[Tensor, "b 6 t h w"]
    latents: Float[Tensor, "b z t h w"]
    clean: Float[Tensor, "b z t h w"]
    shown: list[bool]
    """Which scenes have their picture."""


def known(
    pupil: Pupil, batch: SceneBatch, generator: torch.Generator, image_drop: float = 0.0, text_drop: float = 0.0
) -> Known:
    """Encode a batch. Some scenes lose their picture, some their caption."""
    num, views = batch.rgb.shape[:2]
    device = batch.rgb.device
    with torch.no_grad():
        clean = encode(pupil, batch.rgb, generator)
    kept = torch.rand(num, 1, 1, 1, generator=generator) >= image_drop
    shown = torch.zeros(num, 1, views, 1, 1, device=device)
    shown[:, :, 0] = there(kept.float(), device)
    silent = torch.rand(num, generator=generator) < text_drop
    captions = ["" if quiet else caption for quiet, caption in zip(silent.tolist(), batch.captions, strict=True)]
    h, w = clean.shape[-2:]
    rays = rearrange(ray_map(batch.cameras, h, w), "b t h w c -> b c t h w")
    return Known(embed_captions(pupil, captions, device), rays, clean * shown, clean, kept.flatten().tolist())


def encode(
    pupil: Pupil, pictures: Float[Tensor, "b v 3 H W"], generator: torch.Generator
) -> Float[Tensor, "b z v h w"]:
    """Latents of pictures of 0 to 1, drawn from their posterior."""
    rows = rearrange(pictures, "b v c H W -> (b v) c H W") * 2 - 1
    with computing_short(rows.device):
        posterior = pupil.vae(rows, views_at_once=max(1, PIXELS_AT_ONCE // rows[0, 0].numel()))
    noise = normal(posterior.mean.shape, generator, rows.device)
    return rearrange(posterior.sample(noise), "(b v) z h w -> b z v h w", b=len(pictures))


def embed_captions(pupil: Pupil, captions: list[str], device: torch.device) -> Float[Tensor, "b l d"]:
    """Text embeddings, of which the empty caption has one, too."""
    tokens, mask = (torch.stack(rows) for rows in zip(*map(_tokens, captions), strict=True))
    with computing_short(device):
        embeddings = Umt5TextEncoder(byte_tokenizer(), pupil.text_encoder).embed(tokens, mask)
    return without_filling(embeddings, int(mask.sum(dim=1).max()))


@lru_cache(maxsize=2**16)
def _tokens(caption: str) -> tuple[Tensor, Tensor]:
    """Tokens of a caption, filled with zeros, and their mask; worlds come again and again."""
    own = byte_tokenizer()(PREFIX + caption, max_length=LONGEST, truncation=True)["input_ids"]
    filling = NUM_TOKENS - len(own)
    return torch.tensor(own + filling * [0]), torch.tensor(len(own) * [1] + filling * [0])


@dataclass(frozen=True)
class Prediction:
    """What the transformer says of noisy latents."""

    velocity: Float[Tensor, "b z t h w"]
    features: Float[Tensor, "b f t h w"]
    latents: Float[Tensor, "b z t h w"]
    """The clean latents that follow."""


def predict(
    transformer: WanTransformer3DModel,
    given: Known,
    noisy: Tensor,
    sigma: Float[Tensor, " b"],
    feedback: Tensor | None = None,
) -> Prediction:
    """One pass. `feedback` is what the previous step found, features and latents [b f+z t h w], if there was one."""
    if feedback is None:
        feedback = nothing_fed_back(transformer, noisy)
    inputs = torch.cat([noisy, given.rays, given.latents, feedback], dim=1)
    with computing_short(noisy.device):
        (out,) = transformer(inputs, 1000 * sigma, given.text, return_dict=False)
    velocity, features = out.float().tensor_split([noisy.shape[1]], dim=1)
    return Prediction(velocity, features, noisy - spread(sigma) * velocity)


def nothing_fed_back(transformer: WanTransformer3DModel, noisy: Float[Tensor, "b z t h w"]) -> Tensor:
    """What the first step is told of the step before."""
    return noisy.new_zeros(len(noisy), transformer.config["out_channels"], *noisy.shape[2:])


def velocity_of(transformer: WanTransformer3DModel, given: Known) -> Velocity:
    """Multi-view mode: velocities of all views' latents at any noise levels, without feedback."""
    return lambda noisy, sigma: predict(transformer, given, noisy, sigma).velocity


def gaussians_of(pupil: Pupil, prediction: Prediction, cameras: Cameras) -> Gaussians:
    """Scenes [b, n] in the order view, point, row, column."""
    decoder, num = pupil.recon_decoder, len(prediction.latents)
    features = rearrange(prediction.features, "b f t h w -> (b t) f h w")
    codes = rearrange(decoder.scale.to_decoder(prediction.latents), "b z t h w -> (b t) z h w")
    with computing_short(codes.device):
        maps = decoder.decode(features, codes)
    views = decoder.gs_head(maps.float(), Cameras.from_vectors(cameras.vectors().flatten(0, 1)))
    return Gaussians.from_vectors(rearrange(views.vectors(), "(b t) n c -> b (t n) c", b=num))


def as_generated(pupil: Pupil, scenes: Gaussians, seen: SceneBatch, shown: list[bool]) -> Gaussians:
    """Scenes as generation makes them: those of an anchored model have the pictures that were shown to it."""
    if not pupil.config.anchored:
        return scenes
    pictures = [PictureAt(rgb[0] * 2 - 1, 0) if known else None for rgb, known in zip(seen.rgb, shown, strict=True)]
    return anchored_batch(scenes, seen.cameras, pictures)
