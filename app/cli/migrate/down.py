"""``pm33 migrate down``: reverses revisions, where that loses nothing."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from app.cli.failure import Failure
from app.cli.migrate.settings import usable_config
from app.cli.options import Seconds, actor, json_option
from app.errors import DataAtRiskError

if TYPE_CHECKING:
    from app.backend.config.environment import Config
    from app.backend.migrations.back.found import WayDown
    from app.backend.migrations.back.rehearsal import Rehearsed
    from app.backend.migrations.migration_manager import MigrationEvent

__all__ = ["down"]


@click.command()
@click.option(
    "--to",
    required=True,
    metavar="REVISION",
    help="Where to, as Alembic names it: an id, or -1.",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Whose revisions, where an id does not tell: app (those of PM33_MIGRATIONS) or"
    " pm33.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Go on where rows or values would be lost, after copying them to schema"
    " pm33_kept; `migrate restore` brings them back.",
)
@click.option("--reason", default="", help="With --accept-loss: why.")
@click.option("--dry-run", is_flag=True, help="Only say what would be lost.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Instead, take each revision up, down and up on a scratch database with rows.",
)
@click.option(
    "--lock-timeout",
    type=Seconds(zero=False),
    help="Longest that one try makes others wait. [PM33_MIGRATE_LOCK_TIMEOUT]",
)
@click.option(
    "--lock-budget",
    type=Seconds(zero=False),
    help="Time that may be lost to locks in all. [PM33_MIGRATE_LOCK_BUDGET]",
)
@click.option("--show-queries", is_flag=True, help="Show the queries that block.")
@json_option
def down(
    to: str, *, source: str | None, rehearse: bool, as_json: bool, **given: Any
) -> None:
    """Reverses revisions, the newest first, where that loses neither rows nor values.

    The live data is asked first, in one transaction that only reads: what has been
    written to what would go, which rows would not fit any more. Each loss is told with
    its count, and nothing is reversed.

    Exit codes: 0 reversed; 1 failed, or the locks were not to be had (run it again), or
    the rehearsal did not go well; 2 whose revisions are meant is not clear; 5 refused,
    because something would be lost or there is no such way; 130 stopped.
    """
    if bool(given["reason"].strip()) != given["accept_loss"]:
        raise click.UsageError("--accept-loss and --reason belong together")
    config = usable_config()
    if rehearse:
        _show(asyncio.run(_rehearse(config, to, source)), as_json=as_json)
        return
    try:
        asyncio.run(_down(config, to, source, given, as_json=as_json))
    except DataAtRiskError as error:
        if not as_json:
            raise
        failure = asdict(Failure.of(error))
        click.echo(json.dumps({**failure, **error.report}))
        raise click.exceptions.Exit(error.exit_code) from error


async def _down(
    config: "Config",
    to: str,
    source: str | None,
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s
    from app.backend.migrations.back.refusal import refuse  # noqa: PLC0415 - as above
    from app.cli.migrate.stopping import stopped_by_signals  # noqa: PLC0415 - as above

    target = migration_manager.migration_target(config)
    way = await migration_manager.way_down(target, to, source=source, tell=_tell)
    if given["dry_run"]:
        _show_way(way, as_json=as_json)
        return
    refuse(way, accepted=given["accept_loss"])
    stop = migration_manager.StopSign()
    work = migration_manager.downgrade(
        target,
        way,
        accept_loss=given["reason"].strip(),
        options=migration_manager.RunOptions.of(
            config.migrations,
            show_queries=given["show_queries"],
            lock_timeout=given["lock_timeout"],
            lock_budget=given["lock_budget"],
            actor=actor(),
        ),
        stop=stop,
        tell=_tell,
    )
    run = await stopped_by_signals(work, stop)
    if as_json:
        click.echo(json.dumps({"run": run, **way.to_dict()}))
    names = ", ".join(one.id for one in way.reverses) or "nothing"
    click.echo(f"reversed {names} (run {run})", err=True)


async def _rehearse(
    config: "Config", to: str, source: str | None
) -> "tuple[Rehearsed, ...]":
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    target = migration_manager.migration_target(config)
    return await migration_manager.rehearse(
        target, to, source=source, home=config.home, tell=_tell
    )


def _tell(event: "MigrationEvent") -> None:
    click.echo(str(event), err=True)


def _show_way(way: "WayDown", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(way.to_dict()))
        return
    for reverse in way.reverses:
        click.echo(f"{reverse.id}  {reverse.message}")
    for one in way.at_risk:
        click.echo(f"at risk: {one.line}")
    if not way.at_risk:
        click.echo("nothing would be lost")


def _show(rehearsed: "tuple[Rehearsed, ...]", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in rehearsed]))
    else:
        for one in rehearsed:
            click.echo(f"{one.revision}: {one.words}")
    if not all(one.ok for one in rehearsed):
        raise click.exceptions.Exit(1)
