"""A deeper network begins as the function of a shallower one, and learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flashworld.errors import WeightsError
from flashworld.models.config import ModelConfig
from flashworld.models.text import Umt5TextEncoder, byte_tokenizer
from flashworld.models.transformer import TransformerDenoiser
from flashworld.training import dual
from flashworld.training.checkpoints import read_result
from flashworld.training.deepening import LAST, can_become, deepened
from flashworld.training.pupil import Pupil, load_tensors
from flashworld.training.recipes import RECIPES, Recipe, tiny_smoke
from flashworld.training.run import begin_with, pupil_with_pictures
from flashworld.training.scenes import SceneBatch
from flashworld.weights import save

RECIPE = tiny_smoke()


def with_layers(config: ModelConfig, transformer: int, text: int) -> ModelConfig:
    return replace(
        config,
        transformer=replace(config.transformer, num_layers=transformer),
        text=replace(config.text, num_layers=text),
    )


SHALLOW, DEEP = with_layers(RECIPE.model, 2, 2), with_layers(RECIPE.model, 5, 3)


@pytest.fixture
def shallow() -> Pupil:
    """Untrained, but every part of it says something. Its numbers survive half precision."""
    pupil = Pupil(SHALLOW, 1)
    for parameter in pupil.parameters():
        parameter.data = parameter.half().float()
    return pupil


@pytest.fixture
def deep(shallow: Pupil) -> Pupil:
    pupil = Pupil(DEEP, 2)
    load_tensors(pupil, deepened(dict(shallow.named_parameters()), SHALLOW, DEEP))
    return pupil


def answers(pupil: Pupil) -> tuple[Tensor, Tensor, Tensor]:
    """Velocities, features and embeddings."""
    text = Umt5TextEncoder(byte_tokenizer(), pupil.text_encoder)(["a red house", ""])
    inputs = torch.randn(2, SHALLOW.in_channels, 3, 3, 4, generator=torch.Generator().manual_seed(0))
    denoiser = TransformerDenoiser(pupil.transformer, SHALLOW.autoencoder.z_dim)
    with torch.no_grad():
        return *denoiser(inputs, torch.tensor([800.0, 200.0]), text), text


def assert_same(one: Pupil, other: Pupil) -> None:
    for found, expected in zip(answers(one), answers(other), strict=True):
        assert expected.std() > 0.01
        assert torch.equal(found, expected)


def test_a_deeper_network_answers_bit_for_bit_as_the_shallower_one(shallow: Pupil, deep: Pupil):
    assert len(deep.transformer.blocks) == 5
    assert len(deep.text_encoder.encoder.block) == 3
    assert_same(deep, shallow)


def test_each_layer_is_followed_by_its_copies(shallow: Pupil, deep: Pupil):
    name = "transformer.blocks.{}.attn1.to_q.weight"
    for number, origin in enumerate((0, 0, 0, 1, 1)):
        assert torch.equal(deep.get_parameter(name.format(number)), shallow.get_parameter(name.format(origin)))
    heard = [bool(deep.get_parameter(f"transformer.blocks.{n}.ffn.net.2.weight").any()) for n in range(5)]
    assert heard == [True, False, False, True, False]
    assert len({parameter.data_ptr() for parameter in deep.parameters()}) == len(list(deep.parameters()))


@pytest.mark.slow
def test_new_layers_learn(deep: Pupil):
    batch = SceneBatch.of([RECIPE.sight(2)], torch.device("cpu"))
    dual.task(deep, RECIPE.dual, lambda _: iter(()), [RECIPE.sight(2)], 3, torch.device("cpu"))
    new = {"transformer.blocks": (1, 2, 4), "text_encoder.encoder.block": (1,)}
    layers = [(f"{stack}.{number}.", LAST[stack]) for stack, numbers in new.items() for number in numbers]

    def learn() -> dict[str, Tensor]:
        deep.zero_grad()
        dual.multiview_losses(deep, batch.views(3), torch.Generator().manual_seed(1), RECIPE.dual)["loss"].backward()
        gradients = {name: value.grad for name, value in deep.named_parameters() if value.grad is not None}
        for name, gradient in gradients.items():
            deep.get_parameter(name).data -= 0.1 * gradient
        return gradients

    first, second = learn(), learn()
    for layer, last in layers:
        assert all(first[f"{layer}{part}weight"].any() for part in last), layer
    inner = {"transformer.blocks": "attn1.to_v.weight", "text_encoder.encoder.block": "layer.0.SelfAttention.v.weight"}
    for stack, numbers in new.items():
        for number in numbers:
            name = f"{stack}.{number}.{inner[stack]}"
            assert not first[name].any()
            assert second[name].any()


def test_training_goes_on_with_a_shallower_model(shallow: Pupil, tmp_path: Path):
    save(tmp_path / "model", SHALLOW, shallow.networks, trained=True)
    recipe = replace(RECIPE, model=DEEP)
    begin_with(tmp_path / "model", recipe, tmp_path, ["autoencoder"], False)
    assert_same(pupil_with_pictures(recipe, tmp_path), shallow)


@pytest.mark.slow
def test_the_recipe_of_the_shipped_model_can_begin_with_it(tmp_path: Path):
    recipe = RECIPES["tiny"]()
    begin_with("tiny", recipe, tmp_path, ["autoencoder"], False)
    pupil = Pupil(recipe.model, 0)
    wanted = {name: value.shape for name, value in pupil.named_parameters() if not name.startswith("colour_out")}
    assert {name: value.shape for name, value in read_result(tmp_path / "autoencoder")[0].items()} == wanted


def wider(recipe: Recipe) -> Recipe:
    return replace(recipe, model=replace(recipe.model, transformer=replace(recipe.model.transformer, ffn_dim=512)))


def test_a_model_with_more_layers_or_of_another_width_is_refused(shallow: Pupil, tmp_path: Path):
    save(tmp_path / "model", SHALLOW, shallow.networks, trained=True)
    for recipe in (
        replace(RECIPE, model=with_layers(SHALLOW, 1, 2)),
        replace(RECIPE, model=with_layers(SHALLOW, 4, 1)),
        wider(replace(RECIPE, model=DEEP)),
    ):
        with pytest.raises(WeightsError, match=r"other sizes than .* tiny-smoke, or more layers: choose"):
            begin_with(tmp_path / "model", recipe, tmp_path, ["autoencoder"], False)
    assert not (tmp_path / "autoencoder").exists()
    assert can_become(SHALLOW, SHALLOW)
