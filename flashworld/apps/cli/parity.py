"""`flashworld parity`: our numbers beside those recorded from the published release."""

import sys
from pathlib import Path

import click


@click.command("parity")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rasteriser", default="auto", show_default=True, help="The rasteriser to compare with.")
@click.option("--failures", is_flag=True, help="Show only the comparisons that fall short.")
def command(folder: Path, rasteriser: str, failures: bool) -> None:
    """Compare with the recordings in FOLDER; end with status 1 if one falls short."""
    from flashworld.testing.parity import compare_folder

    num = num_failed = 0
    click.echo(f"{'file':<28} {'tensor':<46} {'difference':>11} {'tolerance':>10}")
    for line in compare_folder(folder, rasteriser=rasteriser):
        num += 1
        num_failed += not line.ok
        if not (failures and line.ok):
            verdict = click.style("ok", fg="green") if line.ok else click.style("FALLS SHORT", fg="red", bold=True)
            click.echo(f"{line.file:<28} {line.tensor:<46} {line.difference:>11.3g} {line.tolerance:>10.3g}  {verdict}")
    click.echo(f"{num - num_failed} of {num} comparisons are within their tolerance.")
    sys.exit(1 if num_failed or not num else 0)
