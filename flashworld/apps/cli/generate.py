"""`flashworld generate`: requests to scenes and their files."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from flashworld.apps.cli.options import given, parse_size, path_from, path_options, read_file, writable_folder
from flashworld.apps.model_options import chosen_model, model_options
from flashworld.apps.progress import progress_bars
from flashworld.errors import FlashWorldError, RequestError

if TYPE_CHECKING:
    from flashworld.generation import Replay, Scene
    from flashworld.models.model import Model
    from flashworld.request import SceneRequest


@click.command("generate")
@click.argument(
    "request_path", metavar="[REQUEST.json|FOLDER]", required=False, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A picture: PNG, JPEG, WebP."
)
@click.option("--prompt", default="", help="A sentence.")
@path_options(trajectory=None)
@click.option("--image-index", type=int, default=0, show_default=True, help="The frame that the picture shows.")
@click.option("--seed", type=int, help="The same seed gives the same scene. [default: a request's own, or drawn]")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option("--ply", is_flag=True, help="Write a PLY file. [default: PLY, SPZ and video]")
@click.option("--spz", is_flag=True, help="Write an SPZ file.")
@click.option("--video", is_flag=True, help="Write a flight along the path (MP4).")
@click.option("--depth", is_flag=True, help="Write depth at each frame (NPZ).")
@click.option(
    "--video-fps",
    "--video_fps",
    type=click.IntRange(1, 120),
    default=15,
    show_default=True,
    help="Pictures for each step between frames, and per second.",
)
@model_options()
@click.option("--exact-size", is_flag=True, help="Let the model work at the size asked for, even if another suits it.")
@click.option("--rasteriser", default="auto", show_default=True, help="The rasteriser to use.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    request_path: Path | None, output: Path, exact_size: bool, rasteriser: str, quiet: bool, **options: Any
) -> None:
    """Make scenes from a REQUEST, a FOLDER of requests, or a picture and/or a sentence with a path.

    \b
    flashworld generate --image photo.jpg --trajectory orbit-left --output out
    flashworld generate --prompt "a stone bridge in autumn" --trajectory path.json --output out
    flashworld generate request.json --output out

    Each scene is written as NAME.ply, NAME.spz and NAME.mp4, beside NAME.json: the record that makes it again.
    """  # noqa: D301 - click reads \\b as "keep these lines"
    tasks = _tasks(request_path, options)
    outputs = Outputs.chosen(output, options)
    _keep_sources(tasks, outputs, options)
    if len(tasks) == 1 and not (request_path and request_path.is_dir()):
        replay = tasks[0].read()  # its faults are told before a model is loaded and a folder is made
        options["model"] = options["model"] or replay.model
    outputs.check([task.name for task in tasks])
    with progress_bars(quiet=quiet) as report:
        model = chosen_model(options, report)
    _introduce(model)
    rows = [_attempt(task, model, outputs, exact_size, rasteriser, quiet) for task in tasks]
    if request_path is not None and request_path.is_dir():
        _summarise(rows)
    if not all(row.ok for row in rows):
        sys.exit(1)


ENDS = {"record": ".json", "ply": ".ply", "spz": ".spz", "video": ".mp4", "depth": "_depth.npz"}
"""How the names of a scene's files end."""


@dataclass(frozen=True)
class Outputs:
    """Which files to write (names of `ENDS`), and where."""

    folder: Path
    kinds: tuple[str, ...]
    video_fps: int

    @classmethod
    def chosen(cls, folder: Path, options: dict[str, Any]) -> "Outputs":
        """The files that were asked for; PLY, SPZ and video if none was."""
        wanted = [kind for kind in ("ply", "spz", "video", "depth") if options[kind]] or ["ply", "spz", "video"]
        if "video" not in wanted and given("video_fps"):
            raise click.UsageError("--video-fps belongs to a video: add --video, or leave it out.")
        return cls(folder, ("record", *wanted), options["video_fps"])

    def files(self, name: str) -> dict[str, Path]:
        """The files of the scene `name` by their kind."""
        return {kind: self.folder / (name + ENDS[kind]) for kind in self.kinds}

    def check(self, names: list[str]) -> None:
        """Before any work: the folder is made and open to us, and the disk accepts the files' names.

        Raises:
            FlashWorldError: It is not so.
        """
        writable_folder(self.folder)
        try:
            for path in (path for name in names for path in self.files(name).values()):
                with suppress(FileNotFoundError):
                    path.lstat()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise FlashWorldError(f"Cannot write {error.filename}: {reason}; rename picture or request.") from None


@dataclass(frozen=True)
class Task:
    """One scene to make: the name of its files, and either the path of its request or the options that say it."""

    name: str
    path: Path | None
    options: dict[str, Any]

    def read(self) -> "Replay":
        """What to make."""
        from flashworld.generation import Replay, read_record

        if self.path is None:
            return Replay(_request_from_options(self.options))
        replay = read_record(read_file(self.path))
        if self.options["seed"] is None:
            return replay
        return replace(replay, request=replay.request.model_copy(update={"seed": _seed(self.options)}))


@dataclass(frozen=True)
class Row:
    """How one task ended."""

    name: str
    ok: bool
    text: str


def _tasks(path: Path | None, options: dict[str, Any]) -> list[Task]:
    if path is None:
        return [Task(_name(options), None, options)]
    for option in given("image", "prompt", "trajectory", "amount", "frames", "fov", "easing", "size", "image_index"):
        raise click.UsageError(f"{option} belongs to a new request; {path} already is one. Leave out one of the two.")
    paths = [path] if path.is_file() else sorted(found for found in path.glob("*.json") if found.is_file())
    if not paths:
        raise click.UsageError(f"{path} holds no request (*.json).")
    return [Task(path.stem, path, options) for path in paths]


def _keep_sources(tasks: list[Task], outputs: Outputs, options: dict[str, Any]) -> None:
    """Refuse to replace a file that is read by one that is written."""
    written = [path for task in tasks for path in outputs.files(task.name).values()]
    # os.path, as Path.exists raises where a name is too long.
    replaced = {path.resolve() for path in written if os.path.exists(path)}  # noqa: PTH110
    for source in (*(task.path for task in tasks), options["image"], options["trajectory"]):
        if source is not None and Path(source).resolve() in replaced:
            raise click.UsageError(f"A file of the scene would replace {source}; name another --output.")


def _name(options: dict[str, Any]) -> str:
    """From the picture's name or the sentence's first words."""
    if options["image"]:
        return options["image"].stem
    return "-".join(re.findall(r"\w+", options["prompt"].lower())[:6])[:50] or "scene"


def _request_from_options(options: dict[str, Any]) -> "SceneRequest":
    from flashworld.cameras.views import to_path
    from flashworld.request import parse_request

    if options["trajectory"] is None:
        raise click.UsageError("Give --trajectory: a template such as orbit-left, or a file with a camera path.")
    height, width = parse_size(options["size"])
    cameras = path_from(height, width, options)
    frames = options["frames"] or min(len(cameras), 64)
    fields = {
        "text_prompt": options["prompt"],
        "cameras": [view.model_dump() for view in to_path(cameras, height, width).cameras],
        "resolution": [frames, height, width],
        "image_index": options["image_index"],
    }
    if options["image"]:
        fields["image_prompt"] = read_file(options["image"])
    if options["seed"] is not None:
        fields["seed"] = options["seed"]
    return parse_request(fields)


def _seed(options: dict[str, Any]) -> int:
    if not 0 <= options["seed"] < 2**63:
        raise RequestError([f"seed: {options['seed']} was given; allowed is a whole number from 0 to 2^63 - 1"])
    return options["seed"]


def _introduce(model: "Model") -> None:
    trained = "" if model.trained else click.style(" (untrained: its scenes look like noise)", fg="yellow")
    click.echo(f"Model {model.name}{trained} on {model.device}, {str(model.dtype).removeprefix('torch.')}")


def _attempt(task: Task, model: "Model", outputs: Outputs, exact_size: bool, rasteriser: str, quiet: bool) -> Row:
    """Make one scene; a fault of its request is told and does not stop the others."""
    click.secho(f"\n{task.name}", bold=True)
    try:
        replay = task.read()
        if replay.weights not in (None, model.weights):
            click.secho(f"  recorded with other weights ({replay.model}): this will be another scene", fg="yellow")
        scene = _make(replay.request, model, exact_size or replay.exact_size, rasteriser, quiet)
        seconds = sum(scene.record.seconds.values())
        _write(scene, task.name, outputs, rasteriser, quiet)
    except FlashWorldError as error:
        if task.path is None:
            raise
        click.secho(f"  error: {error}", fg="red", err=True)
        return Row(task.name, False, str(error).splitlines()[0])
    return Row(task.name, True, f"{len(scene.gaussians):,} Gaussians in {seconds:.1f} s")


def _make(request: "SceneRequest", model: "Model", exact_size: bool, rasteriser: str, quiet: bool) -> "Scene":
    from flashworld.generation import stream, work_for

    work = work_for(request, model, exact_size)
    if work.note:
        click.echo(f"  {work.note} --exact-size forces it.")
    with progress_bars(len(model.config.denoising_steps), quiet) as report:
        for step in stream(request, model, exact_size=exact_size, rasteriser=rasteriser, report=report):
            last = step
        scene = last.scene
    stages = " · ".join(f"{stage} {seconds:.1f} s" for stage, seconds in scene.record.seconds.items())
    click.echo(f"  {len(scene.gaussians):,} Gaussians, seed {scene.record.request.seed} · {stages}")
    return scene


def _write(scene: "Scene", name: str, outputs: Outputs, rasteriser: str, quiet: bool) -> None:
    """The record first, so that a scene can be made again whatever becomes of its files; then what was asked for."""
    from flashworld.formats import write_depth

    files = outputs.files(name)
    _tell(files["record"], scene.record.save)
    with progress_bars(quiet=quiet) as report:
        for kind in ("ply", "spz"):
            if kind in files:
                _tell(files[kind], lambda path: scene.save(path, report=report))
        if "video" in files:
            _tell(
                files["video"],
                lambda path: scene.save_video(path, outputs.video_fps, rasteriser=rasteriser, report=report),
            )
        if "depth" in files:
            views = scene.render(rasteriser=rasteriser, report=report)
            _tell(files["depth"], lambda path: write_depth(path, views.depth, views.alpha))


def _tell(path: Path, write: Callable[[Path], int | None]) -> None:
    """Write a file and say so, with the number of Gaussians in it where `write` returns one."""
    started = perf_counter()
    num = write(path)
    holds = f"{num:,} visible Gaussians, " if num is not None else ""
    click.echo(f"  {path}  {holds}{path.stat().st_size / 1e6:.1f} MB in {perf_counter() - started:.1f} s")


def _summarise(rows: list[Row]) -> None:
    click.echo()
    width = max(len(row.name) for row in rows)
    for row in rows:
        verdict = click.style("done  ", fg="green") if row.ok else click.style("failed", fg="red", bold=True)
        click.echo(f"{row.name:<{width}}  {verdict}  {row.text}")
    click.echo(f"{sum(row.ok for row in rows)} of {len(rows)} requests became scenes.")
