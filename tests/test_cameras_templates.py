"""What a person expects of each movement, and of all of them."""

import math

import pytest
import torch

from flashworld.cameras import Cameras, normalise
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.templates import SUBJECT_DISTANCE, TEMPLATES, make_path
from flashworld.errors import RequestError

SUBJECT = torch.tensor([0.0, 0.0, -SUBJECT_DISTANCE])
every_template = pytest.mark.parametrize("name", TEMPLATES)
every_easing = pytest.mark.parametrize("easing", EASINGS)


def view_of(cameras: Cameras, point: torch.Tensor) -> torch.Tensor:
    """Where a point appears: u, v as shares of width and height from the upper left corner, and its depth."""
    x, y, z = ((point - cameras.positions)[:, None] @ cameras.rotations).squeeze(1).unbind(-1)
    fx, fy, cx, cy = cameras.intrinsics.unbind(-1)
    return torch.stack([cx - fx * x / z, cy + fy * y / z, -z], dim=-1)


@every_easing
def test_an_easing_goes_from_0_to_1_without_turning_back(easing: str):
    progress = EASINGS[easing](torch.linspace(0, 1, 101, dtype=torch.float64))
    assert progress[[0, -1]].tolist() == pytest.approx([0, 1])
    assert (progress.diff() > 0).all()


@pytest.mark.parametrize(("easing", "starts", "ends"), [("ease-in", 0, 2), ("ease-out", 2, 0), ("smooth", 0, 0)])
def test_an_easing_starts_and_ends_at_its_speed(easing: str, starts: float, ends: float):
    progress = EASINGS[easing](torch.linspace(0, 1, 1001, dtype=torch.float64))
    speed = progress.diff() * 1000
    assert speed[[0, -1]].tolist() == pytest.approx([starts, ends], abs=0.01)


@every_template
@pytest.mark.parametrize("frames", [1, 2, 24])
def test_a_path_begins_upright_at_the_origin_with_the_field_of_view_asked_for(name: str, frames: int):
    cameras = make_path(name, frames=frames, fov=80.0, height=480, width=704)
    assert len(cameras) == frames
    torch.testing.assert_close(cameras.positions[0], torch.zeros(3))
    torch.testing.assert_close(cameras.rotations[0], torch.eye(3), atol=1e-6, rtol=0)
    fx, fy, cx, cy = cameras.intrinsics[0].tolist()
    assert math.degrees(2 * math.atan(0.5 / fx)) == pytest.approx(80)
    assert fx * 704 == pytest.approx(fy * 480), "pixels are square"
    assert (cx, cy) == (0.5, 0.5)


@every_template
@every_easing
def test_a_path_is_smooth_and_of_unit_quaternions(name: str, easing: str):
    cameras = make_path(name, frames=201, easing=easing)
    torch.testing.assert_close(cameras.quaternions.norm(dim=-1), torch.ones(201))
    for values in (cameras.positions, cameras.rotations.flatten(1), cameras.intrinsics):
        speed = values.diff(dim=0)
        jerk = speed.diff(dim=0).norm(dim=-1).max()
        assert jerk <= 0.15 * speed.norm(dim=-1).max() + 1e-5


@every_template
def test_a_larger_amount_goes_further_and_a_template_has_a_model_world(name: str):
    template = TEMPLATES[name]
    assert template.smallest <= template.default <= template.largest
    small = make_path(name, template.default / 2, frames=9).vectors()
    large = make_path(name, template.default, frames=9).vectors()
    assert (large - large[0]).norm() > (small - small[0]).norm() * 1.5
    assert normalise(make_path(name, template.largest, frames=9))[0].vectors().isfinite().all()


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("forward", [0, 0, -3]),
        ("back", [0, 0, 3]),
        ("left", [-3, 0, 0]),
        ("right", [3, 0, 0]),
        ("crane-up", [0, 3, 0]),
        ("crane-down", [0, -3, 0]),
        ("dolly-zoom", [0, 0, 3]),
        ("spiral", [0, 0, -3]),
    ],
)
def test_a_travelling_ends_where_its_name_says(name: str, end: list[float]):
    torch.testing.assert_close(
        make_path(name, 3.0).positions[-1], torch.tensor(end, dtype=torch.float32), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("name", "gaze"),
    [("pan-left", [-1, 0, 0]), ("pan-right", [1, 0, 0]), ("tilt-up", [0, 1, 0]), ("tilt-down", [0, -1, 0])],
)
def test_a_quarter_turn_looks_where_its_name_says(name: str, gaze: list[float]):
    end = make_path(name, 90.0)[-1]
    torch.testing.assert_close(-end.rotations[:, 2], torch.tensor(gaze, dtype=torch.float32), atol=1e-6, rtol=0)
    torch.testing.assert_close(end.positions, torch.zeros(3))


@pytest.mark.parametrize("name", ["orbit-left", "orbit-right", "crane-up", "crane-down", "figure-eight"])
def test_the_subject_stays_in_the_middle(name: str):
    cameras = make_path(name, TEMPLATES[name].largest, frames=17)
    torch.testing.assert_close(view_of(cameras, SUBJECT)[:, :2], torch.full((17, 2), 0.5), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("name", "side"), [("orbit-left", -1), ("orbit-right", 1)])
def test_an_orbit_keeps_its_distance_and_goes_to_its_side(name: str, side: int):
    cameras = make_path(name, 90.0, frames=9)
    distance = (cameras.positions - SUBJECT).norm(dim=-1)
    torch.testing.assert_close(distance, torch.full((9,), SUBJECT_DISTANCE))
    torch.testing.assert_close(cameras.positions[-1], torch.tensor([side * 2.0, 0, -2.0]), atol=1e-6, rtol=0)


def test_a_dolly_zoom_keeps_the_size_of_the_subject_while_the_background_grows():
    cameras = make_path("dolly-zoom", 3.0)
    edge, behind = SUBJECT + torch.tensor([0.3, 0.2, 0]), SUBJECT + torch.tensor([0.3, 0.2, -5])
    size, far_size = view_of(cameras, edge)[:, :2] - 0.5, view_of(cameras, behind)[:, :2] - 0.5
    torch.testing.assert_close(size, size[:1].expand_as(size))
    assert (far_size.abs().diff(dim=0) > 0).all()


@pytest.mark.parametrize("name", ["look-around", "figure-eight", "orbit-left"])
def test_a_round_trip_returns(name: str):
    cameras = make_path(name, 360.0 if name == "orbit-left" else None)
    torch.testing.assert_close(cameras.positions[-1], cameras.positions[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(cameras.rotations[-1], cameras.rotations[0], atol=1e-5, rtol=0)


@every_template
def test_the_horizon_stays_level(name: str):
    right = make_path(name, frames=33).rotations[:, :, 0]
    torch.testing.assert_close(right[:, 1], torch.zeros(33), atol=1e-6, rtol=0)


def test_all_faults_are_named_at_once():
    with pytest.raises(RequestError) as caught:
        make_path("foward", frames=0, fov=200.0, easing="none")
    assert len(caught.value.faults) == 4
    assert "orbit-left" in caught.value.faults[0]
    with pytest.raises(RequestError, match=r"0\.01 to 100 units"):
        make_path("forward", amount=-1.0)
    with pytest.raises(RequestError, match=r"0\.01 to 100 units"):
        make_path("forward", amount=math.nan)
