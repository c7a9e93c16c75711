"""The recipe of full size: its networks, losses and gradients, on the meta device, which computes shapes alone."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.models.config import FLASHWORLD
from flashworld.training import dual, flow, lift, pupil, rollout, scenes
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import Recipe, flashworld
from flashworld.training.scenes import SceneBatch

META = torch.device("meta")


@pytest.fixture
def recipe() -> Recipe:
    return flashworld()


@pytest.fixture
def learner(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Pupil:
    """The pupil without memory. Random numbers, embeddings of captions and renderings need values: stood in for."""

    def nothing(shape: tuple[int, ...], _generator: torch.Generator, _device: torch.device) -> Tensor:
        return torch.empty(shape, device=META)

    monkeypatch.setattr(pupil, "initialise", lambda *_: None)
    monkeypatch.setattr(scenes, "computing_short", lambda _: nullcontext())
    monkeypatch.setattr(scenes, "embed_captions", lambda _, said, __: torch.empty(len(said), 512, 4096, device=META))
    for module in (scenes, lift, dual, flow, rollout):
        monkeypatch.setattr(module, "normal", nothing, raising=False)
    monkeypatch.setattr(rollout, "look_of", lambda _, seen: torch.empty_like(seen.rgb))
    monkeypatch.setattr(dual, "look_of", lambda _, seen: torch.empty_like(seen.rgb))
    return Pupil(recipe.model, 0).to(META).requires_grad_(True)


@pytest.fixture
def batch(recipe: Recipe) -> SceneBatch:
    sight = recipe.sight
    views = sight.num_views + sight.num_extra
    cameras = Cameras(*(torch.empty(1, views, n, device=META) for n in (4, 3, 4)))
    rgb = torch.empty(1, views, 3, sight.height, sight.width, device=META)
    return SceneBatch(rgb, rgb[:, :, 0], cameras, ["a room"])


def test_the_recipe_is_of_the_published_model(recipe: Recipe):
    assert replace(recipe.model, native=None) == FLASHWORLD
    for stage in (recipe.autoencoder, recipe.lift, recipe.dual, recipe.distil):
        assert stage.plan.part * stage.plan.parts == stage.plan.batch
    assert recipe.lift.plan.part == recipe.dual.plan.part == recipe.distil.plan.part == 1


@pytest.mark.slow
def test_losses_of_full_size_have_gradients_for_every_network(learner: Pupil, batch: SceneBatch, recipe: Recipe):
    num_views = recipe.sight.num_views
    generator = torch.Generator().manual_seed(0)
    given = scenes.known(learner, batch.views(num_views), generator)
    assert given.clean.shape == (1, 48, 24, 30, 44)
    found = scenes.predict(learner.transformer, given, given.clean, torch.ones(1, device=META))
    assert found.features.shape == (1, 1024, 24, 30, 44)
    assert len(scenes.gaussians_of(learner, found, batch.views(num_views).cameras)[0]) == 4_055_040

    stage = recipe.dual
    for losses, trained in (
        (lift.lift_losses(learner, batch.views(1), generator, recipe.lift), ("transformer", "recon_decoder")),
        (dual.multiview_losses(learner, batch.views(num_views), generator, stage), ("transformer",)),
        (
            dual.scene_losses(learner, batch, num_views, generator, stage, 0.0),
            ("transformer", "recon_decoder"),
        ),
    ):
        learner.zero_grad()
        losses["loss"].backward()
        for network in trained:
            parameters = dict(getattr(learner, network).named_parameters())
            with_gradient = [name for name, p in parameters.items() if p.grad is not None and p.grad.shape == p.shape]
            assert len(with_gradient) >= 0.95 * len(parameters), (network, set(parameters) - set(with_gradient))
