"""`flashworld convert`: one scene format to another."""

from pathlib import Path

import click


@click.command("convert")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--axes",
    metavar="WORDS",
    help="Where x, y and z of SOURCE point if it does not say so or is wrong, such as 'right down front'.",
)
@click.option(
    "--target-axes", metavar="WORDS", help="Where x, y and z of a PLY TARGET point. [default: right down front]"
)
@click.option(
    "--min-opacity",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Leave out Gaussians less opaque than this.",
)
def command(source: Path, target: Path, axes: str | None, target_axes: str | None, min_opacity: float) -> None:
    """Convert the scene SOURCE (.ply, compressed .ply, .spz, .splat) to TARGET (.ply, .spz)."""
    from flashworld.apps.progress import progress_bars
    from flashworld.formats import load, provenance_of, save

    facts = provenance_of(source)
    gaussians = load(source, axes=axes).pruned(min_opacity)
    with progress_bars() as report:
        num = save(gaussians, target, facts, axes=target_axes, report=report)
    click.echo(f"{target}: {num:,} Gaussians, {target.stat().st_size / 1e6:,.1f} MB")
