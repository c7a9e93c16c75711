"""Evaluation: baselines are what they say, and a scene built from the truth scores as the truth."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from flashworld.apps.cli import flashworld
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.models.model import Model
from flashworld.rendering import render
from flashworld.training.data import Sight
from flashworld.training.evaluation import evaluate, interval, lines, summary
from flashworld.training.evaluation.baselines import billboard
from flashworld.training.evaluation.geometry import floaters, rendered_distance
from flashworld.training.evaluation.worlds import ways
from flashworld.training.measures import gmsd, psnr, relative_error
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


def scene_on(cameras: Cameras, distance: torch.Tensor, opacity: float = 0.99) -> Gaussians:
    """A small Gaussian at each pixel's distance from each camera."""
    origins, directions = cast_rays(cameras, *distance.shape[-2:])
    means = (origins + distance[..., None] * directions).flatten(0, 2)
    return Gaussians(
        means=means,
        quaternions=torch.tensor([1.0, 0, 0, 0]).expand(len(means), 4),
        scales=(0.008 * distance).flatten()[:, None].expand(-1, 3),
        opacities=torch.full((len(means),), opacity),
        harmonics=torch.zeros(len(means), 1, 3),
    )


def test_a_scene_of_true_distances_renders_them():
    seen = SIGHT(held_out_seed(4))
    distance = seen.distance[:1].float()
    scene = replace(scene := scene_on(seen.cameras[:1], distance), scales=scene.scales / 2)
    found = rendered_distance(render(scene, seen.cameras[:1], 48, 64), seen.cameras[:1])
    assert relative_error(found, distance, SKY_DISTANCE) < 0.03


def test_nothing_floats_before_surfaces_where_they_truly_are():
    for index in (4, 5):
        seen = SIGHT(held_out_seed(index))
        distance = seen.distance.float()
        assert floaters(scene_on(seen.cameras, distance), seen.cameras, distance) < 0.002
        nearer, nearest = (floaters(scene_on(seen.cameras, s * distance), seen.cameras, distance) for s in (0.9, 0.5))
        assert nearer < 0.1  # a surface a little off does not float; parallax puts some before others' edges
        assert nearest > 0.8


@pytest.mark.parametrize(("opacity", "columns"), [(0.99, 32), (0.5, 32), (0.99, 16), (0.0, 64)])
def test_a_board_before_a_wall_floats_as_far_as_it_covers(opacity: float, columns: int):
    camera = Cameras(torch.tensor([[1.0, 0, 0, 0]]), torch.zeros(1, 3), torch.tensor([[0.9, 1.2, 0.5, 0.5]]))
    wall, board = (scene_on(camera, torch.full((1, 48, 64), distance)) for distance in (4.0, 2.0))
    left = (torch.arange(48 * 64) % 64) < columns
    board = replace(board[left], opacities=torch.full((int(left.sum()),), opacity))
    both = Gaussians.from_vectors(torch.cat([wall.vectors(), board.vectors()]))
    covered = render(board, camera, 48, 64).alpha.mean().item()
    found = floaters(both, camera, torch.full((1, 48, 64), 4.0))
    assert found == pytest.approx(covered, abs=1e-6)
    if opacity == 0.99:
        assert found == pytest.approx(columns / 64, abs=0.03)
    # Behind the wall it hides nothing.
    assert floaters(both, camera, torch.full((1, 48, 64), 2.0)) == 0


def test_views_are_classed_by_how_far_their_cameras_have_gone():
    turned = torch.tensor([0.9, 0.0, (1 - 0.81) ** 0.5, 0.0])
    upright = torch.tensor([1.0, 0, 0, 0])
    cameras = Cameras(
        quaternions=torch.stack([upright, turned, upright, turned, upright, upright]),
        positions=torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0.4, 0], [0.1, 0, 0], [0, 0, -0.99], [0, 0, 0]]),
        intrinsics=torch.tensor([1.0, 1, 0.5, 0.5]).expand(6, 4),
    )
    # In shares of 2.5; the last view is the first again.
    assert ways(cameras, 2.5) == {"turned": [1], "0.1 to 0.2": [2], "0.0 to 0.1": [3], "0.3 to 0.4": [4]}


@pytest.mark.slow
def test_paths_of_another_reach_keep_the_usual_distance_in_the_middle():
    for reach in (0.2, 0.7):
        sight = replace(SIGHT, reach=reach)
        seen = sight(seed_of("forward"))
        assert seen.cameras.positions.norm(dim=-1)[:3].max() == pytest.approx(0.99, abs=1e-3)
        assert seen.distance[0].float().median().item() == pytest.approx(sight.usual_distance, rel=0.15)


def test_gmsd_is_zero_for_equal_gradients_and_grows_with_blur():
    truth = SIGHT(held_out_seed(4)).rgb[:1].float() / 255
    assert gmsd(truth, truth).item() == 0
    assert gmsd(0.5 * truth + 0.3, 0.5 * truth).item() == pytest.approx(0, abs=1e-5)
    values = [gmsd(torch.nn.functional.avg_pool2d(truth, k, 1, k // 2), truth).item() for k in (3, 5, 9)]
    assert 0.01 < values[0] < values[1] < values[2]


def test_gmsd_is_that_of_its_definition():
    a, b = torch.rand(2, 8, 10, generator=torch.Generator().manual_seed(0))

    def steepness(x: torch.Tensor, row: int, column: int) -> float:
        half = [[x[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean().item() for c in range(5)] for r in range(4)]
        across = sum(half[row + i][column] - half[row + i][column + 2] for i in range(3)) / 3
        down = sum(half[row][column + i] - half[row + 2][column + i] for i in range(3)) / 3
        return (across**2 + down**2) ** 0.5

    similar = []
    for row in range(2):
        for column in range(3):
            m, n = steepness(255 * a, row, column), steepness(255 * b, row, column)
            similar.append((2 * m * n + 170) / (m * m + n * n + 170))
    mean = sum(similar) / 6
    wanted = (sum((s - mean) ** 2 for s in similar) / 6) ** 0.5
    found = gmsd(a.expand(1, 3, 8, 10), b.expand(1, 3, 8, 10)).item()
    assert found == pytest.approx(wanted, rel=1e-4)


def test_intervals_are_those_of_the_normal_distribution():
    assert interval([1.0, 3.0]) == {"mean": 2.0, "half_width_95": pytest.approx(1.96)}
    assert interval([5.0]) == {"mean": 5.0, "half_width_95": 0.0}


@pytest.fixture(scope="module")
def untrained() -> Model:
    return build_untrained(Placement(torch.device("cpu"), torch.float32))


@pytest.mark.slow
def test_the_untrained_model_is_scored_and_loses_to_the_repeated_picture(untrained: Model):
    raw = replace(untrained, config=replace(untrained.config, anchored=False))
    heard = []
    scores, sheet = evaluate(raw, 1, heard.append)
    assert heard == scores
    assert sheet.size == (8 * 128, 3 * (16 + 96))
    result = summary(scores)
    assert result["worlds"] == 1
    assert result["better_than"] == dict.fromkeys(
        ("first_step_only", "repeat", "billboard", "billboard_true_median"), 0
    ) | {"first_step_only": result["better_than"]["first_step_only"]}
    assert result["gain_over"]["repeat"]["mean"] < 0
    assert sum(found["worlds"] for found in result["by_movement"].values()) == 1
    row = next(line for line in lines(result) if line.startswith("model "))
    for measure in ("input_psnr", "novel_psnr"):
        assert f"{result[measure]['model']['mean']:.2f}" in row


@pytest.mark.slow
def test_an_anchored_model_is_scored_without_and_at_a_constant_distance_too(untrained: Model):
    assert untrained.config.anchored
    (score,), _ = evaluate(untrained, 1, lambda _: None)
    assert score.input_psnr["anchored_constant"] > score.input_psnr["not_anchored"] + 5
    assert score.input_psnr["model"] > score.input_psnr["not_anchored"] + 5
    assert score.input_psnr["repeat"] == 100


@pytest.mark.slow
def test_the_command_writes_scores_and_a_sheet(tmp_path: Path):
    ran = CliRunner().invoke(flashworld, ["eval", "--worlds", "1", "--output", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert ("untrained" in ran.output) != load("tiny").trained
    result = json.loads((tmp_path / "scores.json").read_text())
    assert {"repeat", "billboard", "model", "not_anchored"} <= set(result["novel_psnr"])
    assert result["weights"] == load("tiny").weights
    assert result["each"][0]["novel_psnr"]["model"] == result["novel_psnr"]["model"]["mean"]
    assert (tmp_path / "worlds.png").stat().st_size > 10_000
