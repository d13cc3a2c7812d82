"""The one entry to migrations, for the command line, the pipeline and HTTP."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from app.backend.config.environment import Config, get_config
from app.backend.database.schema_state import (
    SchemaState,
    read_schema_state,
)
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.asking import asked
from app.backend.migrations.back.entry import (
    downgrade,
    rehearse,
    restore,
    way_down,
)
from app.backend.migrations.judgement import is_outage, may_upgrade_on_deploy
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.planning.hashing import (
    joined_hash,
    pending_work,
    plan_hash_of,
)
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    PendingRevision,
    alembic_config,
    heads,
    meant_by,
    pending_revisions,
    render_heads,
    sql_of,
)
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.records import RunRecord, read_runs
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.turn import ADVISORY_LOCK
from app.backend.migrations.sources import Source, sources_of
from app.backend.migrations.standing import (
    Fault,
    MigrationStatus,
    faults_of,
    read_status,
)
from app.backend.migrations.upgrading import Work, is_wanted, upgrade_sources
from app.backend.resources import database_target
from app.errors import ConfigError, MigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

    from app.backend.migrations.planning.plan import Plan
    from app.backend.migrations.planning.planner import Scratch
    from app.backend.migrations.writing.outcome import Written

__all__ = [
    "ADVISORY_LOCK",
    "Fault",
    "Happening",
    "MigrationEvent",
    "MigrationStatus",
    "PendingRevision",
    "RunOptions",
    "RunRecord",
    "Source",
    "StopSign",
    "downgrade",
    "heads",
    "history",
    "migration_target",
    "pending",
    "plan",
    "plan_hash",
    "rehearse",
    "render_heads",
    "restore",
    "schema_state",
    "sources_of",
    "sql_of",
    "status",
    "upgrade",
    "upgrade_on_deploy",
    "verify",
    "way_down",
    "write_revisions",
]


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


async def schema_state(
    target: DatabaseTarget, sources: Sequence[Source] | None = None
) -> SchemaState:
    """Where the schema stands, seen from this release.

    Args:
        target: the database.
        sources: of revisions; None: those that are configured.

    Raises:
        ConfigError: the application's revisions cannot be read.
        MigrationError: the database cannot be asked.
    """
    histories = [one.history for one in _sources(sources)]
    async with asked(target) as connection:
        return await read_schema_state(connection, histories)


async def status(
    target: DatabaseTarget, sources: Sequence[Source] | None = None
) -> MigrationStatus:
    """How the schema stands, what runs, and what was left behind.

    Raises:
        ConfigError, MigrationError: as :func:`schema_state`.
    """
    histories = [one.history for one in _sources(sources)]
    async with asked(target) as connection:
        return await read_status(connection, histories)


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
    async with asked(target) as connection:
        return await read_runs(connection, limit=limit, run=run)


async def pending(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    sources: Sequence[Source] | None = None,
) -> tuple[PendingRevision, ...]:
    """What :func:`upgrade` would run; nothing where the schema is ahead.

    Raises:
        ConfigError, MigrationError: as :func:`schema_state`.
    """
    sources = _sources(sources)
    state = await schema_state(target, sources)

    def found() -> tuple[PendingRevision, ...]:
        return tuple(
            each
            for one in meant_by(revision, sources)
            for each in pending_revisions(
                state.of(one.name).applied, revision, alembic_config(one)
            )
        )

    return await asyncio.to_thread(found)


async def plan(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    scratch: "Scratch | None" = None,
    sources: Sequence[Source] | None = None,
) -> "Plan":
    """Says what :func:`upgrade` would do now, and to what; nothing is changed.

    Args:
        target: the database.
        revision: where to.
        scratch: where the revisions may be tried; None: they are only read.
        sources: of revisions; None: those that are configured.

    Raises:
        ConfigError, MigrationError: as :func:`schema_state`.
    """
    from app.backend.migrations.planning.plan import joined  # noqa: PLC0415 - seldom
    from app.backend.migrations.planning.planner import (  # noqa: PLC0415 - as above
        make_plan,
    )

    plans = []
    beneath: list[AlembicConfig] = []
    for source in meant_by(revision, _sources(sources)):
        config = alembic_config(source)
        plans.append(
            await make_plan(
                target, revision, scratch=scratch, config=config, beneath=beneath
            )
        )
        beneath.append(config)
    return joined(plans)


async def write_revisions(
    target: DatabaseTarget,
    message: str,
    *,
    source: Source | None = None,
    contract: bool = False,
    empty: bool = False,
) -> "Written":
    """Writes the revisions that bring the database to what the models say.

    Args:
        target: a database that is where the revisions are.
        message: what they are for.
        source: whose they are to be; None: the application's where it has some.
        contract: write what takes away, on the branch of that name.
        empty: compare nothing, and write one that does nothing.

    Raises:
        PreflightError: the database lacks revisions, which would be written again.
        ConfigError: nobody has said where the models are, or they cannot be imported.
        MigrationError: the database cannot be asked, or a file cannot be written.
    """
    from app.backend.migrations.writing.authoring import (  # noqa: PLC0415 - seldom
        write_revisions as write,
    )

    whose = source or _sources(None)[-1]
    return await write(target, whose, message, contract=contract, empty=empty)


async def plan_hash(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    sources: Sequence[Source] | None = None,
) -> str:
    """Names what :func:`upgrade` would run now, for ``PM33_MIGRATION_PLAN``.

    It is the hash of :func:`plan`, which a trace does not change.

    Raises:
        ConfigError, MigrationError: as :func:`schema_state`.
    """
    sources = _sources(sources)
    async with asked(target) as connection:
        state = await read_schema_state(connection, [one.history for one in sources])
        fingerprint = await schema_fingerprint(connection)

    def found() -> str:
        meant = meant_by(revision, sources)
        rows = [(state.of(one.name).applied, alembic_config(one)) for one in meant]
        return joined_hash(
            plan_hash_of(applied, pending_work(applied, revision, config), fingerprint)
            for applied, config in rows
        )

    return await asyncio.to_thread(found)


async def upgrade(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    plan: str | None = None,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] | None = None,
) -> SchemaState:
    """Brings the schema to ``revision``; one that is there already is left alone.

    A schema that is ahead is left alone, too: a rollback runs an old image's
    pre-deploy command again, and must not be refused by it.

    Cancelling it cancels the statement under way, and waits for that.

    Args:
        target: the database; a direct connection.
        revision: where to, as Alembic names it.
        plan: the hash of the only plan that may be carried out; None: any.
        options: what the run is allowed; None: as it is configured.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        sources: of revisions, in their order; None: those that are configured.

    Returns:
        Where the schema stands now.

    Raises:
        PreflightError: the plan is another one by now, or the connection a pooler's.
        SchemaIncompatibleError: this release cannot live with the schema.
        LocksDeniedError: others had the locks; it can be tried again.
        InterruptedRunError: it was stopped.
        MigrationError: it could not be brought there; the cause is chained.
    """
    sources = _sources(sources)
    before = await schema_state(target, sources)
    # It may be behind only until another migrator has ended: judged under the lock.
    decide = (
        partial(is_wanted, revision)
        if plan is None
        else partial(may_upgrade_on_deploy, plan=plan, expand=False, sources=sources)
    )
    meant = meant_by(revision, sources)
    work = Work(target, revision, meant, before, planned=plan is not None)
    return await upgrade_sources(work, decide, options, stop, tell)


async def upgrade_on_deploy(
    target: DatabaseTarget,
    *,
    plan: str | None,
    expand: bool,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] | None = None,
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
        options: what the run is allowed; None: as it is configured.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        sources: of revisions, in their order; None: those that are configured.

    Returns:
        Where the schema stands now; None: it could not be asked.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
        MigrationError: it could not be brought there; the cause is chained.
    """
    sources = _sources(sources)
    try:
        before = await schema_state(target, sources)
    except MigrationError as error:
        if plan is None and is_outage(error.__cause__):
            return None
        raise
    decide = partial(may_upgrade_on_deploy, plan=plan, expand=expand, sources=sources)
    work = Work(target, EXPAND_HEAD, sources, before, planned=plan is not None)
    return await upgrade_sources(work, decide, options, stop, tell)


def _sources(given: Sequence[Source] | None) -> Sequence[Source]:
    return sources_of(get_config()) if given is None else given
