"""The GPU's benchmark, tried with small sizes on the CPU, and the table that comes of its numbers."""

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu_model import DRY
from benchmarks.gpu_table import BEGIN, END, renewed, table
from flashworld.placement import PLANS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MEASURED = json.loads((ROOT / "docs/measured/h200.json").read_text())


@pytest.fixture(scope="module")
def dry() -> dict:
    """All sections but those that are slow here, above all rasterising in Triton's interpreter."""
    sections = ["checks", "ceilings", "plans", "release", "fused", "attention", "linears"]
    return gpu.measure(DRY, sections, budget=float("inf"))


def test_every_section_runs_and_every_check_passes(dry):
    assert dry["failed"] == {}
    assert len(dry["checks"]) > 30
    assert [entry for entry in dry["checks"] if not entry["ok"]] == []
    assert list(dry["plans"]) == [plan.name for plan in PLANS]
    for row in [*dry["plans"].values(), dry["release"]]:
        assert 0 < row["preview_seconds"] < row["seconds"]
        assert row["fell_back_from"] is None
    assert json.loads(json.dumps(dry)) == dry


def test_a_failing_section_stops_no_other_and_a_late_one_does_not_begin(monkeypatch):
    def fail(_):
        raise RuntimeError("no such kernel")

    monkeypatch.setitem(gpu.SECTIONS, "attention", fail)
    kept = []
    result = gpu.measure(DRY, ["attention", "linears"], keep=lambda so_far: kept.append(sorted(so_far)))
    assert result["failed"] == {"attention": "RuntimeError: no such kernel"}
    assert result["linears"]
    assert len(kept) == 2, "numbers are not kept after every section"
    late = gpu.measure(DRY, ["linears"], budget=-1)
    assert late["failed"] == {"linears": "not begun: the time was up"}


def test_the_readmes_table_is_the_measured_one():
    readme = (ROOT / "README.md").read_text()
    assert renewed(readme, MEASURED) == readme, "run: python -m benchmarks.gpu --table docs/measured/h200.json"


def test_a_table_has_a_row_for_every_way_and_says_what_failed():
    compiled = {"compiled": MEASURED["release"]}
    text = table(MEASURED | compiled | {"failed": {"linears": "not begun: the time was up"}})
    rows = [line for line in text.splitlines() if line.startswith(("| plan", "| the release"))]
    assert len(rows) == len(PLANS) + 2
    assert all(line.count("|") == 7 for line in rows)
    assert "Not measured: linears (not begun: the time was up)." in text


def test_a_document_without_marks_is_told_so():
    with pytest.raises(ValueError, match="needs the lines"):
        renewed("nothing here", MEASURED)
    assert renewed(f"a\n{BEGIN}old{END}\nb", MEASURED).startswith(f"a\n{BEGIN}\n\n")


def test_measured_plans_stayed_within_what_they_were_allowed_and_near_their_prediction():
    """What the planner is trusted for; a new measurement that breaks it says that its constants are stale."""
    for row in MEASURED["plans"].values():
        assert row["fell_back_from"] is None
        assert row["allowed_gib"] is None or row["peak_gib"] < row["allowed_gib"]
        assert 0.8 * row["predicted_gib"] < row["peak_gib"] < row["predicted_gib"]
        assert 0.6 * row["predicted_seconds"] < row["seconds"] < 1.2 * row["predicted_seconds"]
