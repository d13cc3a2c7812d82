"""``pm33 migrate up``: brings the schema where this release needs it."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.migrate.settings import usable_config
from app.cli.options import Seconds, actor, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.backend.config.environment import Config
    from app.backend.database.schema_state import SchemaState
    from app.backend.migrations.migration_manager import MigrationEvent

__all__ = ["up"]


@click.command()
@click.option(
    "--phase",
    type=click.Choice(["expand", "contract"]),
    default="expand",
    show_default=True,
    help="Expand revisions run while the previous release still serves; contract ones"
    " take away what no release uses any more.",
)
@click.option(
    "--plan-from-env",
    is_flag=True,
    help="For the pre-deploy command: apply what PM33_MIGRATION_PLAN was made for,"
    " or what PM33_MIGRATE_ON_DEPLOY=expand allows; else only look.",
)
@click.option(
    "--plan",
    metavar="HASH",
    help="Refuse when `migrate plan` shows another hash by now; a run of this plan that"
    " was cut off is gone on with.",
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
@click.option(
    "--cancel-blockers-after",
    type=Seconds(zero=False),
    help="End transactions in the way that are older; without it, nobody's.",
)
@click.option(
    "--sql", is_flag=True, help="Print it as SQL for an empty database; ask none."
)
@click.option("-v", "--verbose", is_flag=True, help="Tell every statement.")
@json_option
def up(
    phase: str,
    *,
    plan_from_env: bool,
    plan: str | None,
    sql: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Applies what is missing; what is applied already is left alone.

    Ctrl-C stops between two statements; a second one cancels the one under way.

    Exit codes: 0 the schema is where this release needs it, or ahead; 1 failed, or the
    locks were not to be had (run it again); 5 refused, because of the plan, a pooler,
    or because this release cannot live with the schema; 130 stopped.
    """
    if plan_from_env and plan is not None:
        raise click.UsageError("--plan and --plan-from-env are two plans")
    if plan_from_env and phase != "expand":
        raise click.UsageError("a pre-deploy command only expands")
    config = usable_config()
    if sql and (plan_from_env or plan is not None or as_json):
        raise click.UsageError("--sql asks no database, and prints nothing but SQL")
    if sql:
        _print(config, phase)
        return
    state = asyncio.run(_up(config, phase, plan, from_env=plan_from_env, given=given))
    if state is not None:
        _refuse_behind(state)
    if as_json:
        click.echo(json.dumps(None if state is None else state.to_dict()))
    click.echo(_told(state), err=True)


async def _up(
    config: "Config",
    phase: str,
    plan: str | None,
    *,
    from_env: bool,
    given: dict[str, Any],
) -> "SchemaState | None":
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s
    from app.cli.migrate.stopping import stopped_by_signals  # noqa: PLC0415 - as above

    target = migration_manager.migration_target(config)
    options = migration_manager.RunOptions.of(
        config.migrations,
        show_queries=given["show_queries"],
        cancel_blockers_after=given["cancel_blockers_after"],
        lock_timeout=given["lock_timeout"],
        lock_budget=given["lock_budget"],
        actor=actor(),
    )
    stop = migration_manager.StopSign()
    rest: dict[str, Any] = {
        "options": options,
        "stop": stop,
        "tell": _talker(verbose=given["verbose"]),
    }
    if from_env:
        settings = config.deployment
        work = migration_manager.upgrade_on_deploy(
            target,
            plan=settings.migration_plan or None,
            expand=settings.migrate_on_deploy == "expand",
            **rest,
        )
    else:
        work = migration_manager.upgrade(target, f"{phase}@head", plan=plan, **rest)
    return await stopped_by_signals(work, stop)


def _print(config: "Config", phase: str) -> None:
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 0.3 s

    sources = migration_manager.sources_of(config)
    click.echo(migration_manager.sql_of(sources, f"{phase}@head"), nl=False)


def _talker(*, verbose: bool) -> "Callable[[MigrationEvent], None]":
    """Says on stderr what somebody who waits wants to know."""
    from app.backend.migrations.migration_manager import Happening  # noqa: PLC0415

    quiet = {Happening.REVISION, Happening.STATEMENT, Happening.DONE}

    def tell(event: "MigrationEvent") -> None:
        if verbose or event.kind not in quiet:
            click.echo(str(event), err=True)

    return tell


def _refuse_behind(state: "SchemaState") -> None:
    """The phase contract applies nothing of a source that contracts nothing."""
    from app.errors import PreflightError  # noqa: PLC0415 - seldom

    behind = [one for one in state.each if one.position == "behind"]
    if behind:
        names = ", ".join(one.source for one in behind)
        raise PreflightError(
            f"the schema of {names} is behind {behind[0].needed}, and no contract"
            " revision leads there",
            remedy="`pm33 migrate up` first",
        )


def _told(state: "SchemaState | None") -> str:
    if state is None:
        return "the database is away, so the schema could not be looked at; going on"
    return "\n".join(_of_source(one) for one in state.each)


def _of_source(state: "SchemaState") -> str:
    whose = "" if state.source == "pm33" else f" of {state.source}"
    at = ", ".join(state.applied) or "nothing"
    if state.position == "ahead":
        return f"schema{whose} is ahead of this release, at {at}"
    return f"schema{whose} is at {at}"
