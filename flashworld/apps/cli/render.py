"""`flashworld render`: a flight through a scene file, as a video or as pictures."""

import math
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import click

from flashworld.apps.cli.options import given, parse_size, path_from, path_options

MAX_SIDE = 8192
"""Pixels of a picture's side; a view of this size squared needs some gigabytes."""


@click.command("render")
@click.argument("scene", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@path_options(trajectory="orbit-left")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="A name ending in .mp4, or a folder for PNG pictures.",
)
@click.option(
    "--video-fps",
    "--video_fps",
    type=click.IntRange(1, 120),
    default=24,
    show_default=True,
    help="Pictures per second.",
)
@click.option("--background", default="white", show_default=True, metavar="COLOUR", help="A colour's name or #rrggbb.")
@click.option("--axes", metavar="WORDS", help="Where x, y and z of SCENE point, if it does not say so or is wrong.")
@click.option("--rasteriser", default="auto", show_default=True, help="The rasteriser to use.")
def command(
    scene: Path,
    output: Path,
    video_fps: int,
    background: str,
    axes: str | None,
    rasteriser: str,
    **path_choice: Any,
) -> None:
    """Render the SCENE (.ply, .spz, .splat) along a camera path, one picture a frame."""
    from flashworld.apps.progress import progress_bars
    from flashworld.formats import load, provenance_of, to_uint8, write_frames
    from flashworld.formats.video import write_video
    from flashworld.rendering import FAR, NEAR
    from flashworld.rendering.frames import render_along

    colour = _colour(background)
    height, width = parse_size(path_choice["size"])
    if max(height, width) > MAX_SIDE:
        raise click.BadParameter(f"{width}x{height} pixels were asked for; {MAX_SIDE} a side are allowed.")
    to_video = _is_video(output)
    cameras = path_from(height, width, path_choice)
    gaussians = load(scene, axes=axes)
    unit = _unit(provenance_of(scene))
    with progress_bars() as report:
        views = render_along(
            gaussians,
            cameras,
            height,
            width,
            background=colour,
            near=NEAR * unit,
            far=FAR * unit,
            rasteriser=rasteriser,
            report=report,
        )
        frames = (to_uint8(view.colour[0]) for view in views)
        if to_video:
            write_video(output, frames, video_fps, len(cameras))
        else:
            write_frames(output, frames, len(cameras))
    click.echo(f"{output}: {len(cameras)} pictures of {width}x{height}")


def _is_video(output: Path) -> bool:
    """Whether a video is asked for, not a folder of pictures."""
    if output.suffix.lower() == ".mp4":
        return True
    kind = guess_type(output.name)[0] or ""
    if kind.startswith(("video/", "image/")):
        raise click.BadParameter(f"{output.name}: a video is written as .mp4, pictures into a folder. Change the name.")
    if given("video_fps"):
        raise click.UsageError("--video-fps belongs to a video: name an .mp4, or leave it out.")
    return False


def _unit(provenance: dict[str, str]) -> float:
    """Length of the model's unit in a file of ours; one where the file does not say."""
    try:
        unit = float(provenance.get("unit", 1))
    except ValueError:
        return 1.0
    return unit if 0 < unit < math.inf else 1.0


def _colour(name: str) -> tuple[float, float, float]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        raise click.BadParameter(f"{name!r} is no colour; use a name such as white or #rrggbb.") from None
    return red / 255, green / 255, blue / 255
