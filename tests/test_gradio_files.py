"""The Space's files and the deployment guide, row by row. The front matter itself is tested in `test_house`."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from programs import ran

from flashworld.apps.gradio import budget, pieces
from flashworld.apps.gradio.order import Maker
from flashworld.apps.gradio.settings import load_chosen, read_settings
from flashworld.apps.gradio.shelf import Rules
from flashworld.apps.gradio.troubles import TROUBLES, UNKNOWN, WorkFailed, sentence_for
from flashworld.apps.gradio.work import Failed
from flashworld.errors import RequestError
from flashworld.weights.loading import SHIPPED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def requirements(text: str) -> dict[str, Requirement]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {parsed.name: parsed for parsed in map(Requirement, lines)}


SPACE = requirements((ROOT / "requirements.txt").read_text())


def test_the_spaces_requirements_are_the_guides():
    assert str(SPACE["gradio"].specifier) == "==5.49.1"
    assert "spaces" in SPACE
    assert "flask" not in {name.lower() for name in SPACE}
    torch = SPACE["torch"].specifier
    assert all(version in torch for version in ("2.8.0", "2.9.1", "2.10.0", "2.11.0"))
    assert not any(version in torch for version in ("2.7.1", "2.12.0", "2.13.0"))


def test_the_spaces_requirements_hold_all_of_the_packages():
    """The Space does not install the package, so what it depends on stands here too."""
    block = re.findall(
        r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )[0]
    needed = requirements("\n".join(re.findall(r'"([^"]+)"', block)))
    assert set(needed) <= set(SPACE)
    for name, requirement in needed.items():
        if name != "torch":
            assert str(SPACE[name].specifier) == str(requirement.specifier), name


def test_packages_txt():
    assert (ROOT / "packages.txt").read_text().split() == ["libglm-dev", "build-essential"]


def test_the_guides_flags_and_port():
    settings = read_settings([], hosted=False)
    assert (settings.port, settings.offload_t5, settings.offload_vae, settings.ckpt) == (7860, False, False, None)
    given = ["--offload_t5", "--offload_vae", "--ckpt", "model.ckpt", "--model", "tiny", "--port", "1", "--share"]
    settings = read_settings(given, hosted=False)
    assert settings == read_settings([flag.replace("_", "-") for flag in given], hosted=False)
    assert (settings.offload_t5, settings.offload_vae, settings.ckpt, settings.share) == (
        True,
        True,
        "model.ckpt",
        True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--model", "no/such/folder"], ["--model", "flashworld", "--ckpt", "no-such.ckpt"]])
def test_weights_that_are_missing_end_the_start_in_one_sentence(tmp_path: Path, flags: list[str]):
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "given"), "TMPDIR": str(tmp_path)}
    ended = ran([sys.executable, ROOT / "app_gradio.py", *flags], 240, env=environment)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("app_gradio.py: ")
    assert not list(tmp_path.rglob("flashworld-*")), "no folder is left behind"


def test_a_models_folder_is_not_told_to_visitors():
    model, _ = load_chosen(read_settings(["--model", str(SHIPPED)], hosted=False))
    assert model.name == "tiny"
    assert str(ROOT) not in pieces.header(Maker(model))


def test_the_guides_numbers():
    assert (budget.BASE_SECONDS, budget.MOST_SECONDS, budget.MOST_FRAMES) == (15, 60, 24)
    assert budget.MOST_PIXELS == 480 * 704
    source = (ROOT / "app_gradio.py").read_text()
    decorated = source[source.index("@zerogpu.on_gpu") :]
    assert source.index("MODEL, PLAN = load_chosen") < source.index("@zerogpu.on_gpu"), "loaded outside, and before"
    assert "load_chosen" not in decorated
    assert "compile" not in source


def test_the_guides_example_path_moves_forward():
    cameras = json.loads((ROOT / "examples/simple_trajectory.json").read_text())["cameras"]
    depths = [camera["position"][2] for camera in cameras]
    assert len(cameras) == 5
    assert depths == sorted(depths, reverse=True)
    assert {"quaternion", "position", "fx", "fy", "cx", "cy"} == set(cameras[0])


def test_every_trouble_stands_in_the_readme():
    chapter = README.partition("### When something goes wrong")[2].partition("\n## ")[0]
    for trouble in (*TROUBLES, UNKNOWN):
        assert f"| {trouble.name} | {trouble.sentence} |" in chapter, trouble.name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (WorkFailed(Failed("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB")), "Out of memory"),
        (WorkFailed(Failed("RuntimeError", "DefaultCPUAllocator: can't allocate memory")), "Out of memory"),
        (WorkFailed(Failed("BackendError", "no rasteriser")), "gsplat extension missing"),
        (RuntimeError("fatal error: glm/gtc/type_ptr.hpp: No such file"), "gsplat extension missing"),
        (WorkFailed(Failed("WeightsError", "/secret/model.ckpt is damaged")), "Checkpoint not found"),
        (OSError(28, "No space left on device"), "Disk full"),
        (RuntimeError("GPU task aborted"), "GPU budget exceeded"),
        (RuntimeError("You have exceeded your GPU quota (60s requested vs. 20s left)."), "GPU quota used up"),
        (RuntimeError("ZeroGPU API /schedule error: 500 (Internal Server Error)"), "No GPU free"),
        (KeyError("/secret/place"), "Anything else"),
    ],
)
def test_every_failure_becomes_one_sentence(error: Exception, name: str):
    sentences = {trouble.name: trouble.sentence for trouble in (*TROUBLES, UNKNOWN)}
    assert sentence_for(error) == sentences[name]


def test_faults_of_a_request_are_told_as_they_are():
    assert sentence_for(RequestError(["one", "two"])) == "one\ntwo"
    assert sentence_for(WorkFailed(Failed("RequestError", "one"))) == "one"


def test_the_readme_tells_how_long_results_stay():
    assert Rules().seconds == 3600
    assert Rules().per_visitor == 4
    assert "for an hour, the newest four of a visitor" in " ".join(README.split())
