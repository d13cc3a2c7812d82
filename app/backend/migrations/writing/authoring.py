"""Writes the revisions that bring a database to what the models say."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
from alembic.autogenerate import produce_migrations
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.schema_state import read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.asking import asked
from app.backend.migrations.env import options_for
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    alembic_config,
    pending_revisions,
)
from app.backend.migrations.running.failures import told
from app.backend.migrations.sources import Source, load_metadata
from app.backend.migrations.writing.checks import draw_checks
from app.backend.migrations.writing.drawing import Drawing
from app.backend.migrations.writing.enums import draw_enums, enums_of
from app.backend.migrations.writing.filing import file_drafts, gathered
from app.backend.migrations.writing.outcome import Draft, Drawn, Written
from app.backend.migrations.writing.pen import Pen
from app.backend.migrations.writing.rendering import Rendering
from app.errors import ConfigError, MigrationError, PreflightError

__all__ = ["write_revisions"]


async def write_revisions(
    target: DatabaseTarget,
    source: Source,
    message: str,
    *,
    contract: bool = False,
    empty: bool = False,
) -> Written:
    """Compares models and database, and writes what the one lacks, in its safe form.

    Args:
        target: a database that is where the revisions are.
        source: whose revisions they are to be.
        message: what they are for.
        contract: write what takes away, on the branch of that name.
        empty: compare nothing, and write one revision that does nothing.

    Raises:
        PreflightError: the database lacks revisions, which would be written again, or
            has some that are not here.
        ConfigError: nobody has said where the models are, or they cannot be imported.
        MigrationError: the database cannot be asked, or a file cannot be written.
    """
    drawn = Drawn()
    if empty:
        title = "contract" if contract else "expand"
        drawn.drafts.append(Draft(title=title, up=(), down=()))
    else:
        models = load_metadata(source)
        if models is None:
            raise ConfigError(
                f"nobody has said what the tables of {source.name} are",
                remedy="set PM33_METADATA=package.module:metadata, or pass --empty",
            )
        await _refuse_elsewhere(target, source)
        await _compare(target, source, models, drawn, contract=contract)
    revisions = file_drafts(
        gathered(drawn.drafts),
        source,
        message,
        contract=contract,
        refused=drawn.refused,
    )
    return Written(
        source=source.name,
        revisions=revisions,
        refused=tuple(drawn.refused),
        later=tuple(drawn.later),
        notes=tuple(drawn.notes),
    )


async def _refuse_elsewhere(target: DatabaseTarget, source: Source) -> None:
    async with asked(target) as connection:
        state = await read_schema_state(connection, [source.history])
    unknown = sorted(set(state.applied) - set(source.history.known))
    if unknown:
        raise PreflightError(
            f"the database has {unknown[0]}, which this checkout does not: what that"
            " made would be written away",
            remedy="get that revision (`git pull`), or name a database without it",
        )
    config = alembic_config(source)
    for goal in (EXPAND_HEAD, "contract@head"):
        lacking = pending_revisions(state.applied, goal, config)
        if lacking:
            phase = goal.partition("@")[0]
            raise PreflightError(
                f"the database lacks {lacking[0].id}, which would be written again",
                remedy=f"`pm33 migrate up --phase {phase}`, or name a database that"
                " has it",
            )


async def _compare(
    target: DatabaseTarget,
    source: Source,
    models: MetaData | Sequence[MetaData],
    drawn: Drawn,
    *,
    contract: bool,
) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(**target.connect_arguments("pm33-new"), timeout=10)

    def draw(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts=options_for(source))
        script = produce_migrations(context, models)  # type: ignore[arg-type]
        rendering = Rendering(context)
        if not contract:
            draw_enums(enums_of(models), _enums_there(connection), rendering, drawn)
        operations = _flat(script.upgrade_ops)
        pen = Pen(rendering, drawn)
        drawing = Drawing(operations, models, pen, contract=contract)
        drawing.draw()
        if not contract:
            draw_checks(models, connection, pen, drawing.waiting)

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(draw)
    except (OSError, DBAPIError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be compared: {told(error)}",
            remedy="see whether it runs, what the role may read, and that no pooler is"
            " in between (MIGRATION_DATABASE_URL)",
        ) from error
    finally:
        with suppress(OSError):
            await engine.dispose()


def _enums_there(
    connection: Connection,
) -> dict[tuple[str | None, str], tuple[str, ...]]:
    found: Any = inspect(connection)
    here = found.default_schema_name
    return {
        (None if one["schema"] == here else one["schema"], one["name"]): tuple(
            one["labels"]
        )
        for one in found.get_enums(schema="*")
    }


def _flat(operations: Any) -> list[MigrateOperation]:
    if isinstance(operations, ops.OpContainer):
        return [each for one in operations.ops for each in _flat(one)]
    return [operations]
