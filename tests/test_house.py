"""The house: documents tell the truth, and nothing of the machine that made it is left behind."""

import importlib
import os
import pkgutil
import re
import shlex
import sys
from pathlib import Path

import click
import pytest
import yaml
from programs import ran

import flashworld
from flashworld.apps import cli
from flashworld.cameras.templates import TEMPLATES

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CLAUDE.md", "CONTRIBUTING.md")] + sorted(ROOT.glob("docs/**/*.md"))

FRONT_MATTER = """\
---
title: FlashWorld
emoji: 🌎
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: 5.49.1
app_file: app_gradio.py
pinned: false
license: cc-by-nc-sa-4.0
python_version: 3.10.13
---
"""


def tracked_files() -> list[Path]:
    listed = ran(["git", "ls-files", "-z"], 60, cwd=ROOT)
    assert listed.returncode == 0, listed.stderr
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def shell_lines(document: Path) -> list[str]:
    """Commands in the document's shell blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", document.read_text(), flags=re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip() and line[0] != "#"]


def command(name: str) -> click.Command:
    found = cli.flashworld.get_command(click.Context(cli.flashworld), name)
    assert found is not None, f"there is no command {name}"
    return found


def make_targets() -> set[str]:
    return set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_the_front_matter_is_the_one_that_the_space_needs():
    readme = (ROOT / "README.md").read_text()
    assert readme.startswith(FRONT_MATTER)
    fields = yaml.safe_load(FRONT_MATTER.strip("-\n"))
    assert fields["sdk_version"] == "5.49.1"
    assert fields["python_version"] == "3.10.13"
    assert fields["pinned"] is False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_of_documents_lead_somewhere(document: Path):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_make_targets_named_in_documents_exist():
    inline = [call for document in DOCUMENTS for call in re.findall(r"`make ([^`]*)`", document.read_text())]
    shown = [
        line.partition("#")[0][5:] for document in DOCUMENTS for line in shell_lines(document) if line[:5] == "make "
    ]
    named = {word for call in inline + shown for word in call.split() if "=" not in word}
    assert {"demo", "test", "lint", "bench"} <= named <= make_targets()


def test_commands_shown_in_documents_exist_with_their_options():
    shown = [shlex.split(line, comments=True) for document in DOCUMENTS for line in shell_lines(document)]
    calls = [words[words.index(word) + 1 :] for words in shown for word in words if Path(word).name == "flashworld"]
    assert {call[0] for call in calls} == set(cli.COMMANDS), "the README's tour shows every command"
    for name, *arguments in calls:
        options = {option for parameter in command(name).params for option in parameter.opts}
        used = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert used <= options, f"{name}: {used - options}"


def test_files_shown_in_the_tour_are_shipped():
    shown = {word for line in shell_lines(ROOT / "README.md") for word in line.split() if word.startswith("examples/")}
    assert shown
    assert all((ROOT / name).exists() for name in shown), shown


def test_the_readme_lists_all_camera_movements():
    listed = (ROOT / "README.md").read_text().partition("Paths to begin with")[2].partition("A path can also")[0]
    assert set(TEMPLATES) <= set(re.findall(r"`([a-z-]+)`", listed))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_option_of_the_command_line_is_explained(name: str):
    found = command(name)
    assert found.help
    unexplained = [p.name for p in found.params if isinstance(p, click.Option) and not p.help]
    assert not unexplained


@pytest.mark.slow
def test_the_readmes_library_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    example = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    for code in example:
        exec(code, {})
    assert (tmp_path / "world.ply").stat().st_size > 1000
    assert (tmp_path / "world.mp4").stat().st_size > 1000


def test_every_file_and_package_has_its_clause_in_the_readmes_tree():
    tree = (ROOT / "README.md").read_text().partition("## The tree")[2].partition("```\n\n")[0]
    modules = [f"{m.name}/" if m.ispkg else f"{m.name}.py" for m in pkgutil.iter_modules(flashworld.__path__)]
    named = [module for module in modules if module not in ("__main__.py", "apps/")]
    assert all(f"  {module} " in tree for module in named), [m for m in named if f"  {m} " not in tree]


def test_importing_the_package_and_asking_for_help_load_no_torch():
    script = (
        "import sys, flashworld\n"
        "from click.testing import CliRunner\n"
        "from flashworld.apps.cli import flashworld as group\n"
        "assert CliRunner().invoke(group, ['--help']).exit_code == 0\n"
        "print(sorted({'torch', 'numba', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    # A fresh interpreter: this one has torch already.
    ended = ran([sys.executable, "-c", script], 240, cwd=ROOT)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_every_public_name_is_there_and_documented():
    assert flashworld.__all__
    for name in flashworld.__all__:
        assert (getattr(flashworld, name).__doc__ or "").strip(), name


def test_every_name_that_a_package_exports_is_there():
    for module in pkgutil.walk_packages(flashworld.__path__, "flashworld."):
        if module.ispkg:
            package = importlib.import_module(module.name)
            missing = [name for name in getattr(package, "__all__", ()) if not hasattr(package, name)]
            assert not missing, f"{module.name}: {missing}"


def test_no_machine_path_and_no_registry_is_left_in_a_file():
    # Put together here, or this file would find itself.
    traces = [f"/{folder}/" for folder in ("work", "opt", "root", "home")]
    traces += [".".join(host) for host in (("registry", "npmjs"), ("files", "pythonhosted"), ("pypi", "org"))]
    traces += [".".join(host) for host in (("deb", "debian"), ("download", "pytorch"))]
    pattern = re.compile("|".join(map(re.escape, traces)).encode())
    found = {str(path.relative_to(ROOT)): m[0] for path in text_files() if (m := pattern.search(path.read_bytes()))}
    assert not found


def text_files() -> list[Path]:
    """Tracked files that are still there, without data whose random bytes may spell anything."""
    return [
        path
        for path in tracked_files()
        if path.is_file() and path.suffix not in (".safetensors", ".ply", ".spz", ".png")
    ]


def test_modules_stay_short_enough_to_read():
    long = {path.name: n for path in tracked_files() if path.suffix == ".py" and (n := line_count(path)) > 500}
    assert not long


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.is_file() else 0


@pytest.mark.parametrize("script", ["tools/install", ".ci/run"])
def test_scripts_are_executable_and_parse(script: str):
    assert os.access(ROOT / script, os.X_OK)
    assert ran(["bash", "-n", script], 60, cwd=ROOT).returncode == 0


def test_the_set_up_asks_for_the_torch_that_the_readme_pins():
    pinned = set(re.findall(r"torch==([\d.]+\d)", (ROOT / "README.md").read_text()))
    assert pinned == set(re.findall(r"^torch=(\S+)", (ROOT / "tools/install").read_text(), flags=re.MULTILINE))


def test_tests_start_programs_only_where_their_end_is_certain():
    """`programs.py` kills what stands still, with all that it has started: a server left behind once held up the CI."""
    for test in (ROOT / "tests").rglob("*.py"):
        if test.name not in ("programs.py", "test_programs.py", "test_house.py"):
            assert not re.search(r"subprocess\.\w+\(", test.read_text()), test
