"""The rasteriser's gradients: against the float64 twin's autograd, and against finite differences."""

from dataclasses import fields

import pytest
import torch
from rendering_scenes import HEIGHT, WIDTH, cameras, scene

from flashworld.gaussians import Gaussians
from flashworld.rendering import Rendering, render
from flashworld.testing.rasterise import render_reference

NAMES = [field.name for field in fields(Gaussians)]


def loss_of(views: Rendering) -> torch.Tensor:
    """Random weights for every pixel of colour, alpha and depth."""
    generator = torch.Generator().manual_seed(9)
    parts = (views.colour, views.alpha, views.depth)
    return sum(
        (scale * torch.randn(part.shape, generator=generator).to(part) * part).sum()
        for part, scale in zip(parts, (1.0, 1.0, 0.2), strict=True)
    )  # type: ignore[return-value]


def gradients(render_any, gaussians: Gaussians, loss=loss_of, **options) -> dict[str, torch.Tensor]:
    leaves = [getattr(gaussians, name).clone().requires_grad_() for name in NAMES]
    loss(render_any(Gaussians(*leaves), cameras(), HEIGHT, WIDTH, **options)).backward()
    return {
        name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        for name, leaf in zip(NAMES, leaves, strict=True)
    }


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_equal_twin(degree: int) -> None:
    """To 1e-4 of the largest entry of each tensor; the scenes have no pixel close enough to a threshold to cross it."""
    gaussians = scene(20 + degree, degree)
    options = {"background": (0.2, 0.5, 0.9)}
    ours, twin = (gradients(f, gaussians, **options) for f in (render, render_reference))
    for name in NAMES:
        assert twin[name].abs().max() > 0
        assert (ours[name] - twin[name]).abs().max() < 1e-4 * twin[name].abs().max(), name


@pytest.mark.parametrize("output", ["colour", "alpha", "depth"])
def test_each_output_by_itself(output: str) -> None:
    def loss(views: Rendering) -> torch.Tensor:
        return getattr(views, output).square().sum()

    ours, twin = (gradients(f, scene(31), loss) for f in (render, render_reference))
    for name in NAMES:
        assert (ours[name] - twin[name]).abs().max() <= 1e-4 * twin[name].abs().max(), name


def test_finite_differences() -> None:
    """Central differences of the twin's loss, so that its own autograd is not taken on trust."""
    gaussians = scene(40, degree=1)[80:92]
    ours = gradients(render, gaussians)
    generator = torch.Generator().manual_seed(1)
    for name in NAMES:
        value = getattr(gaussians, name).double()
        direction = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        step = 1e-6

        def loss(shift: float, name: str = name, value=value, direction=direction) -> float:
            parts = {other: getattr(gaussians, other).double() for other in NAMES} | {name: value + shift * direction}
            return loss_of(render_reference(Gaussians(**parts), cameras(), HEIGHT, WIDTH)).item()

        slope = (loss(step) - loss(-step)) / (2 * step)
        assert (ours[name].double() * direction).sum().item() == pytest.approx(slope, rel=1e-3, abs=1e-3), name


def test_gradients_of_what_is_not_seen_are_zero() -> None:
    ours = gradients(render, scene(20))
    for name in NAMES:
        assert not ours[name][:10].any()  # behind, or beyond the far plane
        assert torch.isfinite(ours[name]).all()


def test_gaussians_that_are_not_finite_get_no_gradient() -> None:
    gaussians = scene(20)
    gaussians.means[80] = torch.nan
    gaussians.harmonics[81] = torch.inf
    ours = gradients(render, gaussians)
    for name in NAMES:
        assert torch.isfinite(ours[name]).all()
        assert not ours[name][80:82].any()


def test_only_what_requires_it_gets_a_gradient() -> None:
    gaussians = scene(20)
    gaussians.means.requires_grad_()
    render(gaussians, cameras(), HEIGHT, WIDTH).colour.sum().backward()
    assert gaussians.means.grad is not None
    assert gaussians.scales.grad is None
    assert not render(scene(20), cameras(), HEIGHT, WIDTH).colour.requires_grad
