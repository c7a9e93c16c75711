"""Compiled kernels are kept on disk where that is possible, and never stale."""

import ast
import os
import shutil
import sys
from pathlib import Path

import pytest
from programs import ran

import flashworld

PACKAGE = Path(flashworld.__file__).parent
KERNELS = PACKAGE / "rendering" / "numba_rasteriser"

SCRIPT = """
import torch
from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.rendering import render
from flashworld.rendering.numba_rasteriser import blending, projection, tiles
means = torch.tensor([[0.0, 0.0, -2.0]])
quaternion = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
gaussians = Gaussians(means, quaternion, torch.full((1, 3), 0.2), torch.ones(1), torch.zeros(1, 9, 3))
camera = Cameras(quaternion, torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 0.5, 0.5]]))
render(gaussians, camera, 32, 32)
kernels = [projection.project, tiles.scatter, blending.blend]
print(sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels), len(kernels))
"""


def run(root: Path, **environment: str) -> tuple[int, int]:
    """Cache hits of a first call in a new process, and the number of kernels."""
    variables = {**os.environ, "PYTHONPATH": str(root), **environment}
    done = ran([sys.executable, "-c", SCRIPT], 240, env=variables, cwd=root)
    assert done.returncode == 0, done.stderr
    hits, num_kernels = done.stdout.split()
    return int(hits), int(num_kernels)


def copy_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "flashworld", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.slow
def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    root = copy_package(tmp_path)
    hits, _ = run(root)
    assert hits == 0
    hits, num_kernels = run(root)
    assert hits == num_kernels


@pytest.mark.slow
def test_folders_that_cannot_be_written_are_done_without(tmp_path: Path) -> None:
    """A file stands where numba would make its folders, which stops even a superuser."""
    root = copy_package(tmp_path)
    (root / "flashworld" / "rendering" / "numba_rasteriser" / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    home = str(tmp_path / "home")
    hits, _ = run(root, HOME=home, XDG_CACHE_HOME=home, PYTHONDONTWRITEBYTECODE="1")
    assert hits == 0


@pytest.mark.parametrize("path", sorted(KERNELS.glob("*.py")), ids=lambda path: path.stem)
def test_kernels_use_only_their_own_module(path: Path) -> None:
    """The cache of numba is keyed by the kernel's own file: what a kernel took from another could change unnoticed."""
    tree = ast.parse(path.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    compiled = [
        node
        for node in functions
        if {"kernel", "inlined"} & {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
    ]
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flashworld")
        for alias in node.names
    }
    for function in compiled:
        body = ast.Module(body=function.body, type_ignores=[])
        used = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
        assert not used & imported, function.name
