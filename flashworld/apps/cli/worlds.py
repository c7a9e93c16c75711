"""`flashworld worlds`: procedural training worlds as files, or a contact sheet of them."""

from dataclasses import replace
from pathlib import Path

import click

from flashworld.apps.cli.options import parse_size, writable_folder
from flashworld.publish import published


@click.command("worlds")
@click.option(
    "--seed", type=click.IntRange(0, 2**41 - 1), default=0, show_default=True, help="The seed of the first world."
)
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many, from that seed on."
)
@click.option("--size", default="96x128", show_default=True, metavar="HxW", help="Height and width of the pictures.")
@click.option("--views", type=click.IntRange(2, 64), default=6, show_default=True, help="Cameras along the path.")
@click.option("--extra", type=click.IntRange(0, 64), default=2, show_default=True, help="Cameras beside the path.")
@click.option(
    "--sheet", is_flag=True, help="Write one contact sheet (sheet.png) instead: first view, a later one, nearness."
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
def command(seed: int, count: int, size: str, views: int, extra: int, sheet: bool, output: Path) -> None:
    """Make procedural worlds, such as the embedded model learns from. A seed is a world.

    Of each world: request.json for 'flashworld generate', pictures with transforms.json (a nerfstudio folder),
    distances, and its caption and facts. Several worlds get a folder each. Seeds from 2^40 on are held out: no recipe
    trains on them.
    """
    height, width = parse_size(size)
    writable_folder(output)
    if sheet:
        _sheet(range(seed, seed + count), height, width, output)
        return
    from flashworld.training.worlds import cast, make_world
    from flashworld.training.worlds.files import write_world

    for number in range(seed, seed + count):
        world = make_world(number, width / height, views, extra)
        folder = output / str(number) if count > 1 else output
        write_world(world, cast(world, height, width), folder)
        click.echo(f"{folder}: {world.template}. {world.caption}")


def _sheet(seeds: range, height: int, width: int, output: Path) -> None:
    from PIL import Image

    from flashworld.training.worlds import cast, make_world
    from flashworld.training.worlds.files import contact_sheet

    worlds = [make_world(seed, width / height) for seed in seeds]
    cells = [cast(replace(world, cameras=world.cameras[:5:4]), height, width) for world in worlds]
    with published(output / "sheet.png") as beside:
        Image.fromarray(contact_sheet(cells)).save(beside, format="PNG")
    click.echo(f"{output / 'sheet.png'}: {len(cells)} worlds")
