"""What the commands of delivery share: how durations and environments are given."""

import getpass
import os
import socket

import click
from click.core import ParameterSource
from typing_extensions import override

__all__ = [
    "Seconds",
    "actor",
    "environment_option",
    "failure_threshold_option",
    "gate_hold_option",
    "json_option",
    "monitor_interval_option",
    "monitors_failure_threshold_option",
    "refuse_misplaced",
]

_LONGEST = 366 * 86_400


class Seconds(click.ParamType[float]):
    """``90``, ``90s``, ``30m``, ``2h`` or ``30d``.

    Args:
        zero: whether none is a duration, too.
    """

    name = "duration"

    def __init__(self, *, zero: bool = True) -> None:
        self._zero = zero

    @override
    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        from app.backend.config.settings import parse_duration  # noqa: PLC0415 - 0.3 s

        seconds = parse_duration(value)
        # NaN is not between anything.
        if not isinstance(seconds, float) or not 0 <= seconds <= _LONGEST:
            self.fail("is no duration like 90, 90s, 30m, 2h or 30d", param, ctx)
        if not seconds and not self._zero:
            self.fail("has to be more than nothing", param, ctx)
        return seconds


environment_option = click.option(
    "-e",
    "--environment",
    type=click.Choice(["development", "staging", "production"], case_sensitive=False),
    help="Target environment. [ENVIRONMENT]",
)
gate_hold_option = click.option(
    "--gate-hold",
    type=Seconds(),
    help="How long each replica has to be healthy. [PM33_GATE_HOLD]",
)
monitor_interval_option = click.option(
    "--monitor-interval",
    type=Seconds(zero=False),
    help="From one look to the next. [PM33_MONITOR_INTERVAL]",
)
_FAILURE_THRESHOLD = "Failed looks in a row that are a failure."
failure_threshold_option = click.option(
    "--failure-threshold",
    type=click.IntRange(1, 100),
    help=f"{_FAILURE_THRESHOLD} [PM33_FAILURE_THRESHOLD]",
)
monitors_failure_threshold_option = click.option(
    "--failure-threshold",
    type=click.IntRange(1, 100),
    help=f"With --monitor: {_FAILURE_THRESHOLD} [PM33_FAILURE_THRESHOLD]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="The result as JSON on stdout."
)


def refuse_misplaced(context: click.Context) -> None:
    """Options before a sub-command would be passed over, and were meant somehow.

    Raises:
        UsageError: there is one.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]} belongs behind {context.invoked_subcommand}"
            )


def actor() -> str:
    """Who asks, for the journal: user and machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
