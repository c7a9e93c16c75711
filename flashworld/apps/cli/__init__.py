"""The command line `flashworld`. One module a command; a command's heavy imports happen when it runs."""

import io
import sys
from importlib import import_module
from typing import Any

import click

from flashworld.errors import FlashWorldError

COMMANDS = (
    "generate",
    "render",
    "convert",
    "info",
    "trajectory",
    "worlds",
    "doctor",
    "parity",
    "train",
    "eval",
    "cache",
)


class _Commands(click.Group):
    """Imports only the command that is asked for, so that `--help` answers at once."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a fault that a person can mend becomes one message and exit status 1."""
        try:
            return super().invoke(ctx)
        except FlashWorldError as error:
            raise click.ClickException(str(error)) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"flashworld.apps.cli.{cmd_name}").command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flashworld")
def flashworld() -> None:
    """One picture or one sentence, plus a camera path, becomes a walkable 3D world of Gaussians."""


def main() -> None:
    """Run the command line; see `_Commands.invoke` for how faults end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A sign or a file's name that a terminal cannot show becomes a question mark; standard error always writes it.
        sys.stdout.reconfigure(errors="replace")
    flashworld(prog_name="flashworld")
