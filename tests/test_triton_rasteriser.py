"""The Triton rasteriser, in Triton's interpreter: against the recorded numbers and the float64 twin, and laws.

The interpreter takes milliseconds for each Gaussian of a tile: pictures are small, and few have several views.
"""

import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from rendering_scenes import cameras, scene

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.rendering import Rendering, available, choose, render, render_batch, triton_rasteriser
from flashworld.rendering.triton_rasteriser import plan, tiles
from flashworld.testing.parity import compare_folder
from flashworld.testing.rasterise import render_reference

HEIGHT, WIDTH = 13, 20
NAMES = [field.name for field in fields(Gaussians)]
OUTPUTS = ("colour", "alpha", "depth")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy warns of what the kernels compare away


def render_triton(gaussians: Gaussians, path=None, **options) -> Rendering:
    return render(gaussians, cameras(1) if path is None else path, HEIGHT, WIDTH, rasteriser="triton", **options)


def gradients(render_any, gaussians: Gaussians, path, **options) -> tuple[Rendering, dict[str, torch.Tensor]]:
    """Pictures, and the gradients of a random weighting of all their values."""
    leaves = [getattr(gaussians, name).clone().requires_grad_() for name in NAMES]
    views = render_any(Gaussians(*leaves), path, HEIGHT, WIDTH, **options)
    generator = torch.Generator().manual_seed(9)
    torch.stack(
        [(torch.randn(part.shape, generator=generator) * part).sum() for part in parts_of(views)]
    ).sum().backward()
    return views, {name: leaf.grad for name, leaf in zip(NAMES, leaves, strict=True)}


def parts_of(views: Rendering) -> list[torch.Tensor]:
    return [getattr(views, name) for name in OUTPUTS]


def assert_close(actual: Rendering, expected: Rendering, tolerance: float = 1e-4) -> None:
    for ours, theirs in zip(parts_of(actual), parts_of(expected), strict=True):
        assert (ours - theirs).abs().max() <= tolerance * max(1.0, theirs.abs().max().item())


def assert_equal(actual: Rendering, expected: Rendering) -> None:
    for ours, theirs in zip(parts_of(actual), parts_of(expected), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow
def test_passes_parity(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent / "reference" / "render.safetensors", tmp_path)
    lines = list(compare_folder(tmp_path, rasteriser="triton"))
    assert lines
    for line in lines:
        assert line.ok, line


@pytest.mark.slow
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_pictures_and_gradients_equal_twin(degree: int) -> None:
    """To 1e-4 of the largest entry; the scenes have no pixel close enough to a threshold to cross it."""
    gaussians = scene(20 + degree, degree, num=110)
    options = {"background": (0.2, 0.5, 0.9), "near": 0.3, "far": 900.0}
    ours, our_gradients = gradients(render, gaussians, cameras(1), rasteriser="triton", **options)
    twin, their_gradients = gradients(render_reference, gaussians, cameras(1), **options)
    assert_close(ours, twin)
    assert twin.alpha.max() > 0.9998  # some pixels ended early
    for name in NAMES:
        theirs = their_gradients[name]
        assert theirs.abs().max() > 0
        assert (our_gradients[name] - theirs).abs().max() < 1e-4 * theirs.abs().max(), name


@pytest.mark.slow
def test_gradients_of_several_views_equal_twin() -> None:
    gaussians = scene(5, 1)[66:84]
    _, ours = gradients(render, gaussians, cameras(3), rasteriser="triton")
    _, twin = gradients(render_reference, gaussians, cameras(3))
    for name in NAMES:
        assert (ours[name] - twin[name]).abs().max() < 1e-4 * twin[name].abs().max(), name


def test_huge_and_tiny_gaussians_equal_twin() -> None:
    gaussians = scene(7)[60:120]
    gaussians = replace(gaussians, scales=gaussians.scales * torch.logspace(-3, 1.5, 60)[:, None])
    assert_close(render_triton(gaussians), render_reference(gaussians, cameras(1), HEIGHT, WIDTH), tolerance=3e-4)


def test_more_gaussians_than_a_block_equal_twin() -> None:
    gaussians = scene(3, degree=0, num=300)
    gaussians = replace(gaussians, scales=0.1 * gaussians.scales)
    assert_close(render_triton(gaussians), render_reference(gaussians, cameras(1), HEIGHT, WIDTH))


@pytest.mark.slow
def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one view at a time nor one row of tiles at a time; gradients are then added up in another order."""
    gaussians = scene(2, degree=1)[78:88]
    views, whole = gradients(render, gaussians, cameras(2), rasteriser="triton")
    for limit in (20_000, 1):
        monkeypatch.setattr(plan, "bytes_at_once", lambda _, limit=limit: limit)
        cut, parts = gradients(render, gaussians, cameras(2), rasteriser="triton")
        assert_equal(cut, views)
        for name in NAMES:
            assert (parts[name] - whole[name]).abs().max() <= 1e-5 * whole[name].abs().max(), name


@pytest.mark.slow
def test_too_little_memory_makes_smaller_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory runs out, as it were, wherever more than half of the pairs are to be sorted at a time."""
    gaussians = scene(2, degree=0)[78:88]
    views, whole = gradients(render, gaussians, cameras(2), rasteriser="triton")
    sort_pairs, asked = tiles.sort_pairs, []

    def sort_few(numbers: torch.Tensor, num_tiles: int) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(len(numbers))
        if len(numbers) > asked[0] // 2 + 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return sort_pairs(numbers, num_tiles)

    monkeypatch.setattr(plan, "bytes_at_once", lambda _: 40_000)
    monkeypatch.setattr(plan, "LEAST_BYTES", 1)
    monkeypatch.setattr(tiles, "sort_pairs", sort_few)
    cut, parts = gradients(render, gaussians, cameras(2), rasteriser="triton")
    assert_equal(cut, views)
    for name in NAMES:
        assert (parts[name] - whole[name]).abs().max() <= 1e-5 * whole[name].abs().max(), name
    monkeypatch.setattr(plan, "LEAST_BYTES", 1 << 40)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        render_triton(gaussians, cameras(2))


@pytest.mark.slow
def test_gradients_are_the_same_bytes_every_time() -> None:
    gaussians = scene(2, degree=0)[78:88]
    first, second = (gradients(render, gaussians, cameras(1), rasteriser="triton")[1] for _ in range(2))
    for name in NAMES:
        assert torch.equal(first[name], second[name])


@pytest.mark.slow
def test_gaussians_that_are_not_finite_are_left_out() -> None:
    """NaN and both infinities in the last value of each kind of tensor, three Gaussians each; the others stay."""
    gaussians = scene(1, degree=1)[76:100]
    spoilt = {name: getattr(gaussians, name).clone() for name in NAMES}
    for i, name in enumerate(NAMES):
        spoilt[name].view(24, -1)[3 * i : 3 * i + 3, -1] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    views, ours = gradients(render, Gaussians(**spoilt), cameras(1), rasteriser="triton")
    without, expected = gradients(render, gaussians[15:], cameras(1), rasteriser="triton")
    assert without.alpha.any()
    assert_equal(views, without)
    for name in NAMES:
        assert not ours[name][:15].any()
        assert torch.equal(ours[name][15:], expected[name])


def test_zero_quaternions_are_left_out() -> None:
    gaussians = scene(1)[76:96]
    quaternions = gaussians.quaternions.clone()
    quaternions[14:] = 0
    assert_equal(render_triton(replace(gaussians, quaternions=quaternions)), render_triton(gaussians[:14]))


def test_empty_scene_is_background() -> None:
    views = render_triton(scene(0)[:0], background=(0.1, 0.2, 0.3))
    assert torch.equal(views.colour, torch.tensor([0.1, 0.2, 0.3])[:, None, None].expand(1, 3, HEIGHT, WIDTH))
    assert not views.alpha.any()
    assert not views.depth.any()


def test_scene_that_no_view_sees_is_background_without_gradient() -> None:
    gaussians = scene(0)[:6]  # behind the cameras
    views, ours = gradients(render, gaussians, cameras(1), rasteriser="triton")
    assert not views.alpha.any()
    assert all(not ours[name].any() for name in NAMES)


def test_no_cameras_make_no_pictures() -> None:
    assert render_triton(scene(0), cameras()[:0]).colour.shape == (0, 3, HEIGHT, WIDTH)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "num"), [(1 << 30, 14), (20_000, 14), (1 << 30, 137)])
def test_scenes_of_a_batch_are_as_they_are_alone(limit: int, num: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each from its own cameras. All fit into one piece; views are drawn one by one; scenes have several blocks."""
    monkeypatch.setattr(plan, "bytes_at_once", lambda _: limit)
    scenes = [scene(seed, degree=1, num=76 + num)[76:] for seed in (2, 3, 4)]
    if num > 14:
        scenes = [replace(each, scales=0.3 * each.scales) for each in scenes]
    paths = [cameras(6)[2 * i : 2 * i + 2] for i in range(3)]
    batch = Gaussians.from_vectors(torch.stack([each.vectors() for each in scenes]))
    together = Cameras.from_vectors(torch.stack([path.vectors() for path in paths]))
    weights = torch.randn(3, 2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(9))

    def drawn(some_render, gaussians: Gaussians, path: Cameras, weight: torch.Tensor):
        leaves = [getattr(gaussians, name).clone().requires_grad_() for name in NAMES]
        views = some_render(Gaussians(*leaves), path, HEIGHT, WIDTH, rasteriser="triton")
        (weight * views.colour + weight.mean(-3, keepdim=True) * views.depth.unsqueeze(-3)).sum().backward()
        return views, [leaf.grad for leaf in leaves]

    views, ours = drawn(render_batch, batch, together, weights)
    assert views.alpha.amax(dim=(1, 2, 3)).min() > 0.5
    for i in range(3):
        alone, theirs = drawn(render, scenes[i], paths[i], weights[i])
        assert_equal(Rendering(views.colour[i], views.alpha[i], views.depth[i]), alone)
        for name, found, expected in zip(NAMES, ours, theirs, strict=True):
            assert torch.equal(found[i], expected), name


def test_without_interpreter_it_needs_cuda_and_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available()["triton"] is None
    assert choose("auto", torch.device("cpu")) == "numba"
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in str(triton_rasteriser.missing())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert "no compiler" in str(triton_rasteriser.missing())
