"""Generation in training: the loop's own, and where the stages let a step begin."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from flashworld.rendering import render_batch
from flashworld.training import dual, lift, rollout
from flashworld.training.beginnings import begin_scenes
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import tiny_smoke
from flashworld.training.scenes import SceneBatch, known

RECIPE = tiny_smoke()


@pytest.fixture
def pupil() -> Pupil:
    return Pupil(RECIPE.model, 0)


@pytest.fixture
def batch() -> SceneBatch:
    return SceneBatch.of([RECIPE.sight(number) for number in range(2)], torch.device("cpu"))


@pytest.mark.parametrize("taught_steps", [4, 2, 1])
def test_3d_mode_learns_where_generation_comes_by(
    taught_steps: int, pupil: Pupil, batch: SceneBatch, monkeypatch: pytest.MonkeyPatch
):
    """Each step that is learned from begins with what generation by the same numbers begins it with."""
    begin_scenes(pupil)
    stage = replace(RECIPE.dual, taught_steps=taught_steps, image_drop=0.5)
    dual.task(pupil, stage, lambda _: iter(()), [RECIPE.sight(2)], 3, torch.device("cpu"))
    teach, begun = dual.taught_scenes, []

    def heard(*args: Any):
        begun.append(args[3:])
        return teach(*args)

    monkeypatch.setattr(dual, "taught_scenes", heard)
    losses = dual.scene_losses(pupil, batch, 3, torch.Generator().manual_seed(4), stage, 1.0)
    losses["loss"].backward()
    assert "render" in losses
    generator = torch.Generator().manual_seed(4)
    steps = sorted(torch.randperm(4, generator=generator)[:taught_steps].tolist())
    given = known(pupil, batch.views(3), generator, stage.image_drop, stage.text_drop)
    state = generator.get_state()
    assert len(begun) == len(steps)
    for step, inputs in zip(steps, begun, strict=True):
        generator.set_state(state)
        expected = rollout.inputs_of_step(pupil, given, batch.views(3), step, generator)
        for found, wanted in zip(inputs, expected, strict=True):
            assert not found.requires_grad
            torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-3)


def test_3d_mode_takes_fewer_worlds_for_more_steps(pupil: Pupil, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(dual, "scene_losses", lambda _pupil, batch, *_: seen.append(len(batch.rgb)) or {})
    worlds = [RECIPE.sight(number) for number in range(4)]
    for steps in (4, 2, 1):
        stage = replace(RECIPE.dual, taught_steps=steps, multiview_share=0.0)
        task = dual.task(pupil, stage, lambda _: iter(()), worlds[:1], 3, torch.device("cpu"))
        task.losses(worlds, torch.Generator().manual_seed(0), 1.0)
    assert seen == [1, 2, 4]


def test_views_that_only_words_describe_begin_with_noise(
    pupil: Pupil, batch: SceneBatch, monkeypatch: pytest.MonkeyPatch
):
    begun = []
    monkeypatch.setattr(lift, "taught", lambda _pupil, given, _batch, sigma, _noise: begun.append((given.shown, sigma)))
    stage = replace(RECIPE.lift, image_drop=0.5, only_noise=1.0)
    for seed in range(12):
        lift.lift_losses(pupil, batch.views(1), torch.Generator().manual_seed(seed), stage)
    shown = torch.tensor([each for row, _ in begun for each in row])
    sigma = torch.cat([row for _, row in begun])
    assert (sigma[~shown] == 1).all()
    assert 0 < shown.sum() < len(shown)
    assert len(sigma[shown].unique()) == 4


def test_generation_in_training_is_the_loops(pupil: Pupil, batch: SceneBatch):
    """A batch of the loop's own noise ends in the loop's own scene."""
    from flashworld.anchoring import decoder_for
    from flashworld.conditioning import Conditioning, PictureAt
    from flashworld.denoising import Schedule, denoise
    from flashworld.models.transformer import TransformerDenoiser

    begin_scenes(pupil)
    seen = batch.views(3)
    trained = rollout.generate_batch(pupil, seen, torch.Generator().manual_seed(3), 3)
    generator = torch.Generator().manual_seed(3)
    given = known(pupil, seen, generator)

    def noise(_name: str, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn((2, *shape), generator=generator)[0]

    one = Conditioning(given.text[:1], given.latents[:1], given.rays[:1], seen.cameras[:1])
    schedule = Schedule.flow(RECIPE.model.denoising_steps, RECIPE.model.shift)
    decoder = decoder_for(pupil.recon_decoder, pupil.config.anchored, [PictureAt(seen.rgb[0, 0] * 2 - 1, 0)])
    *_, last = denoise(
        TransformerDenoiser(pupil.transformer, 48), decoder, pupil.vae, one, schedule, [noise],
        feature_channels=RECIPE.model.feature_channels,
    )  # fmt: skip
    ours = render_batch(trained[:1], seen.cameras[:1], 48, 64).colour
    loops = render_batch(last.gaussians, seen.cameras[:1], 48, 64).colour
    torch.testing.assert_close(ours, loops, atol=2e-3, rtol=0)
