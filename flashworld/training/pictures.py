"""Pictures for the autoencoder: crops, mosaics and mixed colours of worlds, and noise, so that photographs survive."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

NOISE_SHARE = 0.08
MOSAIC_SHARE = 0.25
MIXED_SHARE = 0.5


def varied(views: UInt8[Tensor, "n 3 height width"], generator: torch.Generator) -> Float[Tensor, "n 3 height width"]:
    """A picture with values -1 to 1 of each view, on the device of `views`.

    Each is mirrored or not and zoomed in up to three times; some are four views in one, half have their colours mixed,
    a few are replaced by noise whose power falls with frequency as in photographs.
    """
    num, _, height, width = views.shape
    pictures = _zoomed(views.float() / 127.5 - 1, generator)
    pictures = _mosaics(pictures, generator)
    pictures = _colours_mixed(pictures, generator)
    noisy = (torch.rand(num, generator=generator) < NOISE_SHARE).nonzero().squeeze(1)
    if len(noisy):
        noise = pink_noise(len(noisy), height, width, generator).to(views.device)
        pictures = pictures.index_copy(0, noisy.to(views.device), noise)
    return pictures.clamp(-1, 1)


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


def pink_noise(num: int, height: int, width: int, generator: torch.Generator) -> Float[Tensor, "num 3 height width"]:
    """Noise of amplitude 1/f, with partly shared colour channels; standard deviation about 0.4."""
    white = torch.randn(num, 3, height, width, generator=generator)
    white = white + 1.5 * white[:, :1]
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None, :]
    frequency = torch.hypot(rows, columns).clamp(min=1 / max(height, width))
    noise = torch.fft.irfft2(torch.fft.rfft2(white) / frequency, s=(height, width))
    return 0.4 * noise / noise.std(dim=(1, 2, 3), keepdim=True)
