"""``pm33``: one command line; each noun is imported only when it is named."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

import click

from app import __version__
from app.cli.failure import Failure, wants_json
from app.cli.lazy import LazyGroup
from app.errors import OpsError

__all__ = ["cli", "main"]

_COMMANDS: Final[Mapping[str, str]] = {
    "deploy": "app.cli.deploy:deploy",
    "deployments": "app.cli.deployments:deployments",
    "env": "app.cli.env:env",
    "health": "app.cli.health:health",
    "migrate": "app.cli.migrate:migrate",
    "monitor": "app.cli.monitor:monitor",
    "platform": "app.cli.platform:platform",
    "rollback": "app.cli.rollback:rollback",
    "run": "app.cli.run:run",
    "serve": "app.cli.serve:serve",
}

_HELP: Final = ["-h", "--help"]


@click.group(cls=LazyGroup, lazy=_COMMANDS)
@click.version_option(__version__, prog_name="pm33")
def cli() -> None:
    """Health that tells the truth, and deployments that lose nothing."""


def main(
    arguments: Sequence[str] | None = None,
    *,
    command: click.Command = cli,
    program: str = "pm33",
) -> NoReturn:
    """Runs the command line and exits with the contract's code.

    0 done · 1 failed, and what served before serves · 2 usage · 3 could not ask, or a
    bad release serves · 4 lock held · 5 refused before it began · 6 inconclusive ·
    75 lease lost · 78 configuration unusable · 130 interrupted.

    Args:
        arguments: instead of the process's own.
        command: one of them under a name of its own; the scripts do that.
        program: that name.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # The user's modules are where the user is, as for every server; last, so that
    # they hide none of the installed ones.
    sys.path.append("")
    try:
        code = command.main(
            words,
            prog_name=program,
            standalone_mode=False,
            help_option_names=_HELP,
            color=_colour(),
        )
    except (click.ClickException, click.Abort, KeyboardInterrupt, OpsError) as error:
        code = _fail(error, as_json=wants_json(command, program, words))
    except BrokenPipeError:
        # Nobody reads any more; Python's last flush must not complain as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _colour() -> bool | None:
    """None where a terminal may have colours; click knows no https://no-color.org."""
    return False if os.environ.get("NO_COLOR") else None


def _fail(error: BaseException, *, as_json: bool) -> int:
    failure = Failure.of(error)
    if as_json:
        click.echo(failure.as_json())
    elif isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, OpsError):
        failure.show(color=_colour())
    elif str(error):
        click.echo(str(error), err=True)
    return failure.exit_code
