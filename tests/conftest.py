"""What all tests share: shapes checked at run time, steady property tests in the CI, recorded numbers."""

import importlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Triton reads this when it is imported: its kernels then run in its interpreter, on the CPU. It has no wheels for some
# systems; there, nothing of it can be tested.
os.environ["TRITON_INTERPRET"] = "1"
collect_ignore_glob = [] if importlib.util.find_spec("triton") else ["test_triton_*.py"]

# Loaded before their functions could be wrapped: Triton compiles what is written there.
if importlib.util.find_spec("triton"):
    importlib.import_module("flashworld.models.block_kernels")
    importlib.import_module("flashworld.models.frame_kernels")

# Annotations and their shapes are checked on every call, in the tests only. Modules of numba kernels stay out: a
# checked function is a Python wrapper, which numba cannot compile.
install_import_hook(
    [
        "flashworld.cameras",
        "flashworld.conditioning",
        "flashworld.denoising",
        "flashworld.formats",
        "flashworld.gaussians",
        "flashworld.generation",
        "flashworld.geometry",
        "flashworld.models",
        "flashworld.protocols",
        "flashworld.rendering.rasterise",
        "flashworld.request.fitting",
        "flashworld.testing",
        "flashworld.training.distil",
        "flashworld.training.flow",
        "flashworld.training.rollout",
    ],
    "checking.check_call",
)

settings.register_profile("everywhere", deadline=None)
settings.register_profile("steady", settings.get_profile("everywhere"), derandomize=True, print_blob=True)
settings.load_profile("steady" if os.environ.get("CI") else "everywhere")

REFERENCE = Path(__file__).parent / "reference"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the test may be that kills a server again and again."""
    parser.addoption("--kills", type=int, default=2, help="kill -9 a working studio this many times")


def pytest_configure(config: pytest.Config) -> None:
    """Keep each of several test processes to one thread of torch, or they wait for each other."""
    if hasattr(config, "workerinput"):
        import torch

        torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give more time to tests that wait for other programs, which themselves are given up before it is over.

    And a second try: a machine that is busy with other things may stop a browser or a server at any moment. What fails
    twice is a fault, and what fails once is named at the end of the run.
    """
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("timeout"):
            continue
        if item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.timeout(3600))
        elif item.get_closest_marker("slow") or item.get_closest_marker("browser"):
            kills = int(config.getoption("--kills") or 0) if "kill" in item.name else 0
            item.add_marker(pytest.mark.timeout(900 + 60 * kills))


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict]:
    """Recorded numbers by name: `reference("vae")["image"]` is a tensor of `tests/reference/vae.safetensors`."""
    from safetensors.torch import load_file

    return lambda name: load_file(REFERENCE / f"{name}.safetensors")


@pytest.fixture(scope="session")
def maker():
    """The small model with what turns requests into files: what works behind the studio."""
    from flashworld.jobs import Maker
    from flashworld.weights import load

    return Maker(load("tiny"))
