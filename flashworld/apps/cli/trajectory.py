"""`flashworld trajectory`: ready-made camera paths as files."""

from pathlib import Path

import click

from flashworld.apps.cli.options import given, parse_size


@click.command("trajectory")
@click.argument("template", required=False)
@click.option("--amount", type=float, help="How far it goes. [default: the template's own]")
@click.option("--frames", type=click.IntRange(1, 1024), default=24, show_default=True, help="Number of cameras.")
@click.option(
    "--fov", type=float, default=70.0, show_default=True, help="Horizontal field of view in degrees, 5 to 170."
)
@click.option("--easing", default="ease-in-out", show_default=True, help="How it starts and stops.")
@click.option("--size", default="480x704", show_default=True, metavar="HxW", help="Size that the intrinsics speak of.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write there: .json, transforms.json (nerfstudio), or a folder for COLMAP's text files.",
)
def command(
    template: str | None, amount: float | None, frames: int, fov: float, easing: str, size: str, output: Path | None
) -> None:
    """Write the camera path of a TEMPLATE as JSON, to standard output unless --output is given.

    Without a TEMPLATE all of them are listed.
    """
    from flashworld.cameras.files import write_path
    from flashworld.cameras.templates import make_path
    from flashworld.cameras.views import to_path

    if template is None:
        for option in given("amount", "frames", "fov", "easing", "size", "output"):
            raise click.UsageError(f"{option} belongs to a TEMPLATE; 'flashworld trajectory' alone lists them.")
        _list_templates()
        return
    height, width = parse_size(size)
    cameras = make_path(template, amount, frames, fov, height, width, easing)
    if output is None:
        click.echo(to_path(cameras, height, width).to_json(indent=2))
    else:
        write_path(cameras, output, height, width)
        click.echo(f"{output}: {len(cameras)} cameras")


def _list_templates() -> None:
    from flashworld.cameras.easing import EASINGS
    from flashworld.cameras.templates import TEMPLATES

    width = max(map(len, TEMPLATES))
    for name, template in TEMPLATES.items():
        amount = f"{template.default:g} {template.unit} ({template.smallest:g} to {template.largest:g})"
        click.echo(f"{name:<{width}}  {template.description}; --amount {amount}")
    click.echo(f"\n--easing is one of {', '.join(EASINGS)}.")
