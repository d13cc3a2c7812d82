"""Operations in ``ops.operation``: what was asked for, and what has come of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.backend.database.connection import ReservedConnection
from app.backend.database.state_call import state_call
from app.backend.database.storable import storable

__all__ = ["Operation", "OperationStatus", "OperationStore"]

FORMAT = 1
SILENCE = timedelta(seconds=30)
"""An operation whose process has not been heard of for so long is lost."""


class OperationStatus(StrEnum):
    """How far an operation has come.

    ``INTERRUPTED``: the process was stopped in order, and the work with it. ``LOST``:
    how it has ended is not known. That is told from the silence of its process, and
    then not stored, so that one that was only paused still has the last word; or the
    process says so itself when it leaves behind what it cannot stop.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected."""
        return self is not OperationStatus.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work that was asked for over HTTP.

    Attributes:
        kind: what is done: ``rollback``, ``migration``.
        actor: who asked.
        request: what was asked for, without secrets.
        result: what came of it, once it has succeeded.
        error: the problem (RFC 9457's ``title``, ``status``, ``detail``, and
            ``remedy``), once it has failed.
    """

    id: str
    kind: str
    status: OperationStatus
    actor: str
    request: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        times = ("created_at", "updated_at", "finished_at")
        told = {name: getattr(self, name) for name in times}
        return asdict(self) | {
            name: at.isoformat() if at else None for name, at in told.items()
        }


_COLUMNS: Final = """
    id, kind, actor, request, result, error, created_at, updated_at, finished_at,
    case when status = 'running' and heartbeat_at < now() - $1::interval
         then 'lost' else status end as status
"""
_GET = f"select {_COLUMNS} from ops.operation where id = $2"  # noqa: S608 - constants
_RUNNING = f"""
    select {_COLUMNS} from ops.operation
    where kind = $2 and request = $3::jsonb and status = 'running'
        and heartbeat_at >= now() - $1::interval
    order by created_at limit 1
"""  # noqa: S608 - as above
_RECENT = f"""
    select {_COLUMNS} from ops.operation order by created_at desc limit $2
"""  # noqa: S608 - as above


class OperationStore:
    """Plain SQL over one reserved connection.

    Raises (every method):
        JournalError: the database cannot be asked within 5 s, or lacks the table.
    """

    def __init__(self, connection: ReservedConnection) -> None:
        self._connection = connection

    async def add(
        self, operation: str, kind: str, actor: str, request: Mapping[str, Any]
    ) -> None:
        """Stores a new one as running; harmless when repeated."""
        await self._execute(
            """
            insert into ops.operation (id, kind, status, actor, request, format)
            values ($1, $2, 'running', $3, $4::jsonb, $5) on conflict (id) do nothing
            """,
            *(operation, kind, actor, _dumped(request), FORMAT),
        )

    async def heartbeat(self, operation: str) -> None:
        """Says that its process lives."""
        await self._execute(
            """
            update ops.operation set heartbeat_at = now()
            where id = $1 and status = 'running'
            """,
            operation,
        )

    async def finish(
        self,
        operation: str,
        status: OperationStatus,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Stores its end; the first end stays."""
        await self._execute(
            """
            update ops.operation set status = $2, result = $3::jsonb,
                error = $4::jsonb, updated_at = now(), finished_at = now()
            where id = $1 and status = 'running'
            """,
            *(operation, status.value, _dumped(result), _dumped(error)),
        )

    async def get(self, operation: str) -> Operation | None:
        """One; None when there is none."""
        found = await self._fetch(_GET, operation)
        return found[0] if found else None

    async def running(self, kind: str, request: Mapping[str, Any]) -> Operation | None:
        """The one that does just this, in whatever process; None when none does."""
        found = await self._fetch(_RUNNING, kind, _dumped(request))
        return found[0] if found else None

    async def recent(self, limit: int = 20) -> tuple[Operation, ...]:
        """The newest first."""
        return await self._fetch(_RECENT, limit)

    async def _execute(self, statement: str, *values: object) -> None:
        async with state_call(self._connection) as connection:
            await connection.execute(statement, *values)

    async def _fetch(self, statement: str, *values: object) -> tuple[Operation, ...]:
        async with state_call(self._connection) as connection:
            rows = await connection.fetch(statement, SILENCE, *values)
        return tuple(_operation(dict(row)) for row in rows)


def _operation(row: dict[str, Any]) -> Operation:
    for name in ("request", "result", "error"):
        row[name] = json.loads(row[name]) if row[name] is not None else None
    return Operation(**row | {"status": OperationStatus(row["status"])})


def _dumped(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(storable(value))
