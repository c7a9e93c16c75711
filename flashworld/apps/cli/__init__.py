"""The command line `flashworld`. One module a command; a command's heavy imports happen when it runs."""

import sys
from importlib import import_module

import click

COMMANDS = ("generate", "render", "convert", "info", "trajectory", "doctor", "parity")


class _Commands(click.Group):
    """Imports only the command that is asked for, so that `--help` answers at once."""

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
    """Run the command line; a fault that a person can mend becomes one message and exit status 1."""
    from flashworld.errors import FlashWorldError

    try:
        flashworld(prog_name="flashworld")
    except FlashWorldError as error:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error).replace("\n", "\n       "), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
