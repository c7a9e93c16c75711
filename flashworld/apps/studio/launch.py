"""`python app.py`: reads the options, loads the models, starts the workers and the server."""

import logging
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from flashworld.apps.model_options import chosen_model, model_options
from flashworld.apps.progress import progress_bars
from flashworld.errors import BackendError, FlashWorldError

if TYPE_CHECKING:
    from flashworld.jobs import Maker


@click.command("app.py", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0 takes a free one.")
@model_options()
@click.option("--gpu", metavar="N[,N...]", help="CUDA devices by number; each gets a worker of its own.")
@click.option(
    "--max-concurrent",
    "--max_concurrent",
    type=click.IntRange(1, 16),
    help="Jobs at once; each has a model of its own in memory. [default: one a device]",
)
@click.option(
    "--cache-dir",
    "--cache_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of jobs and results. [default: .flashworld/studio in your home]",
)
@click.option(
    "--keep-days",
    "--keep_days",
    type=click.FloatRange(0.001),
    default=30,
    show_default=True,
    help="Results are removed after this time.",
)
@click.option(
    "--keep-gb",
    "--keep_gb",
    type=click.FloatRange(0.001),
    default=20,
    show_default=True,
    help="The oldest results are removed when all take more.",
)
@click.option("--token", envvar="FLASHWORLD_TOKEN", help="What an asker has to know (or in FLASHWORLD_TOKEN).")
@click.option("--cors", multiple=True, metavar="ORIGIN|*", help="Let pages of another origin in; may be repeated.")
def command(**options: Any) -> None:
    """The studio: make worlds in the browser, and answer programs over HTTP."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        _run(options)
    except FlashWorldError as error:
        raise click.ClickException(str(error)) from error


def _run(options: dict[str, Any]) -> None:
    from flashworld.apps.studio.application import create_app
    from flashworld.apps.studio.server import serve
    from flashworld.apps.studio.settings import Settings
    from flashworld.jobs import Limits, Workshop

    origins = _origins(options["cors"])
    click.echo("Starting; this takes a few seconds …")
    makers = _makers(options)
    limits = Limits(keep_seconds=options["keep_days"] * 86400, keep_bytes=int(options["keep_gb"] * 1e9))
    # Not in the cache folder of other commands: clearing that must not take anyone's worlds.
    workshop = Workshop(options["cache_dir"] or Path.home() / ".flashworld" / "studio", makers, limits)
    own_name = socket.gethostname().lower()
    names = (options["host"].lower(), own_name, f"{own_name}.local")
    settings = Settings(options["token"] or None, origins, names)

    def ready(port: int) -> None:
        workshop.start()  # not before there is a port: a start that fails must interrupt nobody's job
        _greet(options, port)

    try:
        serve(create_app(workshop, settings), options["host"], options["port"], ready, ending=workshop.end_news)
    finally:
        all_ended = workshop.close()
    if not all_ended:
        sys.stdout.flush()
        os._exit(0)  # Python's own end would take down the libraries below a worker that still computes


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    """The origins of `--cors`, each as a browser states it."""
    for origin in given:
        if origin != "*" and not re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", origin):
            raise click.BadParameter(
                f"{origin!r} is no origin: give a scheme and a name in small letters, and a port if it has one, with "
                "nothing behind, such as https://example.org:8080; or * for all.",
                param_hint="--cors",
            )
    return given


def _makers(options: dict[str, Any]) -> "list[Maker]":
    """As many models as jobs may run at once, spread over the devices."""
    import torch

    from flashworld.jobs import Maker

    devices = _devices(options)
    number = options["max_concurrent"] or len(devices)
    try:
        with progress_bars() as report:
            places = [devices[index % len(devices)] for index in range(number)]
            makers: list[Maker] = []
            for device in places:
                makers.append(Maker(chosen_model(options | {"device": device}, report)))
                options = options | {"model": makers[0].model.name}  # chosen, and told, once
    except torch.cuda.OutOfMemoryError:
        raise BackendError(f"The GPU has no room for {number} models: lower --max-concurrent.") from None
    model = makers[0].model
    if model.device.type == "cpu":
        # Together they use each core once; more threads would only wait for one another.
        torch.set_num_threads(max(1, torch.get_num_threads() // number))
    trained = "" if model.trained else click.style(" (untrained: its scenes look like noise)", fg="yellow")
    click.echo(f"Model {model.name}{trained} on {model.device}, {number} at once.")
    return makers


def _devices(options: dict[str, Any]) -> list[str | None]:
    if options["gpu"] is None:
        return [options["device"]]
    if options["device"] is not None:
        raise click.UsageError("--gpu and --device say the same: leave out one.")
    numbers = [number.strip() for number in options["gpu"].split(",")]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise click.BadParameter(f"{options['gpu']!r} is no list of numbers such as 0 or 0,1.", param_hint="--gpu")
    return [f"cuda:{number}" for number in numbers]


def _greet(options: dict[str, Any], port: int) -> None:
    host = "localhost" if options["host"] in ("127.0.0.1", "0.0.0.0", "::1", "::") else options["host"]
    host = f"[{host}]" if ":" in host else host
    token = f"?token={quote(options['token'], safe='')}" if options["token"] else ""
    click.secho(f"The studio is open at http://{host}:{port}/{token}", bold=True)
    if options["host"] not in ("127.0.0.1", "localhost", "::1") and not options["token"]:
        click.secho("Everyone on your network can use it: give a --token to be asked for.", fg="yellow")
