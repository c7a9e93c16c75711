"""The parity command on the recordings in the repository: every stage against the published release's numbers."""

import shutil
from pathlib import Path

import pytest

from flashworld.errors import FormatError
from flashworld.testing.parity import compare_folder

REFERENCE = Path(__file__).parent / "reference"


def test_every_recorded_number_is_met():
    lines = list(compare_folder(REFERENCE))
    assert len(lines) > 150
    assert {line.file for line in lines} == {path.name for path in REFERENCE.glob("*.safetensors")} - {
        "tiny_model.safetensors"
    }
    short = [line for line in lines if not line.ok]
    assert not short, "\n".join(map(str, short))


@pytest.mark.parametrize("name", ["cameras", "render", "fp8"])
def test_files_may_be_missing(name, tmp_path):
    shutil.copy(REFERENCE / f"{name}.safetensors", tmp_path)
    assert {line.file for line in compare_folder(tmp_path)} == {f"{name}.safetensors"}


def test_a_damaged_folder_is_told(tmp_path):
    with pytest.raises(FormatError, match="no recordings"):
        list(compare_folder(tmp_path))
    with pytest.raises(FormatError, match="no folder"):
        list(compare_folder(tmp_path / "nowhere"))
    shutil.copy(REFERENCE / "fp8.safetensors", tmp_path / "cameras.safetensors")
    with pytest.raises(FormatError, match="holds no tensor"):
        list(compare_folder(tmp_path))
    (tmp_path / "cameras.safetensors").write_bytes(b"cut")
    with pytest.raises(FormatError, match="no whole safetensors file"):
        list(compare_folder(tmp_path))


@pytest.mark.parametrize(("text", "says"), [("{", "no JSON"), ("{}", "lacks transformer")])
def test_a_damaged_configuration_is_told(text, says, tmp_path):
    shutil.copy(REFERENCE / "cameras.safetensors", tmp_path)
    (tmp_path / "tiny_config.json").write_text(text)
    with pytest.raises(FormatError, match=says):
        list(compare_folder(tmp_path))
