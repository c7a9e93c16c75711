"""Warnings about paths, and paths that go on where others end."""

import math

import pytest
import torch

from flashworld.cameras import Cameras, resample
from flashworld.cameras.continuation import continued
from flashworld.cameras.judgement import judge
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.geometry import multiply


def kinds(path: Cameras, picture_frame: int = 0) -> dict[str, tuple[int, ...]]:
    return {warning.kind: warning.frames for warning in judge(path, picture_frame)}


def moved(path: Cameras, index: int, by: tuple[float, float, float]) -> Cameras:
    positions = path.positions.clone()
    positions[index:] += torch.tensor(by)
    return Cameras(path.quaternions, positions, path.intrinsics)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_is_warned_about_at_its_usual_amount(name):
    assert judge(make_path(name), 0) == []


def test_one_camera_is_no_path_to_warn_about():
    assert judge(make_path("forward", frames=1), 0) == []


def test_a_fast_turn_is_told_where_it_is():
    path = make_path("pan-left", 180, frames=5, fov=60)
    assert kinds(path)["rotation"] == (1, 2, 3, 4)
    assert "rotation" not in kinds(make_path("pan-left", 180, frames=24, fov=60))
    assert "frames 2 to 5" in judge(path, 0)[0].message


def test_a_jump_is_told_where_it_is():
    path = moved(make_path("forward", frames=12), 7, (5.0, 0.0, 0.0))
    assert kinds(path)["jump"] == (7,)


def test_the_world_and_its_scale_make_no_difference():
    path = moved(make_path("spiral", 3, frames=16), 9, (4.0, 0.0, 0.0))
    turn = torch.nn.functional.normalize(torch.tensor([0.3, -0.8, 0.4, 0.2]), dim=0)
    rotation = Cameras(turn[None], torch.zeros(1, 3), torch.ones(1, 4)).rotations[0]
    quaternions = multiply(turn.expand_as(path.quaternions), path.quaternions)
    elsewhere = Cameras(quaternions, 1000 * path.positions @ rotation.T + 77, path.intrinsics)
    assert kinds(elsewhere) == kinds(path) != {}


def test_views_that_share_nothing_with_the_picture_are_told():
    turned = make_path("pan-right", 180, frames=24, fov=60)
    apart = kinds(turned)["overlap"]
    assert apart == tuple(range(apart[0], 24))
    # Half a field of view from the picture's axis to each edge: beyond one whole, nothing is shared.
    angle = 180 * apart[0] / 23
    assert 60 <= angle < 60 + 180 / 23 + 4
    assert 23 not in kinds(turned, 23).get("overlap", ())


def test_an_orbit_keeps_its_subject_in_view_however_far_it_turns():
    assert "overlap" not in kinds(make_path("orbit-left", 170, frames=24))


def test_going_on_from_the_origin_is_the_path_itself():
    path = make_path("orbit-left", frames=7)
    again = continued(path, path[:1])
    assert torch.allclose(again.vectors(), path.vectors(), atol=1e-6)


def test_a_path_in_two_parts_is_the_path_in_one():
    whole = make_path("orbit-right", 90, frames=9)
    half = make_path("orbit-right", 45, frames=5)
    joined = continued(half, half[-1:])
    assert torch.allclose(joined.positions, whole.positions[4:], atol=1e-5)
    assert torch.allclose((joined.quaternions * whole.quaternions[4:]).sum(-1).abs(), torch.ones(5), atol=1e-6)


def test_going_on_keeps_the_lens_and_lets_it_zoom():
    start = make_path("forward", frames=1, fov=40, height=480, width=640)
    start = Cameras(start.quaternions, start.positions, start.intrinsics * torch.tensor([1.0, 1.0, 0.9, 1.1]))
    zoomed = continued(make_path("dolly-zoom", 1.0, frames=3, fov=100), start)
    assert torch.allclose(zoomed.intrinsics[0], start.intrinsics[0])
    assert zoomed.intrinsics[-1, 0] / zoomed.intrinsics[0, 0] == pytest.approx(1.5)
    assert zoomed.intrinsics[:, 2:].eq(start.intrinsics[:, 2:]).all()


def test_a_path_that_stands_still_is_no_fault():
    still = resample(make_path("forward", frames=1), torch.zeros(6))
    assert judge(still, 2) == []
    assert math.isfinite(still.positions.sum())
