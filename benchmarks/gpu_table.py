"""The README's table of speed and memory, from the numbers that `benchmarks.gpu` wrote."""

from typing import Any

BEGIN, END = "<!-- measured: benchmarks/gpu.py -->", "<!-- end of measured -->"


def table(measured: dict[str, Any]) -> str:
    """Markdown: a row for each way to make a scene, then what was checked and what failed."""
    machine = measured["machine"]
    ways = {f"plan `{name}`": row for name, row in measured.get("plans", {}).items()}
    if "compiled" in measured:
        ways["plan `resident`, compiled"] = measured["compiled"]
    if "release" in measured:
        ways["the release's schedule"] = measured["release"]
    size = f"{machine['frames']} views of {machine['height']}x{machine['width']}"
    lines = [
        f"{machine['device']}, torch {machine['torch']}, random weights, {size}:",
        "",
        "| | memory allowed | warm scene | first preview | peak memory | predicted |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(name, row) for name, row in ways.items()),
    ]
    if checked := measured.get("checks"):
        wrong = [entry["check"] for entry in checked if not entry["ok"]]
        verdict = "all pass" if not wrong else f"{len(wrong)} fail ({', '.join(wrong)})"
        lines += ["", f"Checks against slow references on the same machine: {len(checked)}, {verdict}."]
    if note := measured.get("note"):
        lines += ["", note]
    lines += [f"Not measured: {name} ({reason})." for name, reason in measured.get("failed", {}).items()]
    return "\n".join(lines)


def _row(name: str, row: dict[str, Any]) -> str:
    allowed = f"{row['allowed_gib']:.1f} GiB" if row.get("allowed_gib") else "all"
    peak = "" if row["peak_gib"] is None else f"{row['peak_gib']:.1f} GiB"
    predicted = f"{row['predicted_gib']:.1f} GiB, {row['predicted_seconds']:.1f} s" if "predicted_gib" in row else ""
    times = f"{row['seconds']:.1f} s | {row['preview_seconds']:.1f} s"
    return f"| {name} | {allowed} | {times} | {peak} | {predicted} |"


def renewed(readme: str, measured: dict[str, Any]) -> str:
    """A document with the table between its two marks made again.

    Raises:
        ValueError: It has no such marks.
    """
    before, mark, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"The document needs the lines {BEGIN} and {END} around its table.")
    return f"{before}{BEGIN}\n\n{table(measured)}\n\n{END}{after}"
