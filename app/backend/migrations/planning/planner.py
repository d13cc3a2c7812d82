"""Makes a plan: what is pending, what it does, to what, and how it is named."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from app.backend.database.schema_state import SchemaState, read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.analysis.scratch import ScratchPlace, scratch_database
from app.backend.migrations.analysis.trace_rules import judge_trace
from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.planning.drawing import Live, draw_revision, effects_of
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.planning.hashing import (
    PendingWork,
    pending_work,
    plan_hash_of,
)
from app.backend.migrations.planning.plan import Plan
from app.backend.migrations.planning.survey import sessions_on, sizes_of
from app.backend.migrations.revisions import EXPAND_HEAD, alembic_config, source_of
from app.backend.migrations.running.connecting import close, connect
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

__all__ = ["Scratch", "make_plan"]

MOST_TRIED: Final = 100
"""Pending revisions that are tried unless a place for it is named: two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Where revisions may be tried.

    Attributes:
        home: the folder of local state.
    """

    home: Path
    place: ScratchPlace = ScratchPlace.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What a trace has brought, or why there was none."""

    traced: tuple[Traced, ...] = ()
    done: bool = False
    because: str = ""


async def make_plan(
    target: DatabaseTarget,
    destination: str = EXPAND_HEAD,
    *,
    scratch: Scratch | None = None,
    config: "AlembicConfig | None" = None,
    beneath: "Sequence[AlembicConfig]" = (),
) -> Plan:
    """Says what an upgrade would do now; the database is only read.

    Args:
        target: the database.
        destination: where to, as Alembic names it.
        scratch: where the revisions may be tried; None: they are only read.
        config: of Alembic; None: our own revisions.
        beneath: sources whose revisions come before all of these.

    Raises:
        MigrationError: the database cannot be asked.
    """
    async with _asked(target) as connection:
        histories = (source_of(config).history,)
        state = await read_schema_state(connection, histories)
        fingerprint = await schema_fingerprint(connection)
        work = await asyncio.to_thread(pending_work, state.applied, destination, config)
        trial = await _tried(
            target, config, state, destination, scratch, len(work), beneath
        )
        effects = [effects_of(one, trial.traced) for one in work]
        tables = {
            table
            for several in effects
            for effect in several
            for table, _ in effect.locks
        }
        live = Live(
            sizes=await sizes_of(connection, tables),
            sessions=await sessions_on(connection, tables),
        )
    revisions = [
        draw_revision(one, several, live)
        for one, several in zip(work, effects, strict=True)
    ]
    return Plan(
        hash=plan_hash_of(state.applied, work, fingerprint),
        applied=state.applied,
        fingerprint=fingerprint,
        revisions=tuple(revisions),
        traced=trial.done,
        untraced_because=trial.because,
        findings=judge_trace(trial.traced, contract=_contract(work)),
    )


@asynccontextmanager
async def _asked(
    target: DatabaseTarget,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await connect(target, "pm33-plan")
    try:
        yield connection
    except (OSError, UnicodeError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be asked: {type(error).__name__}: {error}",
            remedy="see whether it runs, and what the role may read",
        ) from error
    finally:
        await close(connection)


async def _tried(
    target: DatabaseTarget,
    config: "AlembicConfig | None",
    state: SchemaState,
    destination: str,
    scratch: Scratch | None,
    pending: int,
    beneath: "Sequence[AlembicConfig]",
) -> _Trial:
    if scratch is None or not pending:
        return _Trial()
    if scratch.place is ScratchPlace.AUTO and pending > MOST_TRIED:
        return _Trial(because=f"more than {MOST_TRIED} revisions are pending")
    from app.backend.migrations.analysis.trace import trace  # noqa: PLC0415 - alembic

    try:
        place, home = scratch.place, scratch.home
        async with scratch_database(target, home=home, place=place) as database:
            traced = await trace(
                database,
                config or alembic_config(),
                applied=state.applied,
                destination=destination,
                beneath=beneath,
            )
    except MigrationError as error:
        return _Trial(because=str(error))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        lost = f"the scratch database was lost: {type(error).__name__}: {error}"
        return _Trial(because=lost)
    return _Trial(traced=traced, done=True)


def _contract(work: Iterable[PendingWork]) -> frozenset[str]:
    revisions = (one.revision for one in work)
    return frozenset(one.id for one in revisions if one.phase == "contract")
