"""How good pictures and distances are, and sheets to look at."""

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

LINE = 16
"""Pixels of height for the words above a sheet's rows."""


def psnr(pictures: Float[Tensor, "*n 3 h w"], truth: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """Peak signal-to-noise ratio in decibels of each picture; values 0 to 1, and clamped to that."""
    return -10 * (pictures.clamp(0, 1) - truth).square().mean(dim=(-3, -2, -1)).clamp(min=1e-10).log10()


def pooled_psnr(pictures: Float[Tensor, "*n v 3 h w"], truth: Float[Tensor, "*n v 3 h w"]) -> Float[Tensor, "*n"]:
    """The same of all views v of a scene as one large picture: a view that is the same by chance is no triumph."""
    together = (rearrange(views, "... v c h w -> ... c (v h) w") for views in (pictures, truth))
    return psnr(*together)


def ssim(pictures: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Structural similarity of each picture, values 0 to 1 (Wang et al. 2004: Gaussian window of 11, sigma 1.5)."""
    offsets = torch.arange(11, device=truth.device) - 5.0
    line = torch.softmax(-0.5 * (offsets / 1.5) ** 2, dim=0)
    window = (line[:, None] * line)[None, None]

    def local_mean(x: Tensor) -> Tensor:
        return conv2d(rearrange(x, "n c h w -> (n c) 1 h w"), window)

    a, b = pictures.clamp(0, 1), truth
    mean_a, mean_b = local_mean(a), local_mean(b)
    var_a, var_b = local_mean(a * a) - mean_a**2, local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2))
    return rearrange(similarity, "(n c) 1 h w -> n (c h w)", c=3).mean(-1)


def gmsd(pictures: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Gradient magnitude similarity deviation, 0 for equal pictures; values 0 to 1 (Xue et al. 2014, c = 170).

    It sees what the PSNR forgives: blur where there are edges, and edges where there are none. It does not see colours,
    nor light that is wrong everywhere alike.
    """
    prewitt = truth.new_tensor([[1.0, 0, -1]] * 3) / 3
    kernels = torch.stack([prewitt, prewitt.T])[:, None]
    grey = truth.new_tensor([0.299, 0.587, 0.114])[:, None, None]

    def steepness(x: Tensor) -> Tensor:
        halved = avg_pool2d((x.clamp(0, 1) * grey).sum(dim=1, keepdim=True), 2)
        return conv2d(halved, kernels).square().sum(dim=1).sqrt()

    a, b = steepness(pictures), steepness(truth)
    constant = 170 / 255**2
    similarity = (2 * a * b + constant) / (a.square() + b.square() + constant)
    return similarity.flatten(1).std(dim=1, correction=0)


def relative_error(distance: Float[Tensor, "*n h w"], truth: Float[Tensor, "*n h w"], far: float) -> Tensor:
    """AbsRel: mean of |distance - truth| / truth over what is known (not 0) and nearer than `far` (there is sky)."""
    surface = (truth < far) & (truth > 0)
    return ((distance - truth).abs() / truth)[surface].mean()


def sheet(rows: list[Float[Tensor, "n 3 h w"]]) -> Image.Image:
    """A contact sheet of pictures with values 0 to 1, one row a list entry."""
    grid = torch.cat([torch.cat(list(row), dim=-1) for row in rows], dim=-2)
    return Image.fromarray((grid.clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy())


def captioned_sheet(rows: list[tuple[str, Float[Tensor, "n 3 h w"]]]) -> Image.Image:
    """A contact sheet whose rows have a line of words above them."""
    height, width = rows[0][1].shape[-2], max(row.shape[0] * row.shape[-1] for _, row in rows)
    whole = Image.new("RGB", (width, len(rows) * (height + LINE)), "white")
    draw = ImageDraw.Draw(whole)
    for index, (words, row) in enumerate(rows):
        top = index * (height + LINE)
        draw.text((3, top + LINE / 2), words, fill="black", anchor="lm")
        whole.paste(sheet([row]), (0, top + LINE))
    return whole
