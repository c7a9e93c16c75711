"""Stage `autoencoder`: pictures to latents and back, each picture by itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from flashworld.training.components import Components
from flashworld.training.data import SeenWorld
from flashworld.training.draws import normal
from flashworld.training.measures import psnr, sheet
from flashworld.training.pictures import varied
from flashworld.training.pupil import Pupil, computing_short
from flashworld.training.trainer import Plan, Task

EPSILON = 1e-3
"""Where Charbonnier's loss turns from quadratic to linear, in picture values."""
START_LOG_VARIANCE = -6.0


@dataclass(frozen=True)
class AutoencoderStage:
    """Settings of the stage. Pictures of a step come from `window` worlds; a new one joins every `renew` steps."""

    plan: Plan
    window: int
    renew: int
    gradient_weight: float = 0.3
    kl_weight: float = 1e-4
    taught: float = 0.5
    """Share of the training in which linear codes are taught: half of a batch is decoded from them."""
    code_weight: float = 0.1
    """Of the mean square difference between latents and linear codes, so long."""
    examples: int = 32
    """Worlds from which the linear codes are made."""
    held_out: int = 16
    """Worlds that are scored."""


def task(
    pupil: Pupil,
    stage: AutoencoderStage,
    batches: Callable[[int], Iterator[list[SeenWorld]]],
    examples: list[SeenWorld],
    held_out: list[SeenWorld],
    device: torch.device,
) -> Task[list[SeenWorld]]:
    """The stage's task; `batches(k)` begins with the worlds from which step k draws. Linear codes are of `examples`."""
    if not any(p.requires_grad for p in pupil.parameters()):
        _begin(pupil)
    truth = torch.stack([world.rgb[0] for world in held_out]).to(device).float() / 127.5 - 1
    views = torch.cat([world.rgb for world in examples]).to(device).float() / 127.5 - 1
    components = Components.of(views, pupil.config.autoencoder.z_dim)

    def losses(window: list[SeenWorld], generator: torch.Generator, progress: float) -> dict[str, Tensor]:
        views = len(window[0].rgb)
        chosen = torch.randint(views * len(window), (stage.plan.part,), generator=generator).tolist()
        pictures = varied(torch.stack([window[i // views].rgb[i % views] for i in chosen]).to(device), generator)
        codes = components.codes(pictures) if progress < stage.taught else None
        return autoencoder_losses(pupil, pictures, codes, generator, stage)

    def score() -> tuple[dict[str, float], Image.Image]:
        mean = pupil.vae.moments(truth).chunk(2, dim=1)[0]
        decoded = pupil.decode_pictures(mean).float() / 2 + 0.5
        shown = truth[:8] / 2 + 0.5
        return {"psnr": psnr(decoded, truth / 2 + 0.5).mean().item()}, sheet([shown, decoded[:8]])

    return Task("autoencoder", pupil, batches, losses, score)


def _begin(pupil: Pupil) -> None:
    """Choose what learns, and begin with nearly noiseless latents: pictures are learned before noise is allowed."""
    for part in (pupil.vae, pupil.recon_decoder.decoder, pupil.recon_decoder.post_quant_conv, pupil.colour_out):
        part.requires_grad_(True)
    bias = pupil.get_parameter("vae.quant_conv.bias")
    torch.nn.init.constant_(bias[pupil.config.autoencoder.z_dim :], START_LOG_VARIANCE)


def autoencoder_losses(
    pupil: Pupil, pictures: Tensor, codes: Tensor | None, generator: torch.Generator, stage: AutoencoderStage
) -> dict[str, Tensor]:
    """Charbonnier's loss, the L1 loss of horizontal and vertical differences, and the KL divergence from N(0, 1).

    With linear `codes`, half of the pictures are decoded from these, and latents are to be like them.
    """
    with computing_short(pictures.device):
        mean, log_variance = pupil.vae.moments(pictures).chunk(2, dim=1)
        log_variance = log_variance.clamp(-30, 20)
        noise = normal(mean.shape, generator, mean.device).to(mean)
        latents = mean + torch.exp(0.5 * log_variance) * noise
        if codes is not None:
            half = len(codes) // 2
            latents = torch.cat([codes[:half], latents[half:]])
        decoded = pupil.decode_pictures(latents).float()
    difference = decoded - pictures
    losses = {
        "charbonnier": (difference.square() + EPSILON**2).sqrt().mean(),
        "gradient_l1": difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean(),
        "kl": 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(),
    }
    loss = losses["charbonnier"] + stage.gradient_weight * losses["gradient_l1"] + stage.kl_weight * losses["kl"]
    if codes is not None:
        losses["codes"] = (mean - codes).square().mean()
        loss = loss + stage.code_weight * losses["codes"]
    return {"loss": loss, **losses}


@torch.no_grad()
def latent_statistics(pupil: Pupil, worlds: list[SeenWorld]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each latent channel over all views of some worlds."""
    device = pupil.colour_out.weight.device
    views = torch.cat([world.rgb for world in worlds]).to(device).float() / 127.5 - 1
    latents = torch.cat([pupil.vae.moments(part).chunk(2, dim=1)[0] for part in views.split(64)])
    return tuple(latents.mean(dim=(0, 2, 3)).tolist()), tuple(latents.std(dim=(0, 2, 3)).tolist())
