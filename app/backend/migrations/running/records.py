"""What runs did, read back from their rows."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from app.backend.database.revision_history import OURS
from app.backend.migrations.running.begun import Begun
from app.backend.migrations.running.history import RunState

if TYPE_CHECKING:
    import asyncpg

__all__ = ["AttemptRecord", "RunRecord", "StepRecord", "read_half_applied", "read_runs"]

_THERE: Final = "select to_regclass('ops.migration_attempt') is not null"
_RUNS: Final = """
    select run, kind, goal, actor, before, after, state, error, started_at, ended_at
    from ops.migration_run
    where $2::text is null or run = $2
    order by started_at desc limit $1
"""
_STEPS: Final = """
    select revision, position, statement, directive, lock, at
    from ops.migration_step where run = $1 order by at, position
"""
_ATTEMPTS: Final = """
    select revision, statement, number, lock_timeout, seconds, outcome, sqlstate,
           blockers, at
    from ops.migration_attempt where run = $1 order by id
"""
_HALF: Final = """
    select revision, count(*) as statements from ops.migration_step
    where open group by revision order by min(at)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A statement that took effect."""

    revision: str
    position: int
    statement: str
    directive: str | None
    lock: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """A try: ``blocked``, ``failed``, ``begun``, ``done``, or ``lost``.

    Attributes:
        lock_timeout: seconds that it might wait for a lock.
        seconds: that it took.
        blockers: who was in the way.
    """

    revision: str
    statement: str
    number: int
    lock_timeout: float
    seconds: float
    outcome: str
    sqlstate: str | None
    blockers: tuple[dict[str, Any], ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run; ``steps`` and ``attempts`` are read when one run is asked for.

    Attributes:
        source: whose revisions it was about.
        plan: the hash of the plan that it carried out; None: it had none.
    """

    run: str
    kind: str
    source: str
    goal: str
    plan: str | None
    actor: str
    state: RunState
    before: tuple[str, ...]
    after: tuple[str, ...] | None
    error: dict[str, Any] | None
    started_at: datetime
    ended_at: datetime | None
    steps: tuple[StepRecord, ...] = field(default=())
    attempts: tuple[AttemptRecord, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; times are RFC 3339."""
        body: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_written))
        return body


async def read_runs(
    connection: "asyncpg.Connection[asyncpg.Record]",
    *,
    limit: int,
    run: str | None = None,
) -> tuple[RunRecord, ...]:
    """Runs, the newest first; with steps and attempts where one is named.

    A database without the tables has had none that are known.
    """
    if not await connection.fetchval(_THERE):
        return ()
    found = []
    for row in await connection.fetch(_RUNS, limit, run):
        steps: tuple[StepRecord, ...] = ()
        attempts: tuple[AttemptRecord, ...] = ()
        if run is not None:
            rows = await connection.fetch(_STEPS, run)
            steps = tuple(StepRecord(**dict(one)) for one in rows)
            rows = await connection.fetch(_ATTEMPTS, run)
            attempts = tuple(
                AttemptRecord(**dict(one) | {"blockers": tuple(_read(one["blockers"]))})
                for one in rows
            )
        found.append(
            RunRecord(
                **dict(row)
                | _found(row["before"])
                | {
                    "state": RunState(row["state"]),
                    "after": None
                    if row["after"] is None
                    else tuple(_read(row["after"])),
                    "error": _read(row["error"]),
                },
                steps=steps,
                attempts=attempts,
            )
        )
    return tuple(found)


async def read_half_applied(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> dict[str, int]:
    """Revisions of which only a part is committed, and of how many statements."""
    if not await connection.fetchval(_THERE):
        return {}
    return {row[0]: row[1] for row in await connection.fetch(_HALF)}


def _found(text: str) -> dict[str, Any]:
    """What a run found; until format 2 that were the version rows alone."""
    found = _read(text)
    if isinstance(found, list):
        found = {"rows": found, "source": OURS.source, "plan": None}
    plan = Begun.read(found["plan"])
    return {
        "before": tuple(found["rows"]),
        "source": found["source"],
        "plan": None if plan is None else plan.plan,
    }


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
