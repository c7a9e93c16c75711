"""One of several training processes, started by torchrun: a few steps of every stage, in two parts each."""

import sys
from dataclasses import replace
from pathlib import Path

import click
import torch

from flashworld.training import company
from flashworld.training.recipes import tiny_smoke
from flashworld.training.run import STAGES, run


def short(stage):
    """Two steps of four samples."""
    plan = replace(stage.plan, samples=8, batch=4, parts=2, log_every=1, score_every=2)
    return replace(stage, plan=plan, window=2, renew=2, held_out=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    recipe = tiny_smoke()
    recipe = replace(recipe, statistics=1, **{name: short(getattr(recipe, name)) for name in STAGES})
    with company.together(torch.device("cpu")) as device:
        click.echo(f"{company.size()} {list(company.own(2))}")
        assert run(
            recipe,
            Path(sys.argv[1]),
            resume=False,
            minutes=None,
            device=device,
            processes=0,
            listen=lambda entry: click.echo(f"{entry.stage} {entry.step}"),
        )
