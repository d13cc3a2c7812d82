"""``pm33 rollback``: an earlier deployment comes back; or what serves is watched."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from app.cli.delivery import Delivery
from app.cli.monitor import monitors_for_option, watch
from app.cli.options import (
    actor,
    environment_option,
    gate_hold_option,
    json_option,
    monitor_interval_option,
    monitors_failure_threshold_option,
)

if TYPE_CHECKING:
    from app.backend.deploy.report import RunReport
    from app.backend.deploy.request import RollbackRequest

__all__ = ["refuse_mixture", "request_of", "rollback"]

_OF_MONITOR = ("failure_threshold", "seconds")
_OF_BOTH = ("monitor_interval", "reason")


@click.command()
@environment_option
@click.option("--target", help="A run, a deployment or a commit. [last known good]")
@click.option("--reason", help="user_initiated, emergency or any words.")
@click.option(
    "--strategy",
    type=click.Choice(["immediate", "graceful"]),
    help="[graceful; immediate in an emergency]",
)
@click.option(
    "--restore-variables/--current-variables",
    "restore",
    default=None,
    help="With the variables that it had, or with today's.",
)
@click.option(
    "--allow-rebuild",
    is_flag=True,
    default=None,
    help="Build its commit anew if it cannot be restored.",
)
@gate_hold_option
@click.option("--monitor", is_flag=True, help="Watch; go back when it turns bad.")
@monitor_interval_option
@monitors_failure_threshold_option
@monitors_for_option
@json_option
def rollback(
    *, environment: str | None, monitor: bool, as_json: bool, **flags: Any
) -> None:
    """Brings an earlier deployment back, and verifies that it serves.

    What was rolled away from is not chosen again by itself: name it with --target, and
    say with --reason why it is good now.

    Exits with 0 if that is so, 2 if it was asked wrongly, 3 if it could not be verified
    or a bad release serves, 4 if somebody else is at work, 5 if there is nothing to go
    back to or it was refused, 75 if somebody else has taken over, 78 if the
    configuration cannot be used, 130 if it was interrupted. With --monitor it exits
    with 1 if it has rolled back, 6 if it is undecided.
    """
    given = {name: one for name, one in flags.items() if one is not None}
    refuse_mixture(given, monitor=monitor)
    delivery = Delivery.into(environment, guess=True)
    report = watch(delivery, given) if monitor else _roll_back(delivery, given)
    delivery.finish(report, as_json=as_json)


def refuse_mixture(given: Mapping[str, Any], *, monitor: bool) -> None:
    """An option that would be passed over is refused: it was meant somehow.

    Raises:
        UsageError: one of them belongs to the other use of the command.
    """
    for name in given:
        if name in _OF_BOTH or (name in _OF_MONITOR) is monitor:
            continue
        words = {"seconds": "for", "restore": "restore-variables"}.get(name, name)
        relation = "does not go with" if monitor else "goes with"
        option = f"--{words.replace('_', '-')}"
        raise click.UsageError(f"{option} {relation} --monitor")


def request_of(given: Mapping[str, Any], environment: str) -> "RollbackRequest":
    """What the options ask for; those that were not given are not in ``given``."""
    from app.backend.deploy.request import (  # noqa: PLC0415 - 0.5 s
        RollbackRequest,
        Strategy,
        Variables,
    )

    fields = dict(given)
    if "strategy" in given:
        fields["strategy"] = Strategy(given["strategy"])
    if "restore" in given:
        restore = fields.pop("restore")
        fields["variables"] = Variables.TARGET if restore else Variables.CURRENT
    return RollbackRequest(environment=environment, actor=actor(), **fields)


def _roll_back(delivery: Delivery, given: Mapping[str, Any]) -> "RunReport":
    from app.backend.deploy.rollback import roll_back  # noqa: PLC0415 - 1 s

    request = request_of(given, delivery.environment)
    return delivery.with_tools(lambda tools: roll_back(request, tools))
