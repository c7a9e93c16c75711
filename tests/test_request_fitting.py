"""Picture and intrinsics fitted to a resolution: the release's numbers, and laws for ours."""

import math
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file

from flashworld.cameras.views import from_fit, from_views, to_path
from flashworld.request import CameraView, decode_picture, fit, sample, stated_size

REFERENCE = load_file(Path(__file__).parent / "reference" / "preprocess.safetensors")
sizes = st.tuples(st.integers(16, 4000), st.integers(16, 4000))


def views_of(rows: np.ndarray) -> list[CameraView]:
    return [
        CameraView(quaternion=row[:4], position=row[4:7], fx=row[7], fy=row[8], cx=row[9], cy=row[10])
        for row in rows.tolist()
    ]


def view(height: float, width: float, focal: float = 1.0) -> CameraView:
    """A camera whose principal point is the middle of a picture of that size, its focal length a share of the width."""
    pose = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0]}
    return CameraView(**pose, fx=focal * width, fy=focal * width, cx=width / 2, cy=height / 2)


@pytest.mark.parametrize("name", ["p0", "p1", "p2", "p3"])
def test_the_strict_form_equals_the_release(name: str):
    tensors = {key.partition(".")[2]: value for key, value in REFERENCE.items() if key.startswith(name + ".")}
    picture = decode_picture(tensors["png_bytes"].tobytes(), strict=True)
    np.testing.assert_array_equal(picture, tensors["image_rgb"])
    _, height, width = tensors["resolution"].tolist()
    fitted = fit((picture.height, picture.width), views_of(tensors["cameras_in"]), (height, width), strict=True)
    assert fitted.box is not None
    left, upper, right, lower = fitted.box
    assert [right - left, lower - upper] == tensors["scale_crop"][1:].tolist()
    pixels = sample(picture, fitted.box, (height, width))
    exact = PIL.__version__.startswith("12.3")
    assert np.abs(pixels - tensors["image_out"]).max() <= (1e-6 if exact else 1.01 / 127.5)
    np.testing.assert_allclose(from_fit(fitted).vectors(), tensors["cameras_out"], rtol=1e-6)


def test_without_a_picture_intrinsics_are_in_pixels_of_the_target_as_in_the_release():
    _, height, width = REFERENCE["text_only.resolution"].tolist()
    fitted = fit(None, views_of(REFERENCE["text_only.cameras_in"]), (height, width), strict=True)
    assert fitted.box is None
    np.testing.assert_allclose(from_fit(fitted).vectors(), REFERENCE["text_only.cameras_out"], rtol=1e-6)


def test_no_column_is_lost_to_rounding():
    """96 / (96 / 59) is just under 59: the release shows 58 of the 59 columns."""
    picture, target = (200, 59), (64, 96)
    left, _, right, _ = fit(picture, [view(*picture)], target, strict=True).box or ()
    assert right - left == 58
    left, _, right, _ = fit(picture, [view(*picture)], target).box or ()
    assert (left, right) == (0, 59)


@given(picture=sizes, target=sizes)
def test_the_crop_is_centred_within_the_picture_has_the_targets_aspect_and_cannot_grow(
    picture: tuple[int, int], target: tuple[int, int]
):
    left, upper, right, lower = fit(picture, [view(*picture)], target).box or ()
    assert min(left, upper) >= 0
    assert right <= picture[1]
    assert lower <= picture[0]
    assert left + right == pytest.approx(picture[1])
    assert upper + lower == pytest.approx(picture[0])
    assert (right - left) / (lower - upper) == pytest.approx(target[1] / target[0])
    assert right - left == pytest.approx(picture[1]) or lower - upper == pytest.approx(picture[0])


@given(picture=sizes, target=sizes, u=st.floats(0, 1), v=st.floats(0, 1))
def test_a_pixel_keeps_its_ray(picture: tuple[int, int], target: tuple[int, int], u: float, v: float):
    """The direction in which a camera sees a point of the picture is the same after cropping and resizing."""
    camera = view(*picture, focal=0.8)
    fitted = fit(picture, [camera], target)
    assert fitted.box is not None
    left, upper, right, lower = fitted.box
    x, y = left + u * (right - left), upper + v * (lower - upper)
    fx, fy, cx, cy = fitted.cameras[0, 7:]
    assert (u - cx) / fx == pytest.approx((x - camera.cx) / camera.fx, abs=1e-9)
    assert (v - cy) / fy == pytest.approx((y - camera.cy) / camera.fy, abs=1e-9)


@given(picture=sizes, target=sizes)
@settings(max_examples=200)
def test_intrinsics_speak_of_the_size_that_their_principal_points_state(
    picture: tuple[int, int], target: tuple[int, int]
):
    crop_of_picture = fit(picture, [view(*picture)], target).cameras[0, 7:]
    assert crop_of_picture[2:] == pytest.approx([0.5, 0.5])
    of_target = fit(picture, [view(*target)], target).cameras[0, 7:]
    assert of_target == pytest.approx([1, target[1] / target[0], 0.5, 0.5])


def test_a_photo_with_the_targets_intrinsics_keeps_the_field_of_view_that_was_asked_for():
    photo, target = (3024, 4032), (480, 704)
    asked = view(*target, focal=0.5)
    ours = fit(photo, [asked], target).cameras[0]
    published = fit(photo, [asked], target, strict=True).cameras[0]
    assert ours[7] == pytest.approx(0.5)
    assert published[7] < 0.1, "the release reads 352 pixels of a 4032 pixel photo: a field of view of 160 degrees"


def test_when_both_sizes_are_equally_near_the_picture_is_meant_as_published():
    picture, target = (200, 100), (100, 200)
    between = view(math.sqrt(200 * 100), math.sqrt(200 * 100))
    assert fit(picture, [between], target).cameras[0, 7] == fit(picture, [between], target, strict=True).cameras[0, 7]


def test_a_principal_point_outside_states_no_size_and_the_picture_is_meant():
    camera = view(100, 100).model_copy(update={"cx": -5.0})
    assert stated_size([camera]) is None
    shown = fit((100, 100), [camera], (50, 50)).cameras[0, 7:]
    assert shown == pytest.approx([1, 1, -0.05, 0.5])


@given(picture=sizes, target=sizes, scale=st.integers(2, 5))
def test_a_model_of_another_resolution_and_the_same_aspect_sees_the_same(
    picture: tuple[int, int], target: tuple[int, int], scale: int
):
    larger = (target[0] * scale, target[1] * scale)
    small, large = fit(picture, [view(*picture)], target), fit(picture, [view(*picture)], larger)
    assert small.box == pytest.approx(large.box)
    np.testing.assert_allclose(small.cameras, large.cameras)


def test_sampling_the_whole_picture_at_its_size_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    same = sample(Image.fromarray(pixels), (0, 0, 30, 20), (20, 30))
    np.testing.assert_allclose((same + 1) * 127.5, np.moveaxis(pixels, -1, 0), atol=1e-4)


def test_quaternions_become_unit_and_keep_their_sign():
    camera = view(10, 10).model_copy(update={"quaternion": (-2e-7, 0.0, 0.0, 0.0)})
    assert fit(None, [camera], (10, 10)).cameras[0, :4].tolist() == [-1, 0, 0, 0]


def test_cameras_go_to_a_path_in_pixels_and_back():
    rows = REFERENCE["p0.cameras_in"]
    cameras = from_views(views_of(rows), 80, 100)
    path = to_path(cameras, 80, 100)
    np.testing.assert_allclose([view.position for view in path.cameras], rows[:, 4:7], atol=1e-6)
    np.testing.assert_allclose([view.fx for view in path.cameras], rows[:, 7], rtol=1e-6)
    back = from_views(path.cameras, 80, 100)
    np.testing.assert_allclose(back.vectors(), cameras.vectors(), atol=1e-6)
