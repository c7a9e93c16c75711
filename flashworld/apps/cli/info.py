"""`flashworld info`: what a scene file holds."""

import json
from pathlib import Path

import click


@click.command("info")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(file: Path, as_json: bool) -> None:
    """Show what a scene FILE holds: count, bounds, axes, degree, provenance."""
    from dataclasses import asdict

    from flashworld.formats import inspect

    facts = asdict(inspect(file))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    rows = {
        "file": str(file),
        "format": facts["format"],
        "size": f"{facts['num_bytes'] / 1e6:,.1f} MB",
        "Gaussians": f"{facts['num_gaussians']:,}",
        "harmonics": f"degree {facts['degree']}",
        "axes": facts["axes"]
        + ("" if facts["axes_stated"] else " (not stated in the file; this is its format's custom)"),
        "bounds": _bounds(facts["bounds_min"], facts["bounds_max"]),
    }
    rows |= {name: value for name, value in facts["provenance"].items() if name not in rows}
    width = max(map(len, rows))
    for name, value in rows.items():
        # Comments are written by anyone: no control character of theirs reaches the terminal.
        click.echo("".join(letter if letter.isprintable() else "?" for letter in f"{name:<{width}}  {value}"))


def _bounds(low: tuple[float, ...] | None, high: tuple[float, ...] | None) -> str:
    if low is None or high is None:
        return "empty"
    return " · ".join(f"{axis} {a:.3g} to {b:.3g}" for axis, a, b in zip("xyz", low, high, strict=True))
