"""Goes back: reads the downgrades, asks the live data, then reverses or refuses."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Final

import asyncpg

from app.backend.database.schema_state import SchemaState, read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.back.at_risk import COUNT_TIMEOUT, ask, ask_schema
from app.backend.migrations.back.choosing import (
    goal_of,
    refuse_bedrock,
    refuse_recount,
    scripts_before,
    scripts_down,
)
from app.backend.migrations.back.found import WayDown
from app.backend.migrations.back.keeping import PREPARE
from app.backend.migrations.back.refusal import refuse
from app.backend.migrations.back.reverse import Reverse, read_reverse
from app.backend.migrations.back.risk import Risk
from app.backend.migrations.back.risks import risks_of
from app.backend.migrations.back.whose import command_down
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.revisions import alembic_config, source_of
from app.backend.migrations.running.connecting import close, connect
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.failures import told
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.records import read_runs
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.thread import run_in_thread
from app.errors import LocksDeniedError, MigrationError, PreflightError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

    from app.backend.migrations.back.keeper import Acceptance
    from app.backend.migrations.running.runner import Runner

__all__ = ["find_way_down", "go_down", "runner_down"]

_PREPARE_TIMEOUT: Final = 30.0
_LIMITS: Final = "SET lock_timeout = '2s'"


async def find_way_down(
    target: DatabaseTarget,
    to: str,
    *,
    tell: Tell,
    count_timeout: float = COUNT_TIMEOUT,
    config: "AlembicConfig | None" = None,
) -> WayDown:
    """Says which revisions would be reversed, and what would be lost; only reads.

    All counts are of one moment, in one transaction; each has a deadline.

    Args:
        target: the database.
        to: where to, as Alembic names it: an id, ``-1``, ``base``.
        tell: is told which table is asked.
        count_timeout: seconds for one count.
        config: of Alembic; None: this release's revisions.

    Raises:
        PreflightError: there is no such revision below, or one that nobody here knows;
            or it is counted from where another way down was cut off.
        LocksDeniedError: somebody changes a table just now; it can be tried again.
        MigrationError: the database cannot be asked.
    """
    source = source_of(config)
    connection = await connect(target)
    try:
        # What describes a table may wait for whoever changes it.
        await connection.execute(_LIMITS)
        state = await read_schema_state(connection, (source.history,))
        last = next(iter(await read_runs(connection, limit=1)), None)
        refuse_recount(to, last, state.applied, source.name)
        fingerprint = await schema_fingerprint(connection)
        goal, reverses = await asyncio.to_thread(_reverses, state.applied, to, config)
        schema = await ask_schema(connection)
        asks = partial(_tell_of, tell)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            risks = risks_of(reverses, schema)
            found = await ask(connection, risks, asks=asks, count_timeout=count_timeout)
    except asyncpg.LockNotAvailableError as error:
        raise LocksDeniedError(
            "somebody changes a table that has to be asked; nothing has been reversed",
            remedy="run it again",
        ) from error
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be asked: {told(error)}",
            remedy="see whether it runs, and what the role may read",
        ) from error
    finally:
        await close(connection)
    return WayDown(
        to=to,
        goal=goal,
        source=source.name,
        applied=state.applied,
        fingerprint=fingerprint,
        reverses=reverses,
        at_risk=found,
    )


async def go_down(
    target: DatabaseTarget,
    way: WayDown,
    *,
    acceptance: "Acceptance | None",
    options: RunOptions,
    stop: StopSign,
    tell: Tell,
    config: "AlembicConfig | None" = None,
) -> str:
    """Reverses what was found, as it was found; returns the run's id.

    Args:
        target: the database; a direct connection.
        way: what :func:`find_way_down` has said.
        acceptance: None: nothing may be lost.
        options: what the run is allowed.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        config: of Alembic; None: this release's revisions.

    Raises:
        DataAtRiskError: rows are at risk; of a revision that says so, nothing was
            reversed.
        PreflightError: the schema is another one by now.
        LocksDeniedError, InterruptedRunError, MigrationError: as an upgrade does.
    """
    refuse(way, accepted=acceptance is not None)
    if acceptance is not None:
        await _prepare(target)
    ids: list[str] = []

    def make(tell_us: Tell) -> "Runner":
        runner = runner_down(
            target,
            way,
            acceptance=acceptance,
            options=options,
            stop=stop,
            tell=tell_us,
            config=config,
        )
        ids.append(runner.id)
        return runner

    await run_in_thread(make, stop=stop, tell=tell, wait=options.wait)
    return ids[0]


def runner_down(
    target: DatabaseTarget,
    way: WayDown,
    *,
    acceptance: "Acceptance | None",
    options: RunOptions,
    stop: StopSign,
    tell: Tell,
    config: "AlembicConfig | None" = None,
) -> "Runner":
    """The runner of a way down, to be run in an event loop of its own.

    Args:
        target: the database; a direct connection.
        way: what :func:`find_way_down` has said.
        acceptance: None: nothing may be lost.
        options: what the run is allowed.
        stop: ends it between two statements.
        tell: is told, in the thread that it runs in.
        config: of Alembic; None: this release's revisions.
    """
    from app.backend.migrations.back.descent import Down  # noqa: PLC0415 - alembic
    from app.backend.migrations.running.runner import Runner  # noqa: PLC0415 - 1 s

    config = config or alembic_config()
    return Runner(
        config,
        target,
        way.goal,
        decide=partial(_is_as_found, way),
        options=options,
        stop=stop,
        tell=tell,
        histories=(source_of(config).history,),
        way=Down(command_down(way.goal, way.source), way.reverses, acceptance),
    )


def _is_as_found(
    way: WayDown, state: SchemaState, fingerprint: str, _begun: object
) -> bool:
    """Asked under the migrators' lock, after which nobody else changes the schema."""
    if (set(state.applied), fingerprint) != (set(way.applied), way.fingerprint):
        raise PreflightError(
            "the schema has changed since the live data was asked",
            remedy="look again with `pm33 migrate down`",
        )
    return bool(way.reverses)


def _reverses(
    applied: Collection[str], to: str, config: "AlembicConfig | None"
) -> tuple[str, tuple[Reverse, ...]]:
    """Where it ends, and what is reversed on the way."""
    scripts = scripts_down(applied, to, config)
    refuse_bedrock(one.revision for one in scripts)
    left = scripts_before(applied, (one.revision for one in scripts), config)
    return goal_of(to, scripts, left), tuple(map(read_reverse, scripts))


async def _prepare(target: DatabaseTarget) -> None:
    connection = await connect(target)
    try:
        await connection.execute(PREPARE, timeout=_PREPARE_TIMEOUT)
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"there is nowhere to keep what would be lost: {error}",
            remedy="give the role CREATE on the database, or make schema pm33_kept",
        ) from error
    finally:
        await close(connection)


def _tell_of(tell: Tell, risk: Risk) -> None:
    if risk.condition is not None:
        words = f"asks {risk.table} for rows at risk: {risk.why}"
        tell(
            MigrationEvent(
                kind=Happening.COUNTING, run="", revision=risk.revision, message=words
            )
        )
