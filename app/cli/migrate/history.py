"""``pm33 migrate history``: what runs did, and how long they waited for whom."""

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from app.cli.migrate.settings import usable_config
from app.cli.options import json_option

if TYPE_CHECKING:
    from app.backend.migrations.migration_manager import RunRecord

__all__ = ["history"]

_WIDE = 100


@click.command()
@click.argument("run", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def history(run: str | None, limit: int, *, as_json: bool) -> None:
    """Shows the runs, the newest first; of one RUN its statements and its tries."""
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    target = migration_manager.migration_target(usable_config())
    found = asyncio.run(migration_manager.history(target, limit=limit, run=run))
    if run is not None and not found:
        raise click.UsageError(f"there was no run {run}")
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found]))
        return
    for one in found:
        click.echo(_line(one))
        for detail in _details(one):
            click.echo(f"  {detail}")
    if not found:
        click.echo("no runs are known")


def _line(one: "RunRecord") -> str:
    seconds = (one.ended_at - one.started_at).total_seconds() if one.ended_at else None
    took = "not ended" if seconds is None else f"{seconds:.1f} s"
    way = f"{', '.join(one.before) or 'nothing'} -> {', '.join(one.after or ()) or '?'}"
    whose = "" if one.source == "pm33" else f"{one.source}: "
    when = f"{one.started_at:%Y-%m-%d %H:%M:%S}"
    return f"{one.run}  {when}  {one.state:<11}  {took:>9}  {whose}{way}  {one.actor}"


def _details(one: "RunRecord") -> Iterator[str]:
    if one.plan is not None and (one.steps or one.attempts):
        yield f"plan     {one.plan}"
    for step in one.steps:
        made_by = f" ({step.directive})" if step.directive else ""
        yield f"done     {step.revision}{made_by}: {_short(step.statement)}"
    for tried in one.attempts:
        blockers = "; ".join(_blocker(each) for each in tried.blockers)
        yield (
            f"{tried.outcome:<8} {tried.revision}, try {tried.number},"
            f" {tried.seconds:.3f} s: {_short(tried.statement)}"
            + (f"; blocked by {blockers}" if blockers else "")
        )
    if one.error is not None:
        message = " ".join(str(one.error.get("message")).split())
        yield f"error    {one.error.get('type')}: {message}"


def _blocker(each: dict[str, Any]) -> str:
    return f"pid {each.get('pid')} ({each.get('application') or each.get('kind')})"


def _short(text: object) -> str:
    return " ".join(str(text).split())[:_WIDE]
