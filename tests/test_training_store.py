"""Worlds that were cast before, and models that others made, to begin with."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from flashworld.apps.cli import flashworld
from flashworld.errors import WeightsError
from flashworld.training.checkpoints import read_result
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.pupil import Pupil, with_latent_scale
from flashworld.training.recipes import RECIPES, tiny_smoke, with_steps
from flashworld.training.run import Place, batches, begin_with, run
from flashworld.training.store import SHARD, cast_store, read_store
from flashworld.training.worlds import training_seed
from flashworld.weights import save

SIGHT = Sight(16, 16, num_views=2, num_extra=0)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    with ThreadPoolExecutor(1) as executor:
        cast_store(folder, SIGHT, 1, executor, CPU)
    return folder


def is_same(one: SeenWorld, other: SeenWorld) -> bool:
    tensors = ((one.rgb, other.rgb), (one.distance, other.distance), (one.cameras.vectors(), other.cameras.vectors()))
    return one.caption == other.caption and all(torch.equal(*pair) for pair in tensors)


def test_stored_worlds_are_the_training_worlds(folder: Path):
    stored = read_store(folder, SIGHT, CPU)
    assert len(stored) == SHARD
    for number in (0, 1, SHARD - 1):
        assert is_same(stored[number], SIGHT(training_seed(number)))


def test_what_is_cast_is_not_cast_again(folder: Path):
    (file,) = folder.iterdir()
    before = file.stat().st_mtime_ns
    with ThreadPoolExecutor(1) as executor:
        cast_store(folder, SIGHT, SHARD, executor, CPU)
    assert file.stat().st_mtime_ns == before


def test_worlds_of_another_size_are_refused_and_none_are_none(folder: Path, tmp_path: Path):
    with pytest.raises(WeightsError, match="remove that one"):
        read_store(folder, replace(SIGHT, num_views=3), CPU)
    assert read_store(tmp_path / "nothing", SIGHT, CPU) == []


def test_a_stage_learns_from_what_is_stored(folder: Path):
    stored = read_store(folder, SIGHT, CPU)
    with ThreadPoolExecutor(1) as executor:
        place = Place(folder, CPU, executor, 0.0, lambda _: None, stored=stored)
        for step in islice(batches(SIGHT, place, 1, tiny_smoke().lift)(5), 3):
            assert all(one is other for one, other in zip(step, stored, strict=True))


def test_a_model_is_where_a_stage_begins(tmp_path: Path):
    recipe = with_steps(tiny_smoke(), "lift", 3)
    assert recipe.lift.plan.steps == 3
    recipe = replace(recipe, lift=replace(recipe.lift, window=1, held_out=1))
    mean, std = (0.25,) * 48, (2.0,) * 48
    model = Pupil(with_latent_scale(recipe.model, mean, std), seed=5)
    save(tmp_path / "model", model.config, model.networks, trained=True)

    assert not run(
        recipe, tmp_path / "out", resume=False, minutes=0, device=CPU, processes=0, listen=lambda _: None,
        only="lift", model=tmp_path / "model",
    )  # fmt: skip
    handed_on, facts = read_result(tmp_path / "out" / "lift")
    assert facts == {"step": 0, "steps": 3}
    assert handed_on
    for name, value in handed_on.items():
        assert torch.equal(value, model.get_parameter(name).half().float()), name
    assert read_result(tmp_path / "out" / "autoencoder")[1]["latents_std"] == list(std)
    assert not (tmp_path / "out" / "dual").exists()


def test_a_model_of_other_sizes_is_refused(tmp_path: Path):
    with pytest.raises(WeightsError, match="tiny-smoke"):
        begin_with("tiny", RECIPES["tiny-smoke"](), tmp_path, ["autoencoder"], False)


@pytest.mark.slow
def test_the_command_casts_and_says_what_does_not_go_together(tmp_path: Path):
    for arguments, said in (
        (["--from", "tiny", "--stage", "autoencoder"], "leave out --from"),
        (["--steps", "3"], "name it by --stage"),
    ):
        ran = CliRunner().invoke(flashworld, ["train", "tiny", "--output", str(tmp_path), *arguments])
        assert ran.exit_code == 2
        assert said in ran.output
    ran = CliRunner().invoke(flashworld, ["train", "tiny-smoke", "--output", str(tmp_path), "--cast", "1"])
    assert ran.exit_code == 0, ran.output
    assert len(read_store(tmp_path / "worlds", tiny_smoke().sight, CPU)) == SHARD
