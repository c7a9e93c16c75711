"""Evaluation: baselines are what they say, and a scene built from the truth scores as the truth."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from flashworld.apps.cli import flashworld
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.models.model import Model
from flashworld.rendering import render
from flashworld.training.data import Sight
from flashworld.training.evaluation import billboard, evaluate, interval, rendered_distance, summary
from flashworld.training.measures import psnr, relative_error
from flashworld.training.worlds import SKY_DISTANCE, held_out_seed
from flashworld.weights import load
from flashworld.weights.fill import Placement
from flashworld.weights.untrained import build_untrained

SIGHT = Sight(48, 64, 3, 1)


def seed_of(template: str) -> int:
    return next(seed for seed in map(held_out_seed, range(32)) if SIGHT.make(seed).template == template)


def test_a_billboard_seen_from_the_first_camera_is_the_picture():
    seen = SIGHT(held_out_seed(0))
    picture = seen.rgb[0].float() / 255
    for distance in (0.5, 2.5):
        torch.testing.assert_close(billboard(picture, seen.cameras[:1], distance)[0], picture, atol=2e-3, rtol=0)


def test_billboards_at_every_distance_are_the_same_and_right_where_the_camera_only_turns():
    seen = SIGHT(seed_of("pan-left"))
    picture = seen.rgb[0].float() / 255
    near, far = billboard(picture, seen.cameras[:3], 1.0), billboard(picture, seen.cameras[:3], 9.0)
    torch.testing.assert_close(near, far, atol=1e-3, rtol=0)
    # Turning left shows more on the left and keeps on the right what was there.
    truth = seen.rgb[2].float() / 255
    assert psnr(near[2][..., 48:], truth[..., 48:]) > psnr(picture[..., 48:], truth[..., 48:]) + 3


def test_moving_forward_makes_a_billboard_larger():
    seen = SIGHT(seed_of("forward"))
    picture = torch.zeros(3, 48, 64)
    picture[:, 20:28, 28:36] = 1
    shown = billboard(picture, seen.cameras[:3], 2.5)
    # The last camera is 0.99 of 2.5 units nearer: lengths grow by 2.5 / 1.51.
    assert shown[2].sum() / picture.sum() == pytest.approx((2.5 / 1.51) ** 2, rel=0.1)


def test_a_scene_of_true_distances_renders_them():
    seen = SIGHT(held_out_seed(4))
    origins, directions = cast_rays(seen.cameras[:1], 48, 64)
    distance = seen.distance[:1].float()
    means = (origins + distance[..., None] * directions).flatten(0, 2)
    scene = Gaussians(
        means=means,
        quaternions=torch.tensor([1.0, 0, 0, 0]).expand(len(means), 4),
        scales=(0.004 * distance).flatten()[:, None].expand(-1, 3),
        opacities=torch.full((len(means),), 0.99),
        harmonics=torch.zeros(len(means), 1, 3),
    )
    found = rendered_distance(render(scene, seen.cameras[:1], 48, 64), seen.cameras[:1])
    assert relative_error(found, distance, SKY_DISTANCE) < 0.03


def test_intervals_are_those_of_the_normal_distribution():
    assert interval([1.0, 3.0]) == {"mean": 2.0, "half_width_95": pytest.approx(1.96)}
    assert interval([5.0]) == {"mean": 5.0, "half_width_95": 0.0}


@pytest.fixture(scope="module")
def untrained() -> Model:
    return build_untrained(Placement(torch.device("cpu"), torch.float32))


def test_the_untrained_model_is_scored_and_loses_to_the_repeated_picture(untrained: Model):
    raw = replace(untrained, config=replace(untrained.config, anchored=False))
    heard = []
    scores, sheet = evaluate(raw, 2, heard.append)
    assert heard == scores
    assert sheet.size == (8 * 128, 4 * 96)
    result = summary(scores)
    assert result["worlds"] == 2
    assert result["better_than"] == dict.fromkeys(
        ("first_step_only", "repeat", "billboard", "billboard_true_median"), 0
    ) | {"first_step_only": result["better_than"]["first_step_only"]}
    again, _ = evaluate(raw, 1, lambda _: None)
    assert again == scores[:1]


def test_an_anchored_model_is_scored_without_and_at_a_constant_distance_too(untrained: Model):
    assert untrained.config.anchored
    (score,), _ = evaluate(untrained, 1, lambda _: None)
    assert score.input_psnr["anchored_constant"] > score.input_psnr["not_anchored"] + 5
    assert score.input_psnr["model"] > score.input_psnr["not_anchored"] + 5
    assert score.input_psnr["repeat"] == 100


def test_the_command_writes_scores_and_a_sheet(tmp_path: Path):
    ran = CliRunner().invoke(flashworld, ["eval", "--worlds", "1", "--output", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert ("untrained" in ran.output) != load("tiny").trained
    result = json.loads((tmp_path / "scores.json").read_text())
    assert {"repeat", "billboard", "model", "not_anchored"} <= set(result["novel_psnr"])
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
