"""Procedural worlds: the same on every call, consistent between views, clear of walls, truly described."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import max_pool2d

from flashworld.apps.cli import flashworld as commands
from flashworld.cameras import Cameras, cast_rays, normalise, reach
from flashworld.cameras.files import read_path
from flashworld.cameras.templates import TEMPLATES
from flashworld.request import parse_request
from flashworld.training.recipes import flashworld, tiny, tiny_smoke
from flashworld.training.worlds import (
    SKY_DISTANCE,
    World,
    cast,
    held_out_seed,
    make_world,
    scored_seed,
    training_seed,
)
from flashworld.training.worlds.captions import SMALLEST
from flashworld.training.worlds.cpu_caster import cast_view, free_room
from flashworld.training.worlds.palette import COLOURS
from flashworld.training.worlds.paths import CLEARANCE, SHARE, camera_rows
from flashworld.training.worlds.seeds import HELD_OUT, NUM_CHOSEN_BY, Draw, kind_of, template_of

INDICES = st.integers(0, HELD_OUT - 1)
WORLDS = [4, 5, 22, 1015]


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return make_world(request.param)


@given(INDICES, INDICES)
def test_no_training_seed_is_held_out(a: int, b: int):
    assert training_seed(a) < HELD_OUT <= held_out_seed(b)


def test_no_scored_seed_is_one_to_choose_by():
    assert scored_seed(0) == held_out_seed(NUM_CHOSEN_BY)
    for recipe in (tiny(), tiny_smoke(), flashworld()):
        stages = (recipe.autoencoder, recipe.lift, recipe.dual, recipe.distil)
        assert max(stage.held_out for stage in stages) < NUM_CHOSEN_BY


@pytest.mark.parametrize("index", [-1, HELD_OUT])
def test_indices_beyond_a_range_are_refused(index: int):
    for seed in (training_seed, held_out_seed):
        with pytest.raises(ValueError, match="worlds 0 to"):
            seed(index)


@given(INDICES)
def test_32_seeds_in_a_row_are_balanced(first: int):
    seeds = range(first, first + 32)
    assert sum(kind_of(seed) == "room" for seed in seeds) == 16
    assert sorted(template_of(seed) for seed in seeds) == sorted([*TEMPLATES, *TEMPLATES])


def test_streams_are_those_of_all_machines():
    # Recorded once. If they change, every world does, and scores on held-out worlds compare no more.
    draw = Draw(7, "place")
    assert [draw.whole(0, 999) for _ in range(4)] == [964, 413, 691, 784]
    assert Draw(7, "caption").whole(0, 999) != 964


def test_a_seed_is_a_world(world: World):
    again = make_world(world.seed)
    assert again.caption == world.caption
    for ours, theirs in zip(world.scene, again.scene, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, second = (
        cast(replace(world, cameras=world.cameras[:1]), 24, 32),
        cast(replace(again, cameras=again.cameras[:1]), 24, 32),
    )
    assert torch.equal(first.rgb, second.rgb)
    assert torch.equal(first.distance, second.distance)


def test_neighbouring_seeds_differ():
    assert make_world(4).caption != make_world(36).caption


def test_values_are_in_range(world: World):
    views = cast(world, 24, 32)
    assert views.rgb.shape == (8, 3, 24, 32)
    assert views.rgb.min() >= 0
    assert views.rgb.max() <= 1
    assert views.rgb.std() > 0.05
    assert views.distance.min() > 0
    assert views.distance.max() <= SKY_DISTANCE


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_the_unit_is_a_share_of_the_median_distance(template: str):
    world = make_world(3, template=template, num_extra=0)
    far = float(reach(world.cameras))
    turns_only = template.startswith(("pan", "tilt", "look"))
    assert far == pytest.approx(0 if turns_only else 0.99, abs=1e-4)
    assert float(normalise(world.cameras)[1].scale) == pytest.approx(1, abs=1e-4)
    _, distance, _ = cast_view(world.scene, camera_rows(world.cameras, world.metres)[0], 24, 32, colour=False)
    surface = distance[distance < 1e8]
    assert float(np.median(surface)) * SHARE == pytest.approx(world.metres, rel=0.02)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_paths_of_other_lengths_keep_their_share(share: float):
    world = make_world(10, share=share, num_extra=0)
    median = float(cast(replace(world, cameras=world.cameras[:1]), 24, 32).distance.median())
    assert float(reach(world.cameras)) / median == pytest.approx(share, rel=0.05)


def test_cameras_keep_clear_of_everything(world: World):
    places = world.cameras.positions.double().numpy() * world.metres
    assert free_room(world.scene, places).min() > CLEARANCE - 1e-4


def test_what_two_views_see_is_at_the_same_place(world: World):
    """Points of view 0, seen from view 1, are at the distance that view 1 tells, but where something hides them."""
    height, width = 48, 64
    views = cast(world, height, width)
    origins, directions = cast_rays(world.cameras[0], height, width)
    points = origins + directions * views.distance[0, ..., None]
    there = views.distance[0] < SKY_DISTANCE
    near, far, expected = _looked_up(world.cameras[1], views.distance[1], points[there])
    assert len(expected) > 0.2 * height * width
    in_front = expected < 0.98 * near  # nothing can be nearer than what view 1 sees there
    agrees = ~in_front & (expected < 1.02 * far)  # what is farther is hidden
    assert in_front.float().mean() < 0.005
    assert agrees.float().mean() > 0.8


def _looked_up(camera: Cameras, distance: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Least and largest distance that a view tells around points within its picture, and the points' own distances."""
    height, width = distance.shape
    away = (points - camera.positions) @ camera.rotations
    fx, fy, cx, cy = camera.intrinsics
    x, y = cx - fx * away[:, 0] / away[:, 2], cy + fy * away[:, 1] / away[:, 2]
    inside = (away[:, 2] < 0) & (x > 0) & (x < 1) & (y > 0) & (y < 1)
    row, column = (y[inside] * height).long(), (x[inside] * width).long()
    far = max_pool2d(distance[None], 3, stride=1, padding=1)[0]
    near = -max_pool2d(-distance[None], 3, stride=1, padding=1)[0]
    return near[row, column], far[row, column], away[inside].norm(dim=-1)


def test_captions_name_what_is_visible(world: World):
    _, _, thing = cast_view(world.scene, camera_rows(world.cameras, world.metres)[0], 96, 128, colour=False)
    shares = sorted((np.unique(thing[thing >= 0], return_counts=True)[1] / thing.size).tolist(), reverse=True)
    assert 1 <= len(world.facts.objects) <= 4
    for seen, share in zip(world.facts.objects, shares, strict=False):
        assert seen.share == pytest.approx(share, abs=0.01)
        assert seen.share >= SMALLEST
        assert seen.colour in ("", *COLOURS)
    largest = world.facts.objects[0]
    assert largest.colour in world.caption.lower()
    assert largest.name in world.caption
    assert world.facts.floor_colour in world.caption.lower()
    assert (world.facts.sky == "none") == (world.facts.kind == "room")


def test_named_colours_are_seen():
    """A plain thing's pixels are of the hue that its name tells, lit or not."""
    checked = 0
    for seed in range(40, 80):
        world = make_world(seed, num_views=2, num_extra=0)
        seen = world.facts.objects[0]
        if seen.pattern != "plain" or seen.colour not in ("red", "green", "blue") or seen.share < 0.03:
            continue
        row = camera_rows(world.cameras, world.metres)[0]
        rgb, _, thing = cast_view(world.scene, row, 48, 64)
        numbers, counts = np.unique(thing[thing >= 0], return_counts=True)
        mean = rgb[:, thing == numbers[counts.argmax()]].mean(axis=1)
        assert mean.argmax() == ("red", "green", "blue").index(seen.colour), (seed, seen, mean)
        checked += 1
    assert checked >= 3


def test_a_world_becomes_a_request_and_a_nerfstudio_folder(tmp_path: Path):
    words = ["worlds", "--seed", "7", "--size", "64x96", "--output", str(tmp_path)]
    ran = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert ran.exit_code == 0
    request = parse_request((tmp_path / "request.json").read_text())
    told = json.loads((tmp_path / "world.json").read_text())
    assert request.resolution == (6, 64, 96)
    assert request.text_prompt == told["caption"]
    world = make_world(7, aspect=96 / 64)
    cameras = read_path(tmp_path / "transforms.json")
    torch.testing.assert_close(cameras.positions.float(), world.cameras.positions, atol=1e-5, rtol=1e-5)
    assert len(list((tmp_path / "images").glob("*.png"))) == len(cameras) == 8
    assert np.load(tmp_path / "distance.npz")["distance"].shape == (8, 64, 96)


def test_a_sheet_shows_many_worlds(tmp_path: Path):
    words = ["worlds", "--count", "3", "--sheet", "--size", "32x64", "--output", str(tmp_path)]
    assert CliRunner().invoke(commands, words, catch_exceptions=False).exit_code == 0
    from PIL import Image

    assert Image.open(tmp_path / "sheet.png").size == (4 * 3 * 64, 32)
