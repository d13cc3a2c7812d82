"""``pm33 platform shield``: keeps machines out while somebody attacks."""

import math
from datetime import datetime
from typing import TYPE_CHECKING

import click

from app.cli.delivery import Delivery
from app.cli.options import environment_option, json_option
from app.cli.platform.asking import with_railway

if TYPE_CHECKING:
    from app.backend.deploy.platforms.railway.connection import Connection

__all__ = ["shield"]

_HOUR = 3600.0
_TIMES = {f"{hours}h": hours * _HOUR for hours in (1, 3, 12, 24)}
_TIMES["forever"] = math.inf
"""For how long Railway's own CLI and dashboard turn it on."""


@click.group()
def shield() -> None:
    """Railway's under-attack mode: browsers are checked, all else is refused."""


@shield.command()
@click.option(
    "--for",
    "time",
    type=click.Choice([*_TIMES]),
    default="1h",
    show_default=True,
    help="How long; forever: until it is turned off.",
)
@environment_option
@json_option
def on(time: str, environment: str | None, *, as_json: bool) -> None:
    """Turns it on; until it is off, no probe can tell how a release is."""
    _put(Delivery.into(environment, guess=True), _TIMES[time], as_json=as_json)


@shield.command()
@environment_option
@json_option
def off(environment: str | None, *, as_json: bool) -> None:
    """Turns it off."""
    _put(Delivery.into(environment, guess=True), None, as_json=as_json)


@shield.command()
@environment_option
@json_option
def status(environment: str | None, *, as_json: bool) -> None:
    """Shows whether it is on, and until when."""
    delivery = Delivery.into(environment, guess=True)

    async def ask(connection: "Connection") -> datetime | None:
        from app.backend.deploy.platforms.railway.shield import until  # noqa: PLC0415

        return await until(connection.api, await connection.target())

    _show(delivery, with_railway(delivery, ask), as_json=as_json)


def _put(delivery: Delivery, seconds: float | None, *, as_json: bool) -> None:
    async def change(connection: "Connection") -> datetime | None:
        from app.backend.deploy.platforms.railway.shield import put  # noqa: PLC0415

        return await put(connection.api, await connection.target(), seconds)

    _show(delivery, with_railway(delivery, change), as_json=as_json)


def _show(delivery: Delivery, ends: datetime | None, *, as_json: bool) -> None:
    from app.backend.deploy.platforms.railway.shield import ENDLESS  # noqa: PLC0415

    at = None if ends in {None, ENDLESS} else ends
    told = at.isoformat(timespec="seconds") if at else None
    body = {"on": ends is not None, "until": told}
    text = f"on until {told}" if told else "on until it is turned off"
    if ends is not None:
        text += "\nprobes are refused as well: a watch ends undecided meanwhile"
    delivery.show(body, text if ends else "off", as_json=as_json)
