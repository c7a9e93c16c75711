"""Several processes train one model: what they share out is what one of them would do alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from programs import ran
from safetensors.torch import load_file
from torch import nn

from flashworld.errors import BackendError
from flashworld.training import company
from flashworld.training.recipes import tiny_smoke
from flashworld.training.run import divided

ROOT = Path(__file__).parents[1]
AROUND = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

ADDING = """
import torch
from torch import nn
from flashworld.training import company

with company.together(torch.device("cpu")):
    rank = list(company.own(2))[0]
    both, one, none = (nn.Parameter(torch.zeros(2, 3)) for _ in range(3))
    (both.sum() * (rank + 1)).backward()
    if rank == 1:
        (5 * one.sum()).backward()
    company.add_gradients([both, one, none])
    assert torch.equal(both.grad, torch.full((2, 3), 3.0)), both.grad
    assert torch.equal(one.grad, torch.full((2, 3), 5.0)), one.grad
    assert none.grad is None
    turned = nn.Parameter(torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last))
    (turned * torch.arange(120.0).view(2, 3, 4, 5)).sum().backward()
    company.add_gradients([turned])
    assert torch.equal(turned.grad, 2 * torch.arange(120.0).view(2, 3, 4, 5))
    assert turned.grad.stride() == turned.stride()
    assert company.first_says(rank == 0) and not company.first_says(rank == 1)
    assert company.is_first() == (rank == 0)
    company.wait()
"""


def two(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a script as two processes."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return ran([*start, *command], 480, cwd=ROOT, env=AROUND)


def test_a_process_alone_is_its_own_company():
    parameter = nn.Parameter(torch.zeros(2))
    with company.together(torch.device("cpu")) as device:
        assert device == torch.device("cpu")
        assert (company.size(), company.is_first(), list(company.own(3))) == (1, True, [0, 1, 2])
        company.add_gradients([parameter])
        company.wait()
    assert parameter.grad is None


def test_steps_are_divided_among_as_many_as_there_are():
    recipe = divided(tiny_smoke(), 4)
    assert (recipe.lift.plan.parts, recipe.lift.plan.part, recipe.dual.plan.part) == (4, 2, 1)
    assert divided(tiny_smoke(), 1) == tiny_smoke()
    with pytest.raises(BackendError, match="3 processes cannot share 8 samples"):
        divided(tiny_smoke(), 3)


@pytest.mark.slow
def test_two_processes_add_their_gradients(tmp_path: Path):
    (tmp_path / "adding.py").write_text(ADDING)
    ended = two(str(tmp_path / "adding.py"))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_two_processes_with_half_a_batch_are_one_with_the_whole(tmp_path: Path):
    """Every stage, from nothing to a model that is written once."""
    script = "tests/training_process.py"
    together = two(script, str(tmp_path / "two"))
    assert together.returncode == 0, together.stderr
    assert "2 [0]" in together.stdout
    assert "2 [1]" in together.stdout
    alone = ran([sys.executable, script, str(tmp_path / "one")], 480, cwd=ROOT, env=AROUND)
    assert alone.returncode == 0, alone.stderr
    assert together.stdout.splitlines().count("lift 1") == alone.stdout.splitlines().count("lift 1") == 1
    for stage in ("autoencoder", "lift", "dual", "distil"):
        one, other = (load_file(tmp_path / name / stage / "checkpoint.safetensors") for name in ("one", "two"))
        assert one.keys() == other.keys()
        for name in one:
            torch.testing.assert_close(other[name], one[name], atol=1e-6, rtol=1e-5, msg=f"{stage} {name}")
    assert (tmp_path / "two/model/config.json").read_text() == (tmp_path / "one/model/config.json").read_text()
