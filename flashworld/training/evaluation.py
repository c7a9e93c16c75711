"""How well a model makes scenes of held-out worlds, against what can be done without one.

An anchored model (`flashworld.anchoring`) is also scored as it is without that, and with its picture at one constant
distance: what is left over both is what it knows of distances and of what the picture does not show.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.anchoring import anchored, decoder_for
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.conditioning import PictureAt, condition
from flashworld.denoising import Schedule, denoise
from flashworld.gaussians import Gaussians
from flashworld.models.model import Model
from flashworld.noise import seeded_noise
from flashworld.rendering import Rendering, render
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.measures import pooled_psnr, psnr, relative_error, sheet, ssim
from flashworld.training.worlds import SKY_DISTANCE, held_out_seed

USUAL_DISTANCE = 2.5
"""Median distance of every world's first view, in units of the model's world."""
EXTRA_VIEWS = 2
SHOWN = 6
"""Worlds on the sheet."""


@dataclass(frozen=True)
class WorldScores:
    """Scores of one world. `novel_psnr` and `novel_ssim` are of all views but the first, by who made them.

    `input_psnr` is of the first view, by who made it.
    """

    seed: int
    template: str
    caption: str
    input_psnr: dict[str, float]
    abs_rel: float
    """Of the first view's rendered distances."""
    abs_rel_constant: float
    """Of saying the usual distance everywhere."""
    holes: float
    """Share of the novel views' pixels through which most of the background shines."""
    novel_psnr: dict[str, float]
    novel_ssim: dict[str, float]


def evaluate(
    model: Model, num_worlds: int, heard: Callable[[WorldScores], None]
) -> tuple[list[WorldScores], Image.Image]:
    """Scores of held-out worlds 0 to `num_worlds - 1` at the model's native size, and a sheet of the first few.

    The sheet has two rows a world: the truth, and the model's scene, from the first view on.
    """
    assert model.config.native is not None, "a model without a native size has no size to be scored at"
    views, height, width = model.config.native
    sight = Sight(height, width, views, EXTRA_VIEWS)
    scores, rows = [], []
    for index in range(num_worlds):
        seed = held_out_seed(index)
        made, seen = sight.make(seed), sight(seed)
        truth = seen.rgb.float() / 255
        steps = scenes_of(model, seen, views, seed, anchor=model.config.anchored)
        last = render(steps[-1].to("cpu"), seen.cameras, height, width)
        pictures = {
            "model": last.colour,
            "first_step_only": render(steps[0].to("cpu"), seen.cameras, height, width).colour,
            **(_unanchored(model, seen, views, seed) if model.config.anchored else {}),
            "repeat": truth[:1].expand_as(truth),
            "billboard": billboard(truth[0], seen.cameras, USUAL_DISTANCE),
            "billboard_true_median": billboard(truth[0], seen.cameras, float(seen.distance[0].float().median())),
        }
        far, found = seen.distance[0].float(), rendered_distance(last, seen.cameras)[0]
        scores.append(
            WorldScores(
                seed=seed,
                template=made.template,
                caption=made.caption,
                input_psnr={name: psnr(shown[0], truth[0]).item() for name, shown in pictures.items()},
                abs_rel=relative_error(found, far, SKY_DISTANCE).item(),
                abs_rel_constant=relative_error(torch.full_like(far, USUAL_DISTANCE), far, SKY_DISTANCE).item(),
                holes=(last.alpha[1:] < 0.5).float().mean().item(),
                novel_psnr={name: pooled_psnr(shown[1:], truth[1:]).item() for name, shown in pictures.items()},
                novel_ssim={name: ssim(shown[1:], truth[1:]).mean().item() for name, shown in pictures.items()},
            )
        )
        heard(scores[-1])
        if index < SHOWN:
            rows += [truth, last.colour]
    return scores, sheet(rows)


def _unanchored(model: Model, seen: SeenWorld, num_views: int, seed: int) -> dict[str, Tensor]:
    """Pictures of an anchored model's scene without anchoring, and with the picture at a constant distance."""
    height, width = seen.rgb.shape[-2:]
    scene = scenes_of(model, seen, num_views, seed, anchor=False)[-1].to("cpu")
    picture = PictureAt(seen.rgb[0].float() / 127.5 - 1, 0)
    scenes = {
        "not_anchored": scene,
        "anchored_constant": anchored(scene, seen.cameras[:num_views], picture, USUAL_DISTANCE),
    }
    return {name: render(scene, seen.cameras, height, width).colour for name, scene in scenes.items()}


@torch.no_grad()
def scenes_of(model: Model, seen: SeenWorld, num_views: int, seed: int, *, anchor: bool) -> list[Gaussians]:
    """A world's scene after each step of generation, from its first view and its caption."""
    noise = seeded_noise(seed % 2**31)
    height, width = seen.rgb.shape[-2:]
    picture = PictureAt((seen.rgb[0].float() / 127.5 - 1).to(model.device), 0)
    decoder = decoder_for(model.decoder, anchor, [picture])
    cameras = Cameras.from_vectors(seen.cameras.vectors()[None, :num_views]).to(model.device)
    grid = (model.config.autoencoder.z_dim, height // 16, width // 16)
    text = model.text_encoder([seen.caption]).to(model.device)
    given = condition(model.autoencoder, text, [picture], cameras, grid, [noise])
    schedule = Schedule.flow(model.config.denoising_steps, model.config.shift)
    channels = model.config.feature_channels
    steps = denoise(model.denoiser, decoder, model.autoencoder, given, schedule, [noise], feature_channels=channels)
    return [step.gaussians[0] for step in steps]


def billboard(
    picture: Float[Tensor, "3 height width"], cameras: Cameras, distance: float
) -> Float[Tensor, "views 3 height width"]:
    """The picture as an endless board `distance` before the first camera, its border's colours going on for ever."""
    height, width = picture.shape[-2:]
    origins, directions = cast_rays(cameras, height, width)
    first = cameras[0]
    start, ahead = ((v - o) @ first.rotations for v, o in ((origins, first.positions), (directions, 0.0)))
    # Rays that never meet the board go on until they are far to its side.
    along = (-distance - start[..., 2]) / ahead[..., 2].clamp(max=-1e-3)
    x, y, _ = (start + along[..., None] * ahead).unbind(-1)
    fx, fy, cx, cy = first.intrinsics.tolist()
    grid = torch.stack([2 * (fx * x / distance + cx) - 1, 2 * (cy - fy * y / distance) - 1], dim=-1)
    source = picture.expand(len(cameras), -1, -1, -1)
    return torch.nn.functional.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)


def rendered_distance(rendering: Rendering, cameras: Cameras) -> Float[Tensor, "views height width"]:
    """Distance along each pixel's ray to where the light comes from, holes aside."""
    _, height, width = rendering.depth.shape
    directions = cast_rays(cameras, height, width)[1]
    z_per_distance = -torch.einsum("vhwi,vi->vhw", directions, cameras.rotations[..., 2])
    return rendering.depth / rendering.alpha.clamp(min=1e-3) / z_per_distance


def summary(scores: list[WorldScores]) -> dict[str, Any]:
    """Means with half the width of their 95 % interval, shares of worlds won, and novel views by movement."""
    novel = [score.novel_psnr for score in scores]
    by_template = defaultdict(list)
    for score in scores:
        by_template[score.template].append(score.novel_psnr["model"] - score.novel_psnr["billboard"])
    return {
        "worlds": len(scores),
        "input_psnr": {name: interval([score.input_psnr[name] for score in scores]) for name in novel[0]},
        "abs_rel": interval([score.abs_rel for score in scores]),
        "abs_rel_constant": interval([score.abs_rel_constant for score in scores]),
        "holes": interval([score.holes for score in scores]),
        "novel_psnr": {name: interval([psnrs[name] for psnrs in novel]) for name in novel[0]},
        "novel_ssim": {name: interval([score.novel_ssim[name] for score in scores]) for name in novel[0]},
        "better_than": {
            name: sum(psnrs["model"] > psnrs[name] for psnrs in novel) / len(novel)
            for name in novel[0]
            if name != "model"
        },
        "novel_psnr_over_billboard_by_movement": {name: interval(gains) for name, gains in by_template.items()},
        "each": [asdict(score) for score in scores],
    }


def interval(values: list[float]) -> dict[str, float]:
    """Mean, and half the width of its 95 % interval by the normal distribution (0 for a single value)."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return {"mean": mean, "half_width_95": 1.96 * math.sqrt(variance / len(values))}
