"""What runs did, as rows: runs, what of a revision took effect, and tries.

A step is written by the transaction that it belongs to, so that it is there exactly
when its effect is. That is how a later run knows what of a half-applied revision is
done already. Everything else is written beside, and a migration does not fail for it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from app.backend.database.connection import ReservedConnection
from app.backend.database.revision_history import OURS
from app.backend.database.storable import storable
from app.backend.migrations.running.begun import Begun
from app.backend.migrations.running.blockers import Blocker
from app.backend.migrations.running.connecting import SIDE_ERRORS
from app.backend.migrations.running.masking import masked

__all__ = [
    "CLOSE_STEPS",
    "INSERT_STEP",
    "KEPT",
    "Committed",
    "History",
    "RunState",
    "digest_of",
    "step_values",
]

FORMAT = 1
RUN_FORMAT = 2
"""Since 2, what a run found is an object: the version rows, their source, the plan."""
KEPT = 200
"""Runs that stay, the newest ones."""

INSERT_STEP: Final = """
    insert into ops.migration_step (run, revision, position, digest, statement,
                                    directive, lock, open, at, format)
    values ($1, $2, $3, $4, $5, $6, $7, true, clock_timestamp(), $8)
"""
"""To be run by the transaction of the statement itself; see :func:`step_values`."""

CLOSE_STEPS: Final = """
    update ops.migration_step set open = false where revision = $1 and open
"""
"""To be run by the transaction that completes the revision."""

_THERE: Final = "select to_regclass('ops.migration_attempt') is not null"
_BEGIN: Final = """
    insert into ops.migration_run (run, kind, goal, actor, before, state, started_at,
                                   format)
    values ($1, $2, $3, $4, $5, 'running', $6, $7)
    on conflict (run) do nothing
"""
# A run of which a revision is half applied stays: what is done is told from its steps.
_TRIM: Final = """
    with gone as (
        delete from ops.migration_run r
        where run not in (select run from ops.migration_run
                          order by started_at desc limit $1)
          and not exists (select from ops.migration_step s
                          where s.run = r.run and s.open)
        returning run),
    steps as (
        delete from ops.migration_step where run in (select run from gone))
    delete from ops.migration_attempt where run in (select run from gone)
"""
_END: Final = """
    update ops.migration_run
    set state = $2, after = $3, error = $4, ended_at = clock_timestamp()
    where run = $1
"""
_LOST: Final = """
    update ops.migration_run set state = 'lost', ended_at = clock_timestamp()
    where state = 'running' and run <> $1
"""
_ATTEMPT: Final = """
    insert into ops.migration_attempt (run, revision, digest, statement, number,
        lock_timeout, seconds, outcome, sqlstate, blockers, at, format)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp(), $11)
"""
_COMMITTED: Final = """
    select digest, statement from ops.migration_step
    where revision = $1 and open and directive is null order by at, position
"""
_FORGET: Final = """
    update ops.migration_step set open = false
    where open and revision = any($1::text[])
"""
_HALF: Final = """
    select revision from ops.migration_step
    where open group by revision order by min(at)
"""
_BEGUN: Final = """
    select outcome in ('begun', 'lost') and run <> $3 from ops.migration_attempt
    where revision = $1 and digest = $2 order by id desc limit 1
"""


class RunState(StrEnum):
    """How a run stands; it is lost when a later one had the lock before its end."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Committed:
    """A statement of a revision that an earlier run had committed."""

    digest: str
    statement: str


def digest_of(statement: str) -> str:
    """Names a statement by its words, wherever it breaks its lines."""
    return hashlib.sha256(" ".join(statement.split()).encode()).hexdigest()[:32]


def step_values(
    run: str,
    revision: str,
    position: int,
    statement: str,
    *,
    directive: str | None,
    lock: str,
) -> tuple[Any, ...]:
    """The values for :data:`INSERT_STEP`."""
    digest = digest_of(statement)
    shown = masked(statement)
    return (run, revision, position, digest, shown, directive, lock, FORMAT)


class History:
    """Writes what one run does; until the tables are there it writes nothing.

    Args:
        side: the connection beside.
        run: its id.
        goal: where to, as Alembic names it.
        actor: who asked.
        kind: ``upgrade`` or ``downgrade``.
        source: whose revisions they are.
    """

    def __init__(
        self,
        side: ReservedConnection,
        run: str,
        *,
        goal: str,
        actor: str,
        kind: str = "upgrade",
        source: str = OURS.source,
    ) -> None:
        self._side = side
        self._run = run
        self._goal = goal
        self._actor = actor
        self._kind = kind
        self._source = source
        self._plan: Begun | None = None
        self._began = datetime.now(UTC)
        self._before: tuple[str, ...] = ()
        self.there = False

    async def begin(
        self, before: Sequence[str] | None = None, plan: Begun | None = None
    ) -> None:
        """Writes the run down, if it is not yet, and if it can be; forgets old ones.

        Args:
            before: the version rows that it has found; None: as it was told first.
            plan: that it carries out; None: as before, or none.
        """
        if before is not None:
            self._before, self._plan = tuple(before), plan
        if self.there:
            return
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as connection:
                if not await connection.fetchval(_THERE):
                    return
                await connection.execute(_LOST, self._run)
                await connection.execute(
                    _BEGIN,
                    *(self._run, self._kind, self._goal, self._actor),
                    *(json.dumps(self._found()), self._began, RUN_FORMAT),
                )
                self.there = True
                await connection.execute(_TRIM, KEPT)

    def _found(self) -> Mapping[str, Any]:
        plan = None if self._plan is None else self._plan.to_dict()
        return {"rows": self._before, "source": self._source, "plan": plan}

    async def end(
        self, state: RunState, after: Sequence[str], error: Mapping[str, Any] | None
    ) -> None:
        """Writes how the run has ended."""
        if not self.there:
            return
        written = None if error is None else json.dumps(storable(error))
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as connection:
                rows = json.dumps(list(after))
                await connection.execute(_END, self._run, state, rows, written)

    async def attempt(
        self,
        revision: str,
        statement: str,
        *,
        number: int,
        lock_timeout: float,
        seconds: float,
        outcome: str,
        sqlstate: str | None = None,
        blockers: Sequence[Blocker] = (),
    ) -> None:
        """Writes a try down."""
        if not self.there:
            return
        seen = json.dumps(storable([asdict(one) for one in blockers]))
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as connection:
                await connection.execute(
                    _ATTEMPT,
                    *(self._run, revision, digest_of(statement), masked(statement)),
                    *(number, lock_timeout, seconds, outcome, sqlstate, seen, FORMAT),
                )

    async def committed(self, revision: str) -> tuple[Committed, ...]:
        """What earlier runs had committed of a revision that is not applied.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: it cannot be told;
                going on without would do things twice.
        """
        if not self.there:
            return ()
        async with self._side.use() as connection:
            rows = await connection.fetch(_COMMITTED, revision)
        return tuple(Committed(*row) for row in rows)

    async def forget(self, applied: Sequence[str]) -> None:
        """Closes the steps of revisions that are applied, by whomever."""
        if not self.there:
            return
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as connection:
                await connection.execute(_FORGET, list(applied))

    async def half_applied(self) -> tuple[str, ...]:
        """Revisions of which only a part is committed; none when it cannot be told."""
        if not self.there:
            return ()
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as connection:
                return tuple(row[0] for row in await connection.fetch(_HALF))
        return ()

    async def was_begun(self, revision: str, statement: str) -> bool:
        """Whether an earlier run has sent a statement and never heard of its end.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as above.
        """
        if not self.there:
            return False
        async with self._side.use() as connection:
            return bool(
                await connection.fetchval(
                    _BEGUN, revision, digest_of(statement), self._run
                )
            )
