"""The one entry to migrations, for the command line, the pipeline and HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import asyncpg

from app.backend.config.environment import Config, get_config
from app.backend.database.schema_state import (
    SchemaPosition,
    SchemaState,
    read_schema_state,
)
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.judgement import (
    is_outage,
    may_upgrade,
    may_upgrade_on_deploy,
)
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.planning.hashing import pending_work, plan_hash_of
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    PendingRevision,
    alembic_config,
    heads,
    pending_revisions,
    render_heads,
)
from app.backend.migrations.running.connecting import close, connect
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.records import RunRecord, read_runs
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.thread import run_in_thread
from app.backend.migrations.running.turn import ADVISORY_LOCK
from app.backend.migrations.standing import (
    Fault,
    MigrationStatus,
    faults_of,
    read_status,
)
from app.backend.resources import database_target
from app.errors import ConfigError, MigrationError

if TYPE_CHECKING:
    from app.backend.migrations.planning.plan import Plan
    from app.backend.migrations.planning.planner import Scratch
    from app.backend.migrations.running.runner import Decide, Runner

__all__ = [
    "ADVISORY_LOCK",
    "Fault",
    "Happening",
    "MigrationEvent",
    "MigrationStatus",
    "PendingRevision",
    "RunOptions",
    "RunRecord",
    "StopSign",
    "heads",
    "history",
    "migration_target",
    "pending",
    "plan",
    "plan_hash",
    "render_heads",
    "schema_state",
    "status",
    "upgrade",
    "upgrade_on_deploy",
    "verify",
]

QUERY_TIMEOUT = 30.0


def migration_target(config: Config | None = None) -> DatabaseTarget:
    """The database to migrate: a direct connection where one is configured.

    Raises:
        ConfigError: none is configured and no embedded server runs.
    """
    config = config or get_config()
    database = config.database
    url = database.migration_url or database.unpooled_url
    target = parse_target(url, database) if url else database_target(config)
    if target is None:
        raise ConfigError(
            "there is no database to migrate",
            remedy="set DATABASE_URL, or start the embedded one with `make run`",
        )
    return target


async def schema_state(target: DatabaseTarget) -> SchemaState:
    """Where the schema stands, seen from this release.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with _asked(target) as connection:
        return await read_schema_state(connection)


async def status(target: DatabaseTarget) -> MigrationStatus:
    """How the schema stands, what runs, and what was left behind.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with _asked(target) as connection:
        return await read_status(connection)


async def verify(target: DatabaseTarget) -> tuple[Fault, ...]:
    """What is wrong with the schema; nothing is, where it is current or ahead, whole.

    Raises:
        MigrationError: the database cannot be asked.
    """
    return faults_of(await status(target))


async def history(
    target: DatabaseTarget, *, limit: int = 20, run: str | None = None
) -> tuple[RunRecord, ...]:
    """What runs did, the newest first.

    Args:
        target: the database.
        limit: how many at most.
        run: this one only, with its statements and its tries.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with _asked(target) as connection:
        return await read_runs(connection, limit=limit, run=run)


async def pending(
    target: DatabaseTarget, revision: str = EXPAND_HEAD
) -> tuple[PendingRevision, ...]:
    """What :func:`upgrade` would run; nothing where the schema is ahead.

    Raises:
        MigrationError: the database cannot be asked.
    """
    state = await schema_state(target)
    return await asyncio.to_thread(pending_revisions, state.applied, revision)


async def plan(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    scratch: "Scratch | None" = None,
) -> "Plan":
    """Says what :func:`upgrade` would do now, and to what; nothing is changed.

    Args:
        target: the database.
        revision: where to.
        scratch: where the revisions may be tried; None: they are only read.

    Raises:
        MigrationError: the database cannot be asked.
    """
    from app.backend.migrations.planning.planner import (  # noqa: PLC0415 - seldom
        make_plan,
    )

    return await make_plan(target, revision, scratch=scratch)


async def plan_hash(target: DatabaseTarget, revision: str = EXPAND_HEAD) -> str:
    """Names what :func:`upgrade` would run now, for ``PM33_MIGRATION_PLAN``.

    It is the hash of :func:`plan`, which a trace does not change.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with _asked(target) as connection:
        state = await read_schema_state(connection)
        fingerprint = await schema_fingerprint(connection)
    work = await asyncio.to_thread(pending_work, state.applied, revision)
    return plan_hash_of(state.applied, work, fingerprint)


async def upgrade(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    plan: str | None = None,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
) -> SchemaState:
    """Brings the schema to ``revision``; one that is there already is left alone.

    A schema that is ahead is left alone, too: a rollback runs an old image's
    pre-deploy command again, and must not be refused by it.

    Cancelling it cancels the statement under way, and waits for that.

    Args:
        target: the database; a direct connection.
        revision: where to, as Alembic names it.
        plan: the hash of the only plan that may be carried out; None: any.
        options: what the run is allowed; None: the defaults.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.

    Returns:
        Where the schema stands now.

    Raises:
        PreflightError: the plan is another one by now, or the connection a pooler's.
        SchemaIncompatibleError: this release cannot live with the schema.
        LocksDeniedError: others had the locks; it can be tried again.
        InterruptedRunError: it was stopped.
        MigrationError: it could not be brought there; the cause is chained.
    """
    before = await schema_state(target)
    if not _is_wanted(revision, before):
        return before
    # It may be behind only until another migrator has ended: judged under the lock.
    decide = (
        partial(_is_wanted, revision)
        if plan is None
        else partial(may_upgrade_on_deploy, plan=plan, expand=False)
    )
    return await _upgrade(target, revision, decide, options, stop, tell)


async def upgrade_on_deploy(
    target: DatabaseTarget,
    *,
    plan: str | None,
    expand: bool,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
) -> SchemaState | None:
    """What a pre-deploy command does, with nobody there to ask (contract §5).

    A schema that is where this release needs it, or ahead, is left alone. One that is
    behind is expanded when the plan is still the one that was made, or when there is
    no plan and ``expand`` says that none is needed. Only the migrator's own lock is
    taken: the environment's lease belongs to whoever runs the deployment.

    Without a plan, a database that is away refuses nothing: there may be nothing to
    apply, the startup gate looks again, and a rollback during an outage must not be
    refused by the outage.

    Args:
        target: the database.
        plan: the hash of the plan; None: there is none.
        expand: expand without a plan.
        options: what the run is allowed; None: the defaults.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.

    Returns:
        Where the schema stands now; None: it could not be asked.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
        MigrationError: it could not be brought there; the cause is chained.
    """
    try:
        before = await schema_state(target)
    except MigrationError as error:
        if plan is None and is_outage(error.__cause__):
            return None
        raise
    if before.position is not SchemaPosition.BEHIND:
        may_upgrade(before)
        return before
    decide = partial(may_upgrade_on_deploy, plan=plan, expand=expand)
    return await _upgrade(target, EXPAND_HEAD, decide, options, stop, tell)


async def _upgrade(
    target: DatabaseTarget,
    revision: str,
    decide: "Decide",
    options: RunOptions | None,
    stop: StopSign | None,
    tell: Tell | None,
) -> SchemaState:
    options, stop = options or RunOptions(), stop or StopSign()

    def make(tell_us: Tell) -> "Runner":
        from app.backend.migrations.running.runner import Runner  # noqa: PLC0415 - 1 s

        return Runner(
            alembic_config(),
            target,
            revision,
            decide=decide,
            options=options,
            stop=stop,
            tell=tell_us,
        )

    await run_in_thread(make, stop=stop, tell=tell or _ignore, wait=options.wait)
    return await schema_state(target)


def _is_wanted(revision: str, state: SchemaState, _fingerprint: str = "") -> bool:
    """Whether there is something to do; without a plan, whatever the schema is."""
    reached = revision == EXPAND_HEAD and state.position is SchemaPosition.CURRENT
    return may_upgrade(state) and not reached


def _ignore(_event: MigrationEvent) -> None:
    """Nobody wants to know."""


@asynccontextmanager
async def _asked(
    target: DatabaseTarget,
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection for a few questions.

    Raises:
        MigrationError: the database cannot be asked.
    """
    connection = await connect(target)
    try:
        async with asyncio.timeout(QUERY_TIMEOUT):
            yield connection
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be asked: {type(error).__name__}: {error}",
            remedy="see whether it runs, and what the role may read",
        ) from error
    finally:
        await close(connection)
