"""``pm33 health override``: what operators say over the checks' heads."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click
from typing_extensions import override as replaces

from app.errors import OverrideError

if TYPE_CHECKING:
    from app.backend.health.store import OpsStore

__all__ = ["override"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=30)

T = TypeVar("T")


class _Duration(click.ParamType[timedelta]):
    """``90s``, ``30m``, ``2h``, ``1d``; thirty days at most: an override must end."""

    name = "duration"

    @replaces
    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        match = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        lasts = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
        if lasts is None or not timedelta(0) < lasts <= _LONGEST:
            self.fail("is no duration like 90s, 30m or 2h; 30d at most", param, ctx)
        return lasts


@click.group()
def override() -> None:
    """Maintenance, force-not-ready and mute, each with an end."""


@override.command()
@click.argument("kind", type=click.Choice(["maintenance", "not_ready", "mute"]))
@click.option("--for", "lasts", type=_Duration(), required=True, help="30m, 2h …")
@click.option("--reason", required=True, help="Why; shown to operators.")
@click.option("--check", help="The check to mute.")
@click.option("--replica", help="Only this replica id.")
@click.option("--release", help="Only replicas of this commit.")
def add(
    kind: str,
    lasts: timedelta,
    reason: str,
    check: str | None,
    replica: str | None,
    release: str | None,
) -> None:
    """Puts an override in force; replicas follow within seconds."""
    if (kind == "mute") != (check is not None):
        raise click.UsageError("--check goes with mute, and mute needs it")
    from app.backend.health.overrides import OverrideKind  # noqa: PLC0415 - 1 s
    from app.backend.health.store import NewOverride  # noqa: PLC0415 - as above

    new = NewOverride(
        kind=OverrideKind(kind),
        lasts=lasts,
        reason=reason,
        check=check,
        replica=replica,
        release=release,
    )
    number = _with_store(lambda store: store.add_override(new))
    click.echo(f"override {number} is in force; end it with")
    click.echo(f"  pm33 health override end {number}")


@override.command(name="list")
@click.option("--json", "as_json", is_flag=True)
def list_(*, as_json: bool) -> None:
    """Shows what is in force."""
    found = _with_store(lambda store: store.overrides())
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], indent=2))
        return
    for one in found:
        target = one.replica or one.release or "all"
        what = f"{one.kind} {one.check or ''}".strip()
        until = one.until.isoformat(timespec="seconds")
        click.echo(f"{one.id:>4}  {what}  for {target}  until {until}  {one.reason}")
    if not found:
        click.echo("no override is in force", err=True)


@override.command()
@click.argument("number", type=int)
def end(number: int) -> None:
    """Ends an override now."""
    if not _with_store(lambda store: store.end_override(number)):
        raise OverrideError(
            f"override {number} is not in force",
            remedy="see `pm33 health override list`",
        )
    click.echo(f"override {number} has ended", err=True)


def _with_store(work: "Callable[[OpsStore], Awaitable[T]]") -> T:
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.5 s
    from app.backend.health.store import STORE_ERRORS, OpsStore  # noqa: PLC0415 - 1 s
    from app.backend.resources import open_resources  # noqa: PLC0415 - as above

    async def run() -> T:
        async with open_resources(get_config()) as resources:
            if resources.store_connection is None:
                raise resources.database_error or OverrideError(
                    "overrides are kept in the database, and none is configured",
                    remedy="set DATABASE_URL, or start the embedded one: `make run`",
                )
            try:
                return await work(OpsStore(resources.store_connection))
            except STORE_ERRORS as error:
                raise OverrideError(
                    f"the database did not take it: {type(error).__name__}: {error}",
                    remedy="see `pm33 health`; the tables come by `pm33 migrate up`",
                ) from error

    return asyncio.run(run())
