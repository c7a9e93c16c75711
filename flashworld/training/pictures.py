"""Pictures for the autoencoder: crops, mosaics and mixed colours of worlds, and noise, so that photographs survive."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from flashworld.training.draws import normal

TORN_SHARE = 0.2
MOSAIC_SHARE = 0.25
MIXED_SHARE = 0.5


def varied(views: UInt8[Tensor, "n 3 height width"], generator: torch.Generator) -> Float[Tensor, "n 3 height width"]:
    """A picture with values -1 to 1 of each view, on the device of `views`.

    Each is mirrored or not and zoomed in up to three times; some are four views in one, half have their colours mixed,
    some are torn along noise whose power falls with frequency as in photographs, and overlaid with it.
    """
    num, _, height, width = views.shape
    pictures = _zoomed(views.float() / 127.5 - 1, generator)
    pictures = _mosaics(pictures, generator)
    pictures = _colours_mixed(pictures, generator)
    torn = (torch.rand(num, generator=generator) < TORN_SHARE).nonzero().squeeze(1)
    if len(torn):
        noise = pink_noise(len(torn), height, width, generator, views.device)
        pictures = pictures.index_copy(0, torn.to(views.device), _torn(pictures, torn, noise))
    return pictures.clamp(-1, 1)


def _torn(pictures: Tensor, which: Tensor, noise: Tensor) -> Tensor:
    """Some pictures as collages with their neighbours in the batch, torn along the noise, which also lies on them.

    Worlds have straight edges and clean surfaces; photographs have coasts at every scale, and texture on everything. A
    third of these pictures is noise alone.
    """
    here = pictures[which.to(pictures.device)]
    there = pictures[((which + 1) % len(pictures)).to(pictures.device)].flip(-2)
    torn = torch.where(noise[:, :1] > 0, here, there) + 0.3 * noise.roll((len(noise) + 1) // 2, 0)
    alone = torch.arange(len(noise), device=noise.device) % 3 == 0
    return torch.where(alone[:, None, None, None], noise, torn)


def _zoomed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    num = len(pictures)
    zoom = torch.exp(torch.rand(num, generator=generator) * 1.1)
    zoom = torch.where(torch.rand(num, generator=generator) < 0.4, 1.0, zoom)
    flip = torch.where(torch.rand(num, generator=generator) < 0.5, -1.0, 1.0)
    place = (torch.rand(num, 2, generator=generator) * 2 - 1) * (1 - 1 / zoom)[:, None]
    affine = torch.zeros(num, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1], affine[:, :, 2] = flip / zoom, 1 / zoom, place
    grid = torch.nn.functional.affine_grid(affine.to(pictures.device), list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _mosaics(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Some pictures replaced by four halved ones: details twice as fine, and hard edges."""
    small = interpolate(pictures, scale_factor=0.5, mode="area")
    order = [torch.randperm(len(pictures), generator=generator).to(pictures.device) for _ in range(4)]
    rows = [torch.cat([small[order[0]], small[order[1]]], -1), torch.cat([small[order[2]], small[order[3]]], -1)]
    chosen = (torch.rand(len(pictures), generator=generator) < MOSAIC_SHARE).to(pictures.device)
    return torch.where(chosen[:, None, None, None], torch.cat(rows, -2), pictures)


def _colours_mixed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    num = len(pictures)
    matrix = torch.eye(3) + 0.35 * torch.randn(num, 3, 3, generator=generator)
    matrix = matrix / matrix.sum(-1, keepdim=True).clamp(min=0.5)
    shift = 0.15 * torch.randn(num, 3, 1, 1, generator=generator)
    mixed = torch.einsum("nij,njhw->nihw", matrix.to(pictures.device), pictures) + shift.to(pictures.device)
    chosen = (torch.rand(num, generator=generator) < MIXED_SHARE).to(pictures.device)
    return torch.where(chosen[:, None, None, None], mixed, pictures)


def pink_noise(
    num: int, height: int, width: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Float[Tensor, "num 3 height width"]:
    """Noise of amplitude 1/f, with partly shared colour channels; standard deviation about 0.4."""
    white = normal((num, 3, height, width), generator, device)
    white = white + 1.5 * white[:, :1]
    rows, columns = (f(n, device=device) for f, n in ((torch.fft.fftfreq, height), (torch.fft.rfftfreq, width)))
    rows, columns = rows[:, None], columns[None, :]
    frequency = torch.hypot(rows, columns).clamp(min=1 / max(height, width))
    noise = torch.fft.irfft2(torch.fft.rfft2(white) / frequency, s=(height, width))
    return 0.4 * noise / noise.std(dim=(1, 2, 3), keepdim=True)
