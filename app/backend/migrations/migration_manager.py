"""The one entry to migrations, for the command line, the pipeline and HTTP."""

import asyncio
from collections.abc import Callable
from functools import partial

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
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    PendingRevision,
    alembic_config,
    heads,
    pending_revisions,
    plan_hash_of,
    render_heads,
)
from app.backend.resources import database_target
from app.errors import (
    ConfigError,
    MigrationError,
    OpsError,
)

__all__ = [
    "ADVISORY_LOCK",
    "PendingRevision",
    "heads",
    "migration_target",
    "pending",
    "plan_hash",
    "render_heads",
    "schema_state",
    "upgrade",
    "upgrade_on_deploy",
]

ADVISORY_LOCK = 0x504D_3333_4D49_4752
"""The key of the advisory lock that every migrator takes ("PM33MIGR")."""

CONNECT_TIMEOUT = 10.0

Decide = Callable[[SchemaState], bool]
"""Asked under the lock whether to go on; raises to refuse."""


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
    import asyncpg  # noqa: PLC0415 - 0.2 s

    try:
        connection = await asyncpg.connect(
            **target.connect_arguments("pm33-migrate"), timeout=CONNECT_TIMEOUT
        )
        try:
            return await read_schema_state(connection)
        finally:
            await connection.close(timeout=1)
    except (OSError, UnicodeError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be reached: {type(error).__name__}: {error}",
            remedy="see whether it runs, and whether DATABASE_URL leads there",
        ) from error


async def pending(
    target: DatabaseTarget, revision: str = EXPAND_HEAD
) -> tuple[PendingRevision, ...]:
    """What :func:`upgrade` would run; nothing where the schema is ahead.

    Raises:
        MigrationError: the database cannot be asked.
    """
    state = await schema_state(target)
    return await asyncio.to_thread(pending_revisions, state.applied, revision)


async def plan_hash(target: DatabaseTarget, revision: str = EXPAND_HEAD) -> str:
    """Names what :func:`upgrade` would run now, for ``PM33_MIGRATION_PLAN``.

    It covers the pending revisions, their source, and the version rows. The whole
    plan, with the statements and the schema's fingerprint, is not there yet.

    Raises:
        MigrationError: the database cannot be asked.
    """
    state = await schema_state(target)
    return await asyncio.to_thread(_plan_hash, state.applied, revision)


async def upgrade(target: DatabaseTarget, revision: str = EXPAND_HEAD) -> SchemaState:
    """Brings the schema to ``revision``; one that is there already is left alone.

    A schema that is ahead is left alone, too: a rollback runs an old image's
    pre-deploy command again, and must not be refused by it.

    Returns:
        Where the schema stands now.

    Raises:
        SchemaIncompatibleError: this release cannot live with the schema.
        MigrationError: it could not be brought there; the cause is chained.
    """
    before = await schema_state(target)
    if not may_upgrade(before):
        return before
    return await _upgrade(target, revision, may_upgrade)


async def upgrade_on_deploy(
    target: DatabaseTarget, *, plan: str | None, expand: bool
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
    # It may be behind only until another migrator has ended: judged under the lock.
    decide = partial(may_upgrade_on_deploy, plan=plan, expand=expand)
    return await _upgrade(target, EXPAND_HEAD, decide)


async def _upgrade(
    target: DatabaseTarget, revision: str, decide: Decide
) -> SchemaState:
    try:
        # env.py runs its own event loop, which a thread may do and we may not.
        await asyncio.to_thread(_run_alembic, target, revision, decide)
    except OpsError:
        raise
    except Exception as error:  # a revision may raise whatever it likes
        raise MigrationError(
            f"the migration failed: {type(error).__name__}: {error}",
            remedy="nothing of the failed revision was kept; mend it and run again",
        ) from error
    return await schema_state(target)


def _run_alembic(target: DatabaseTarget, revision: str, decide: Decide) -> None:
    from alembic import command  # noqa: PLC0415 - 0.5 s

    config = alembic_config()
    config.attributes.update(target=target, decide=decide)
    command.upgrade(config, revision)


def _plan_hash(applied: tuple[str, ...], revision: str) -> str:
    return plan_hash_of(applied, pending_revisions(applied, revision))
