"""`flashworld train tiny-smoke`: from nothing to a model that is worth something, in minutes."""

import json
import time
from pathlib import Path

import pytest
import torch

from flashworld.training.evaluation import evaluate, summary
from flashworld.training.recipes import tiny_smoke
from flashworld.training.run import STAGES, run
from flashworld.weights import load

LEARNED = {"autoencoder": "charbonnier", "lift": "log_distance", "dual": "colour"}
"""A loss of each stage that a short run lowers beyond its noise. Distillation's are held against fixed batches."""


@pytest.mark.nightly
def test_every_stage_learns_and_the_model_is_better_than_repeating_the_picture(tmp_path: Path):
    torch.set_num_threads(1)
    begun = time.process_time()
    assert run(
        tiny_smoke(),
        tmp_path,
        resume=False,
        minutes=None,
        device=torch.device("cpu"),
        processes=0,
        listen=lambda _: None,
    )
    assert time.process_time() - begun < 600

    for stage, loss in LEARNED.items():
        history = losses(tmp_path / stage, loss)
        quarter = len(history) // 4
        assert sum(history[-quarter:]) < 0.9 * sum(history[:quarter]), stage
    assert losses(tmp_path / list(STAGES)[-1], "matching")

    scores = summary(evaluate(load(tmp_path / "model"), 16, lambda _: None)[0])
    assert scores["novel_psnr"]["model"]["mean"] > scores["novel_psnr"]["repeat"]["mean"] + 0.5
    assert scores["abs_rel"]["mean"] < scores["abs_rel_constant"]["mean"]


def losses(folder: Path, name: str) -> list[float]:
    """A loss as the log of a stage has it."""
    lines = [json.loads(line)["values"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [values[name] for values in lines if name in values]
