"""How well a model makes scenes of held-out worlds, against what can be done without one.

An anchored model (`flashworld.anchoring`) is also scored as it is without that, and with its picture at one constant
distance: what is left over both is what it knows of distances and of what the picture does not show.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from PIL import Image
from torch import Tensor

from flashworld.anchoring import anchored, decoder_for
from flashworld.cameras import Cameras
from flashworld.conditioning import PictureAt, condition
from flashworld.denoising import Schedule, denoise
from flashworld.gaussians import Gaussians
from flashworld.models.model import Model
from flashworld.noise import seeded_noise
from flashworld.rendering import render
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.evaluation.baselines import baselines
from flashworld.training.evaluation.geometry import floaters, rendered_distance
from flashworld.training.measures import captioned_sheet, gmsd, pooled_psnr, relative_error, ssim
from flashworld.training.worlds import SKY_DISTANCE, scored_seed
from flashworld.training.worlds.seeds import template_of

EXTRA_VIEWS = 2
SHOWN = 6
"""Worlds on the sheet."""
ON_THE_SHEET = ("model", "billboard")
STRIDE = 0.1
"""Width of the classes of way gone, in shares of the first view's median distance."""


@dataclass(frozen=True)
class WorldScores:
    """Scores of one world. Dictionaries are by who made the pictures: the model, ways without one.

    `input_psnr` is of the first view, `novel_psnr`, `novel_ssim` and `novel_gmsd` of all others; to the PSNR these are
    one large picture.
    """

    seed: int
    template: str
    caption: str
    input_psnr: dict[str, float]
    novel_psnr: dict[str, float]
    novel_ssim: dict[str, float]
    novel_gmsd: dict[str, float]
    novel_psnr_by_way: dict[str, dict[str, float]]
    """First by how far the views' cameras have gone, see `ways`."""
    floaters: dict[str, float]
    """Of those who make scenes."""
    abs_rel: float
    """Of the first view's rendered distances."""
    abs_rel_constant: float
    """Of saying the usual distance everywhere."""
    holes: float
    """Share of the novel views' pixels through which most of the background shines."""


def evaluate(
    model: Model, num_worlds: int, heard: Callable[[WorldScores], None], reach: float | None = None
) -> tuple[list[WorldScores], Image.Image]:
    """Scores of the first `num_worlds` scored worlds at the model's native size, and a sheet of the first few.

    Args:
        model: A model that has a native size.
        num_worlds: How many worlds.
        heard: Called with the scores of each.
        reach: How far paths go, as a share of the first view's median distance, if not as far as in training.
    """
    assert model.config.native is not None, "a model without a native size has no size to be scored at"
    views, height, width = model.config.native
    sight = Sight(height, width, views, EXTRA_VIEWS)
    if reach is not None:
        sight = replace(sight, reach=reach)
    scores, rows = [], []
    for index in range(num_worlds):
        seed = scored_seed(index)
        seen = sight(seed)
        pictures, score = _scored(seen, _scenes(model, seen, sight, seed), sight, seed)
        scores.append(score)
        heard(score)
        if index < SHOWN:
            rows.append((f"{score.template}: {score.caption}", seen.rgb.float() / 255))
            rows += [(f"{name}: {score.novel_psnr[name]:.1f} dB", pictures[name]) for name in ON_THE_SHEET]
    return scores, captioned_sheet(rows)


def _scenes(model: Model, seen: SeenWorld, sight: Sight, seed: int) -> dict[str, Gaussians]:
    """The model's scene, that after its first step alone, and what tells how much anchoring does."""
    views, anchor = sight.num_views, model.config.anchored
    steps = scenes_by_step(model, seen, views, seed, anchor=anchor)
    scenes = {"model": steps[-1].to("cpu"), "first_step_only": steps[0].to("cpu")}
    if not anchor:
        return scenes
    raw = scenes_by_step(model, seen, views, seed, anchor=False)[-1].to("cpu")
    picture = PictureAt(seen.rgb[0].float() / 127.5 - 1, 0)
    constant = anchored(raw, seen.cameras[:views], picture, sight.usual_distance)
    return scenes | {"not_anchored": raw, "anchored_constant": constant}


def _scored(
    seen: SeenWorld, scenes: dict[str, Gaussians], sight: Sight, seed: int
) -> tuple[dict[str, Tensor], WorldScores]:
    """Pictures of all views by who made them, and their scores."""
    truth, distance, cameras = seen.rgb.float() / 255, seen.distance.float(), seen.cameras
    renderings = {name: render(scene, cameras, sight.height, sight.width) for name, scene in scenes.items()}
    pictures = {name: rendering.colour for name, rendering in renderings.items()}
    pictures |= baselines(seen, sight.usual_distance)
    found = rendered_distance(renderings["model"], cameras)[0]
    constant = torch.full_like(distance[0], sight.usual_distance)

    def psnrs(views: list[int]) -> dict[str, float]:
        return {name: pooled_psnr(shown[views], truth[views]).item() for name, shown in pictures.items()}

    return pictures, WorldScores(
        seed=seed,
        template=template_of(seed),
        caption=seen.caption,
        input_psnr=psnrs([0]),
        novel_psnr=psnrs(list(range(1, len(truth)))),
        novel_ssim={name: ssim(shown[1:], truth[1:]).mean().item() for name, shown in pictures.items()},
        novel_gmsd={name: gmsd(shown[1:], truth[1:]).mean().item() for name, shown in pictures.items()},
        novel_psnr_by_way={way: psnrs(views) for way, views in ways(cameras, sight.usual_distance).items()},
        floaters={name: floaters(scene, cameras, distance) for name, scene in scenes.items()},
        abs_rel=relative_error(found, distance[0], SKY_DISTANCE).item(),
        abs_rel_constant=relative_error(constant, distance[0], SKY_DISTANCE).item(),
        holes=(renderings["model"].alpha[1:] < 0.5).float().mean().item(),
    )


def ways(cameras: Cameras, usual_distance: float) -> dict[str, list[int]]:
    """Numbers of novel views by how far their cameras are from the first one, in shares of the usual distance.

    Classes are "turned" and "0.0 to 0.1", "0.1 to 0.2" and so on. A view from the first camera itself, where a path
    returns, is in none: it would be a triumph for whoever repeats the picture.
    """
    first = cameras[:1]
    gone = (cameras.positions - first.positions).norm(dim=-1) / usual_distance
    turned = 1 - (cameras.quaternions * first.quaternions).sum(-1).abs()
    found: dict[str, list[int]] = defaultdict(list)
    for view in range(1, len(cameras)):
        if gone[view] > 1e-4:
            low = int(gone[view] / STRIDE) * STRIDE
            found[f"{low:.1f} to {low + STRIDE:.1f}"].append(view)
        elif turned[view] > 1e-6:
            found["turned"].append(view)
    return dict(found)


@torch.no_grad()
def scenes_by_step(
    model: Model, seen: SeenWorld, num_views: int, seed: int, *, anchor: bool, shown: bool = True
) -> list[Gaussians]:
    """A world's scene after each step of generation, from its caption, its path and, if `shown`, its first view."""
    noise = seeded_noise(seed % 2**31)
    height, width = seen.rgb.shape[-2:]
    picture = PictureAt((seen.rgb[0].float() / 127.5 - 1).to(model.device), 0) if shown else None
    decoder = decoder_for(model.decoder, anchor, [picture])
    cameras = Cameras.from_vectors(seen.cameras.vectors()[None, :num_views]).to(model.device)
    grid = (model.config.autoencoder.z_dim, height // 16, width // 16)
    text = model.text_encoder([seen.caption]).to(model.device)
    given = condition(model.autoencoder, text, [picture], cameras, grid, [noise])
    schedule = Schedule.flow(model.config.denoising_steps, model.config.shift)
    channels = model.config.feature_channels
    steps = denoise(model.denoiser, decoder, model.autoencoder, given, schedule, [noise], feature_channels=channels)
    return [step.gaussians[0] for step in steps]
