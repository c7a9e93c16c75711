"""The rasteriser's pictures: recorded numbers, the float64 twin, and laws."""

import concurrent.futures
import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rendering_scenes import HEIGHT, WIDTH, cameras, scene
from safetensors.torch import load_file

from flashworld.cameras import Cameras
from flashworld.errors import BackendError, Cancelled
from flashworld.events import Progress
from flashworld.gaussians import Gaussians
from flashworld.rendering import Rendering, available, rasterise, render
from flashworld.rendering.frames import render_along
from flashworld.rendering.numba_rasteriser import view
from flashworld.testing.rasterise import render_reference


def assert_close(actual: Rendering, expected: Rendering, tolerance: float = 1e-4) -> None:
    for name in ("colour", "alpha", "depth"):
        ours, theirs = getattr(actual, name).double(), getattr(expected, name).double()
        bound = tolerance * max(1.0, theirs.abs().max().item())
        assert (ours - theirs).abs().max() < bound, name


def assert_equal(actual: Rendering, expected: Rendering) -> None:
    for name in ("colour", "alpha", "depth"):
        assert torch.equal(getattr(actual, name), getattr(expected, name)), name


@pytest.mark.parametrize("render_any", [render, render_reference])
def test_equals_recorded_render(render_any) -> None:
    recorded = load_file(Path(__file__).parent / "reference" / "render.safetensors")
    gaussians, path = Gaussians.from_vectors(recorded["gaussians"]), Cameras.from_vectors(recorded["cameras"][0])
    height, width = recorded["hw"].tolist()
    for name, background in (("rgb_white", (1.0, 1.0, 1.0)), ("rgb_black", (0.0, 0.0, 0.0))):
        views = render_any(gaussians, path, height, width, background=background)
        picture = (2 * views.colour - 1).clamp(-1, 1)
        assert (picture - recorded[name][0]).abs().max() < 1e-4
        assert (views.depth - recorded["depth"][0, :, 0]).abs().max() < 1e-3


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_equals_twin(degree: int) -> None:
    gaussians, path = scene(degree, degree), cameras()
    options = {"background": (0.2, 0.5, 0.9), "near": 0.3, "far": 900.0}
    ours, twin = (f(gaussians, path, HEIGHT, WIDTH, **options) for f in (render, render_reference))
    assert_close(ours, twin)
    assert twin.alpha.max() > 0.9998  # some pixels ended early


def test_scene_of_huge_and_tiny_gaussians_equals_twin() -> None:
    gaussians = scene(7)
    gaussians = replace(gaussians, scales=gaussians.scales * torch.logspace(-3, 1.5, len(gaussians))[:, None])
    assert_close(
        render(gaussians, cameras(), HEIGHT, WIDTH),
        render_reference(gaussians, cameras(), HEIGHT, WIDTH),
        tolerance=3e-4,
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (3, 70), (65, 5)])
def test_every_size_equals_twin(height: int, width: int) -> None:
    assert_close(render(scene(3), cameras(1), height, width), render_reference(scene(3), cameras(1), height, width))


def test_empty_scene_is_background() -> None:
    views = render(scene(0)[:0], cameras(), HEIGHT, WIDTH, background=(0.1, 0.2, 0.3))
    assert torch.equal(views.colour, torch.tensor([0.1, 0.2, 0.3])[:, None, None].expand(2, 3, HEIGHT, WIDTH))
    assert not views.alpha.any()
    assert not views.depth.any()


def test_no_cameras_make_no_pictures() -> None:
    assert render(scene(0), cameras()[:0], HEIGHT, WIDTH).colour.shape == (0, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["means", "quaternions", "scales", "opacities", "harmonics"])
def test_gaussians_that_are_not_finite_are_left_out(name: str, bad: float) -> None:
    gaussians = scene(1)
    values = getattr(gaussians, name).clone()
    values[60:90].view(30, -1)[:, -1] = bad
    kept = torch.ones(len(gaussians), dtype=torch.bool)
    kept[60:90] = False
    without = gaussians[kept]
    assert_equal(
        render(replace(gaussians, **{name: values}), cameras(), HEIGHT, WIDTH),
        render(without, cameras(), HEIGHT, WIDTH),
    )


def test_zero_quaternions_are_left_out() -> None:
    gaussians = scene(1)
    quaternions = gaussians.quaternions.clone()
    quaternions[100:] = 0
    ours = render(replace(gaussians, quaternions=quaternions), cameras(), HEIGHT, WIDTH)
    assert_equal(ours, render(gaussians[:100], cameras(), HEIGHT, WIDTH))


def test_views_at_once_equal_views_one_by_one() -> None:
    path = cameras(3)
    together = render(scene(2), path, HEIGHT, WIDTH)
    for i in range(3):
        alone = render(scene(2), path[i : i + 1], HEIGHT, WIDTH)
        for name in ("colour", "alpha", "depth"):
            assert torch.equal(getattr(together, name)[i], getattr(alone, name)[0])


def test_number_of_threads_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    gaussians = scene(4, num=40_000)
    results = []
    for num_threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda num=num_threads: num)
        vectors = gaussians.vectors().requires_grad_()
        views = render(Gaussians.from_vectors(vectors), cameras(), 100, 150)
        (views.colour.square().sum() + views.alpha.sum() + views.depth.sum()).backward()
        results.append((views, vectors.grad))
    for views, gradient in results[1:]:
        assert_equal(views, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_bands_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render(scene(2), cameras(), 100, 150)
    monkeypatch.setattr(view, "MAX_KEYS", 200)
    assert_equal(render(scene(2), cameras(), 100, 150), whole)


def test_threads_of_the_caller_do_not_disturb_each_other() -> None:
    scenes = [scene(seed, num=3000) for seed in range(4)]
    expected = [render(one, cameras(), 100, 150) for one in scenes]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            actual = list(pool.map(lambda one: render(one, cameras(), 100, 150), scenes))
            for ours, theirs in zip(actual, expected, strict=True):
                assert_equal(ours, theirs)


def test_other_dtypes_and_layouts_are_taken() -> None:
    gaussians = scene(6)
    expected = render(gaussians, cameras(), HEIGHT, WIDTH)
    assert_equal(render(gaussians.to(torch.float64), cameras().to(torch.float64), HEIGHT, WIDTH), expected)
    transposed = replace(gaussians, means=gaussians.means.t().contiguous().t())
    assert_equal(render(transposed, cameras(), HEIGHT, WIDTH), expected)


def test_moving_scene_and_cameras_together_changes_nothing() -> None:
    from flashworld.geometry import Similarity, multiply

    turn = torch.nn.functional.normalize(torch.tensor([0.9, 0.3, -0.2, 0.4]), dim=0)
    similarity = Similarity(turn, torch.tensor([0.5, -2.0, 1.0]), torch.tensor(1.0))
    path = cameras()
    moved = Cameras(
        multiply(turn.expand_as(path.quaternions), path.quaternions), similarity.apply(path.positions), path.intrinsics
    )
    assert_close(
        render(scene(8).transformed(similarity), moved, HEIGHT, WIDTH), render(scene(8), path, HEIGHT, WIDTH), 3e-3
    )


def test_unknown_and_unusable_rasterisers_say_what_to_do() -> None:
    with pytest.raises(BackendError, match="no rasteriser 'opengl'"):
        render(scene(0), cameras(), 8, 8, rasteriser="opengl")
    reasons = available()
    assert reasons["numba"] is None
    for name, reason in reasons.items():
        if reason is not None:
            with pytest.raises(BackendError, match=name):
                render(scene(0), cameras(), 8, 8, rasteriser=name)


def test_automatic_choice_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    rasterise._automatic.cache_clear()
    with caplog.at_level(logging.INFO, logger="flashworld"):
        for _ in range(2):
            render(scene(0), cameras(), 8, 8)
    assert [record.getMessage() for record in caplog.records] == ["Rasteriser for cpu: numba."]


def test_every_view_is_told_and_may_be_the_last() -> None:
    gaussians, path = scene(3), cameras()
    heard = []

    def stop_at(limit: int):
        def report(progress: Progress) -> None:
            heard.append(progress.done)
            if len(heard) > limit:
                raise Cancelled

        return report

    render(gaussians, path, HEIGHT, WIDTH, report=stop_at(100))
    assert heard == list(range(len(path)))
    heard.clear()
    with pytest.raises(Cancelled):
        render(gaussians, path, HEIGHT, WIDTH, report=stop_at(1))
    assert heard == [0, 1]


def test_a_flight_is_stopped_between_two_views_though_several_are_drawn_at_once() -> None:
    gaussians = scene(3)
    path = Cameras.from_vectors(cameras().vectors()[:1].expand(6, -1))
    heard = []
    for _ in render_along(gaussians, path, HEIGHT, WIDTH, report=lambda progress: heard.append(progress.done)):
        pass
    assert heard == [0] + [0] * 6 + [1, 2, 3, 4, 5, 6]
