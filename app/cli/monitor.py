"""``pm33 monitor``: watches what serves, and goes back when it turns bad."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from app.cli.delivery import Delivery
from app.cli.options import (
    Seconds,
    actor,
    environment_option,
    failure_threshold_option,
    json_option,
    monitor_interval_option,
)

if TYPE_CHECKING:
    from app.backend.deploy.report import RunReport
    from app.backend.deploy.request import MonitorRequest

__all__ = ["for_option", "monitor", "monitors_for_option", "request_of", "watch"]

_FOR = "How long to watch. [until it is stopped]"
for_option = click.option("--for", "seconds", type=Seconds(zero=False), help=_FOR)
monitors_for_option = click.option(
    "--for", "seconds", type=Seconds(zero=False), help=f"With --monitor: {_FOR}"
)


@click.command()
@environment_option
@monitor_interval_option
@failure_threshold_option
@for_option
@click.option(
    "--no-rollback",
    "rollback",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Say what to do instead of doing it.",
)
@json_option
def monitor(*, environment: str | None, as_json: bool, **flags: Any) -> None:
    """Watches what serves, and goes back when it turns bad.

    Exits with 0 if it was good for the whole time, 1 if it has rolled back, 2 if it was
    asked wrongly, 3 if a bad or an unknown release serves, 5 if nothing serves, 6 if it
    is undecided, 78 if the configuration cannot be used, 130 if it was stopped.
    """
    delivery = Delivery.into(environment, guess=True)
    delivery.finish(watch(delivery, flags), as_json=as_json)


def request_of(flags: Mapping[str, Any], environment: str) -> "MonitorRequest":
    """What the options ask for."""
    from app.backend.deploy.request import MonitorRequest  # noqa: PLC0415 - 0.5 s

    return MonitorRequest(environment=environment, actor=actor(), **flags)


def watch(delivery: Delivery, flags: Mapping[str, Any]) -> "RunReport":
    """Watches until stopped, or for a time.

    Args:
        delivery: where.
        flags: fields of ``MonitorRequest``.
    """
    from app.backend.deploy import monitor as monitoring  # noqa: PLC0415 - 1 s

    request = request_of(flags, delivery.environment)
    return delivery.with_tools(lambda tools: monitoring.monitor(request, tools))
