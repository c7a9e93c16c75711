"""The one file by others: it is what its build makes, and its licences are told. Pages fetch nothing from afar."""

import json
import re
from pathlib import Path

import pytest
from programs import ran

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "tools/vendor"
WEB = ROOT / "flashworld/apps/web"


@pytest.mark.slow
@pytest.mark.external
def test_the_vendor_file_is_what_its_build_makes():
    assert (VENDOR / "node_modules").is_dir(), "Run `npm ci --ignore-scripts` in tools/vendor first."
    result = ran(["node", "build.mjs", "--check"], 240, cwd=VENDOR)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_versions_that_are_built_in_are_fixed_and_named_in_the_notices():
    wanted = json.loads((VENDOR / "package.json").read_text())["dependencies"]
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    notices = (ROOT / "THIRD_PARTY_NOTICES").read_text()
    for name in [*wanted, "fflate"]:
        version = locked[f"node_modules/{name}"]["version"]
        assert wanted.get(name, version) == version
        assert f"{name} {version}" in notices
    assert {package["license"] for name, package in locked.items() if name and not package.get("dev")} == {"MIT"}


def test_pages_name_no_address_of_another_place():
    ours = [path for path in WEB.rglob("*") if path.suffix in (".js", ".html", ".css") and "vendor" not in path.parts]
    assert len(ours) > 5
    for path in ours:
        addresses = re.findall(r"https?://[^\s'\"]+", path.read_text())
        assert not [address for address in addresses if "www.w3.org" not in address], path


def test_every_module_that_is_imported_is_shipped():
    for path in WEB.glob("*.js"):
        for name in re.findall(r"from '(\./[^']+)'", path.read_text()):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"
