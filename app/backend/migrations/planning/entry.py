"""Plans as the manager offers them; what they need is imported when it is used."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.backend.database.schema_state import read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.asking import asked
from app.backend.migrations.looking import schema_state
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
    meant_by,
    pending_revisions,
)
from app.backend.migrations.sources import Source, given_sources

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

    from app.backend.migrations.planning.plan import Plan
    from app.backend.migrations.planning.planner import Scratch

__all__ = ["pending", "plan", "plan_hash"]


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
    sources = given_sources(sources)
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
    for source in meant_by(revision, given_sources(sources)):
        config = alembic_config(source)
        plans.append(
            await make_plan(
                target, revision, scratch=scratch, config=config, beneath=beneath
            )
        )
        beneath.append(config)
    return joined(plans)


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
    sources = given_sources(sources)
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
