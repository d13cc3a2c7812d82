"""The journal as rows: what everybody sees who can reach the database.

Each write is one statement that also holds the lease's row, so that a process that has
lost the lease cannot write, and one that is stopped in the middle blocks nobody.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.backend.database.connection import ReservedConnection
from app.backend.database.lease import Guard
from app.backend.database.lease_row import FENCE
from app.backend.database.state_call import CALL_TIMEOUT, state_call
from app.backend.database.target import DatabaseTarget
from app.backend.deploy.records.journal import FORMAT, RUNS, Event, merge
from app.backend.deploy.records.run_state import RunState
from app.errors import LeaseLostError

__all__ = ["RowsJournal"]

_UNFENCED = "select 1 as held where $1::text is not null and $2::bigint is not null"
_WRITE = """
with fence as ({fence}),
steps as (
    insert into ops.deployment_step
        (run, step, attempt, epoch, kind, at, data, format)
    select run, step, attempt, epoch, kind, at, data, format
    from fence, jsonb_to_recordset($3::jsonb) as new(
        run text, step text, attempt bigint, epoch bigint, kind text,
        at timestamptz, data jsonb, format bigint)
    on conflict do nothing
),
summary as (
    insert into ops.deployment as old
        (run, environment, kind, platform, commit, previous_commit,
         platform_deployment, status, verdict, plan, actor, reason, epoch,
         started_at, ended_at, format)
    select $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, $15, $16, $17,
           $18, $19
    from fence
    on conflict (run) do update set
        kind = excluded.kind, platform = excluded.platform,
        commit = excluded.commit, previous_commit = excluded.previous_commit,
        platform_deployment = excluded.platform_deployment,
        status = excluded.status, verdict = excluded.verdict, plan = excluded.plan,
        actor = excluded.actor, reason = excluded.reason, epoch = excluded.epoch,
        started_at = excluded.started_at, ended_at = excluded.ended_at,
        format = excluded.format
    where old.epoch <= excluded.epoch
)
select held from fence
"""
_EVENTS = """
select run, step, attempt, epoch, kind, at, data from ops.deployment_step
where run in (
    select run from ops.deployment
    where environment = $1 and ($2::text is null or run = $2)
    order by started_at desc limit $3
)
"""


class RowsJournal:
    """The events of one environment in ``ops.deployment_step``.

    ``ops.deployment`` has one row for each run, always the fold of its events.

    Args:
        target: the state database.
        environment: whose events.
        guard: what writes are fenced by, if a lease stands behind it; None: to read.
        seconds: that one call may take.
    """

    def __init__(
        self,
        target: DatabaseTarget,
        environment: str,
        guard: Guard | None = None,
        *,
        seconds: float = CALL_TIMEOUT,
    ) -> None:
        self._environment = environment
        self._guard = guard
        self._seconds = seconds
        self._connection = ReservedConnection(
            target, name="pm33-journal", connect_timeout=seconds
        )

    async def append(self, *events: Event) -> None:
        """Adds events, all of one run or none, and brings its summary up to date.

        Raises:
            JournalError: the database cannot be asked; what was to be written may be
                there or not, and writing it again does no harm.
            LeaseLostError: the lease is another's by now; nothing was written.
        """
        by_run: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_run[event.run].append(event)
        for run, new in by_run.items():
            known = await self.events(run)
            await self._write(new, RunState.of(merge(known, new)))

    async def events(
        self, run: str | None = None, *, runs: int = RUNS
    ) -> tuple[Event, ...]:
        """The events of a run, or of so many of the environment's newest runs.

        Raises:
            JournalError: the database cannot be asked.
        """
        async with state_call(self._connection, self._seconds) as connection:
            rows = await connection.fetch(_EVENTS, self._environment, run, runs)
        return merge(_read(dict(row) for row in rows))

    async def close(self) -> None:
        """Closes the connection; harmless when repeated."""
        await self._connection.close()

    async def _write(self, events: Iterable[Event], state: RunState) -> None:
        guard = self._guard
        fenced = guard is not None and guard.locked
        name = guard.name if guard else ""
        epoch = guard.epoch if guard else 0
        statement = _WRITE.format(fence=FENCE if fenced else _UNFENCED)
        steps = json.dumps([event.to_dict() for event in events])
        summary = _summary(state, self._environment)
        async with state_call(self._connection, self._seconds) as connection:
            held = await connection.fetchval(statement, name, epoch, steps, *summary)
        if not held:
            raise LeaseLostError(
                f"the lease {name} (epoch {epoch}) is another's, or has run out",
                remedy="see `pm33 deployments`; this process writes nothing more",
            )


def _summary(state: RunState, environment: str) -> tuple[Any, ...]:
    started: datetime | None = state.started_at
    status = (state.outcome or "ended") if state.ended else "running"
    return (
        *(state.run, environment, state.kind, state.platform, state.commit),
        *(state.previous_commit, state.deployment, status, state.verdict),
        *(json.dumps(state.plan), state.actor, state.reason, state.epoch),
        *(started, state.ended_at, FORMAT),
    )


def _read(rows: Iterable[dict[str, Any]]) -> Iterable[Event]:
    for row in rows:
        row["data"] = json.loads(row["data"])
        row["at"] = row["at"].isoformat()
        try:
            yield Event.from_dict(row)
        except ValueError:  # of a kind that a later release knows
            continue
