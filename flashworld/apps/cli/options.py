"""Options that several commands share, and what they mean."""

import os
import re
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

from flashworld.apps.model_options import Decorator, stacked
from flashworld.errors import FlashWorldError
from flashworld.publish import make_folder

if TYPE_CHECKING:
    from flashworld.cameras import Cameras

_TYPED = click.core.ParameterSource.COMMANDLINE


def path_options(trajectory: str | None) -> Decorator:
    """Options that choose a camera path; `trajectory` is the default of the first."""
    return stacked(
        click.option(
            "--trajectory",
            default=trajectory,
            show_default=trajectory is not None,
            metavar="TEMPLATE|FILE",
            help="A template (listed by 'flashworld trajectory') or a file: our JSON, a request or its record, "
            "nerfstudio's transforms.json, a folder with COLMAP's text files.",
        ),
        click.option("--amount", type=float, help="How far a template goes. [default: its own]"),
        click.option("--frames", type=click.IntRange(1, 1024), help="How many cameras. [default: the file's, or 24]"),
        click.option("--fov", type=float, default=70.0, show_default=True,
                     help="A template's horizontal field of view in degrees, 5 to 170."),
        click.option("--easing", default="ease-in-out", show_default=True, help="How a template starts and stops."),
        click.option("--size", default="480x704", show_default=True, metavar="HxW",
                     help="Height and width of the pictures in pixels."),
    )  # fmt: skip


def given(*names: str) -> list[str]:
    """Those of the running command's options that stand on its command line, spelt as there."""
    context = click.get_current_context()
    return ["--" + name.replace("_", "-") for name in names if context.get_parameter_source(name) is _TYPED]


def read_file(path: Path) -> bytes:
    """The bytes of a file that was named.

    Raises:
        FlashWorldError: It is not there, or closed to us.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FlashWorldError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from None


def writable_folder(path: Path) -> Path:
    """The folder of --output, made if it is not there. Asked for before any work, which would else be lost.

    Raises:
        FlashWorldError: It cannot be made, or is closed to us.
    """
    try:
        with TemporaryFile(dir=make_folder(path)):
            return path
    except OSError as error:
        raise FlashWorldError(f"Cannot write into {path}: {(error.strerror or str(error)).lower()}.") from None


def parse_size(text: str) -> tuple[int, int]:
    """Height and width in `480x704`."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise click.BadParameter(f"{text!r} is no size; write height x width in pixels, such as 480x704.")
    return int(match[1]), int(match[2])


def path_from(height: int, width: int, options: dict[str, Any]) -> "Cameras":
    """The camera path that `path_options` chose, for pictures of a size."""
    import torch

    from flashworld.cameras import resample
    from flashworld.cameras.templates import TEMPLATES, make_path

    name, frames = options["trajectory"], options["frames"]
    if name not in TEMPLATES and os.path.exists(name):  # noqa: PTH110 - Path.exists raises where a name is too long
        if unused := given("amount", "fov", "easing"):
            raise click.UsageError(f"{unused[0]} belongs to a template; {name} is a path of its own. Leave out one.")
        cameras = _cameras_in(Path(name), (height, width))
        return cameras if frames in (None, len(cameras)) else resample(cameras, torch.linspace(0, 1, frames))
    if Path(name).suffix or Path(name).name != name:
        raise click.UsageError(f"There is no file {name}. 'flashworld trajectory' lists the templates.")
    return make_path(name, options["amount"], frames or 24, options["fov"], height, width, options["easing"])


def _cameras_in(path: Path, target: tuple[int, int]) -> "Cameras":
    """The path in a file, for pictures of a size.

    A request or record holds more than a path: its picture decides how intrinsics are meant.
    """
    import torch

    from flashworld.cameras import cropped
    from flashworld.cameras.files import read_path
    from flashworld.generation import path_of, read_record
    from flashworld.request.parsing import read_json

    if path.is_file() and path.suffix == ".json":
        text = read_file(path)
        fields = read_json(text)
        if isinstance(fields, dict) and {"request", "resolution"} & set(fields):
            request = read_record(text).request
            cameras = path_of(request)
            sizes = torch.tensor([[float(request.height), float(request.width)]] * len(cameras))
            return cropped(cameras, sizes, target)
    return read_path(path, target=target)
