"""`strikewire`: the group, and the one place where an error becomes an exit status."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

from strikewire import __version__
from strikewire.core.clock import SystemClock
from strikewire.core.errors import StrikewireError
from strikewire.observability.logs import LogConfig, configure_logging, get_logger
from strikewire.observability.redaction import Redactor

#: Each command and where it is: a command's libraries are imported when it is used, not before.
_COMMANDS: Final = {
    "audit": "strikewire.cli.audit:audit_group",
    "backfill": "strikewire.cli.backfilling:backfill_command",
    "db": "strikewire.cli.db:db",
    "demo": "strikewire.cli.serving:demo_command",
    "import": "strikewire.cli.importing:import_command",
    "keys": "strikewire.cli.keys:keys_group",
    "login": "strikewire.cli.login:login_group",
    "replay": "strikewire.cli.replaying:replay_command",
    "secrets": "strikewire.cli.sealing:secrets_group",
    "serve": "strikewire.cli.serving:serve_command",
    "signing-keys": "strikewire.cli.signing_keys:signing_keys",
    "users": "strikewire.cli.users:users",
}

#: What a command ends with when it could not do what was asked.
EXIT_REFUSED: Final = 2
#: What it ends with after a bug.
EXIT_FAILED: Final = 1


class _Commands(click.Group):
    """Commands by name, loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="strikewire")
def strikewire() -> None:
    """Market ticks in; charts, chains and strategies out."""


def main() -> None:
    """Run the command line; a known error is one line on standard error and exit status 2.

    Standard output is for what a command was asked for: logs go to standard error, and but for a
    server's, which sets its own level, only those that matter to a person.
    """
    configure_logging(LogConfig(level="WARNING"), clock=SystemClock(), stream=sys.stderr.buffer)
    try:
        # Not standalone, click returns the status that a command has ended with by `Exit`.
        sys.exit(strikewire.main(standalone_mode=False))
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as refusal:
        refusal.show()
        sys.exit(EXIT_REFUSED)
    except StrikewireError as error:
        click.echo(f"strikewire: {Redactor().redact_text(error.message)}", err=True)
        sys.exit(EXIT_REFUSED)
    except Exception:  # noqa: BLE001 - a program's top
        # A bug's traceback may hold what the program was given, so it goes where that is blanked.
        get_logger("cli").exception("something went wrong on our side")
        sys.exit(EXIT_FAILED)
