"""Rays, resampling and normalisation: recorded numbers, and laws that hold for every path."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from flashworld.cameras import Cameras, cast_rays, in_model_world, in_user_world, normalise, ray_map, resample
from flashworld.cameras.normalisation import in_float32, reach
from flashworld.errors import RequestError
from flashworld.geometry import matrix_from_quaternion, quaternion_from_matrix

REFERENCE = load_file(Path(__file__).parent / "reference" / "cameras.safetensors")


def close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def random_cameras(*shape: int, seed: int = 0) -> Cameras:
    """Float64 cameras with quaternions of any length and sign."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(*shape, 11, dtype=torch.float64, generator=generator)
    vectors[..., 7:] = vectors[..., 7:].abs() + 0.3
    return Cameras.from_vectors(vectors)


def test_quaternions_equal_the_recorded_ones():
    close(matrix_from_quaternion(REFERENCE["quat.in"]), REFERENCE["quat.matrix"])
    back, expected = quaternion_from_matrix(REFERENCE["quat.matrix"]), REFERENCE["quat.back"]
    half_turn = expected[:, 0].abs() < 1e-6
    close(back[~half_turn], expected[~half_turn])
    sign = (back[half_turn] * expected[half_turn]).sum(-1, keepdim=True).sign()
    close(back[half_turn] * sign, expected[half_turn])


def test_rays_equal_the_recorded_ones():
    cameras = Cameras.from_vectors(REFERENCE["rays.cameras"])
    height, width = REFERENCE["rays.hw"].tolist()
    origins, directions = cast_rays(cameras, height, width)
    close(origins, REFERENCE["rays.o"])
    close(directions, REFERENCE["rays.d"])
    origins, directions = cast_rays(cameras, height, width, REFERENCE["rays_uv.offset"])
    close(origins, REFERENCE["rays_uv.o"])
    close(directions, REFERENCE["rays_uv.d"])
    close(ray_map(cameras, height, width), REFERENCE["raymap.out"])


def test_normalisation_equals_the_recorded_one():
    cameras = Cameras.from_vectors(REFERENCE["norm.in"])
    normalised, world_from_model = normalise(cameras)
    close(normalised.vectors(), REFERENCE["norm.out"])
    close(reach(cameras)[..., None, None], REFERENCE["norm.T_norm"])
    close(world_from_model.scale, REFERENCE["norm.T_norm"][..., 0, 0] + 0.01)
    reference_pose = REFERENCE["norm.ref_w2c"][:, 0].inverse()
    close(world_from_model.matrix, reference_pose[..., :3, :3])
    close(world_from_model.translation, reference_pose[..., :3, 3])
    given = in_model_world(Cameras.from_vectors(REFERENCE["norm_given.in"]), world_from_model)
    close(given.vectors(), REFERENCE["norm_given.out"])


def test_normalisation_of_equal_cameras_equals_the_recorded_one():
    normalised, world_from_model = normalise(Cameras.from_vectors(REFERENCE["norm_degenerate.in"]))
    close(normalised.vectors(), REFERENCE["norm_degenerate.out"], 1e-4)
    assert world_from_model.scale.tolist() == [1.0]


@pytest.mark.parametrize("name", ["dense0", "dense1"])
def test_resampling_equals_the_recorded_one(name: str):
    dense = resample(Cameras.from_vectors(REFERENCE[f"{name}.in"]), REFERENCE[f"{name}.t"])
    close(dense.vectors(), REFERENCE[f"{name}.out"])


@given(seed=st.integers(0, 10_000), scenes=st.integers(1, 3), num=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_normalisation_is_undone_exactly(seed: int, scenes: int, num: int):
    cameras = random_cameras(scenes, num, seed=seed)
    normalised, world_from_model = normalise(cameras)
    back = in_user_world(normalised, world_from_model)
    close(back.positions, cameras.positions, 1e-12)
    close(back.rotations, cameras.rotations, 1e-12)
    assert normalised.positions.norm(dim=-1).max() < 1
    for scene in range(scenes):
        alone, similarity = normalise(cameras[scene])
        close(alone.vectors(), normalised[scene].vectors(), 1e-12)
        close(similarity.scale, world_from_model.scale[scene], 1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_model_sees_the_same_cameras_wherever_the_user_puts_the_path(seed: int):
    cameras, pose = random_cameras(4, seed=seed), random_cameras(1, seed=seed + 1)
    rotation = pose.rotations[0]
    moved = Cameras(
        quaternion_from_matrix(rotation @ cameras.rotations),
        cameras.positions @ rotation.mT + pose.positions,
        cameras.intrinsics,
    )
    here, there = normalise(cameras)[0], normalise(moved)[0]
    close(here.positions, there.positions, 1e-9)
    close(here.rotations, there.rotations, 1e-9)


@pytest.mark.parametrize("magnitude", [0.0, 1.0, 1e4])
def test_a_path_that_only_turns_keeps_the_unit_of_length(magnitude: float):
    cameras = random_cameras(5).to(torch.float32)
    place = torch.tensor([magnitude, -magnitude, magnitude])
    cameras = Cameras(cameras.quaternions, place + torch.randn(5, 3) * 1e-8 * magnitude, cameras.intrinsics)
    normalised, world_from_model = normalise(cameras)
    assert world_from_model.scale == 1
    assert normalised.positions.abs().max() == 0


@pytest.mark.parametrize(("distance", "moves"), [(4.5e6, 3.0), (2e4, 0.1), (1e8, 900.0)])
def test_a_path_is_refused_where_float32_cannot_follow_it(distance: float, moves: float):
    cameras = random_cameras(4)
    positions = torch.zeros(4, 3, dtype=torch.float64)
    positions[:, 0], positions[:, 1] = torch.linspace(0, moves, 4), distance
    far = Cameras(cameras.quaternions, positions, cameras.intrinsics)
    with pytest.raises(RequestError, match="move the path near the origin"):
        in_float32(far)


@pytest.mark.parametrize(("distance", "moves"), [(0.0, 1e-4), (1e4, 1.0), (1e5, 1e-3), (1e8, 0.0), (1e8, 2e3)])
def test_a_path_that_float32_can_follow_or_that_only_turns_is_taken_as_it_is(distance: float, moves: float):
    cameras = random_cameras(4)
    positions = torch.linspace(distance, distance + moves, 4, dtype=torch.float64)[:, None].expand(4, 3)
    near = Cameras(cameras.quaternions, positions, cameras.intrinsics)
    assert torch.equal(in_float32(near).vectors(), near.vectors().to(torch.float32))


@given(seed=st.integers(0, 10_000), num=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_resampling_at_the_cameras_own_times_changes_nothing(seed: int, num: int):
    cameras = random_cameras(num, seed=seed)
    same = resample(cameras, torch.linspace(0, 1, num, dtype=torch.float64))
    close(same.positions, cameras.positions, 1e-9)
    close(same.intrinsics, cameras.intrinsics, 1e-9)
    close(same.rotations, cameras.rotations, 1e-9)


def test_scenes_of_a_batch_are_resampled_each_by_itself():
    cameras, times = random_cameras(2, 4), torch.linspace(0, 1, 9)
    together = resample(cameras, times)
    for scene in range(2):
        close(together[scene].vectors(), resample(cameras[scene], times).vectors())


def test_one_camera_is_a_path_that_stands_still():
    cameras = random_cameras(1)
    dense = resample(cameras, torch.linspace(0, 1, 5))
    close(dense.positions, cameras.positions.expand(5, 3))
    close(dense.rotations, cameras.rotations.expand(5, 3, 3))


def test_resampling_turns_along_the_short_way_at_a_steady_rate():
    half = torch.tensor(0.5)
    quaternions = torch.stack([torch.tensor([1.0, 0, 0, 0]), -torch.tensor([half.cos(), 0, half.sin(), 0])])
    path = Cameras(quaternions, torch.zeros(2, 3), torch.ones(2, 4))
    dense = resample(path, torch.linspace(0, 1, 11))
    heading = torch.atan2(dense.rotations[:, 0, 2], dense.rotations[:, 2, 2])
    close(heading, torch.linspace(0, 1, 11))


def test_a_point_seen_in_a_cell_lies_on_the_cells_ray():
    cameras = random_cameras(2, 3)
    height, width = 5, 7
    origins, directions = cast_rays(cameras, height, width)
    points = origins + 2.5 * directions
    in_camera = torch.einsum("bnij,bnhwi->bnhwj", cameras.rotations, points - origins)
    fx, fy, cx, cy = cameras.intrinsics[..., None, None, :].unbind(-1)
    column = (cx - fx * in_camera[..., 0] / in_camera[..., 2]) * width
    row = (cy + fy * in_camera[..., 1] / in_camera[..., 2]) * height
    close(column, (torch.arange(width) + 0.5).double().expand_as(column))
    close(row, (torch.arange(height) + 0.5).double()[:, None].expand_as(row))
    assert (in_camera[..., 2] < 0).all(), "the view looks along -z"
    close(directions.norm(dim=-1), torch.ones_like(column))


def test_a_ray_map_does_not_depend_on_where_along_its_rays_the_camera_stands():
    camera = random_cameras(1)
    direction = cast_rays(camera, 1, 1)[1][:, 0, 0]
    ahead = Cameras(camera.quaternions, camera.positions + 3 * direction, camera.intrinsics)
    close(ray_map(camera, 1, 1), ray_map(ahead, 1, 1), 1e-9)
