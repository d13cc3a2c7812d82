"""Work that outlives the request which asked for it, and where to ask for its end."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.responses import Response

from app.backend.api.admin.access import PREFIX, AdminCall
from app.backend.api.admin.documents import found, refusals
from app.backend.api.problems import problem
from app.backend.config.environment import Config
from app.backend.database.connection import ReservedConnection
from app.backend.monitoring.redaction import Redactor
from app.backend.operations.runner import OperationRunner, Work
from app.backend.operations.store import Operation, OperationStatus, OperationStore
from app.errors import ConfigError, JournalError

__all__ = ["OPERATION", "Operations", "operations_router"]

_NULLABLE_OBJECT = {"type": ["object", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_RECORDING = 0.5
"""Seconds that are left to record an end when the process stops."""
OPERATION = {
    "type": "object",
    "required": ["id", "kind", "status", "actor", "request", "created_at"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string", "enum": ["migration", "rollback"]},
        "status": {"type": "string", "enum": [one.value for one in OperationStatus]},
        "actor": {"type": "string"},
        "request": {"type": "object"},
        "result": _NULLABLE_OBJECT,
        "error": _NULLABLE_OBJECT,
        "created_at": _TIME,
        "updated_at": _TIME,
        "finished_at": _TIME | {"type": ["string", "null"]},
    },
}
"""JSON Schema of an operation."""


class Operations:
    """Begins operations in this process, and finds those of every process.

    Nothing is connected before the first one. May be used again after it was closed.

    Args:
        config: where the state database is.
        redactor: for whatever is stored.
    """

    def __init__(self, config: Config, redactor: Redactor) -> None:
        self._config = config
        self._redactor = redactor
        self._connection: ReservedConnection | None = None
        self._runner: OperationRunner | None = None

    async def accept(
        self,
        kind: str,
        work: Work,
        *,
        call: AdminCall,
        request: Mapping[str, Any],
        once: bool = False,
        ask: str = "",
    ) -> Response:
        """Begins, and answers 202 with the operation and where to find it.

        ``once`` and ``ask`` are those of
        :meth:`~app.backend.operations.runner.OperationRunner.start`.

        Raises:
            JournalError: it cannot be stored; nothing was begun.
        """
        if self._runner is None:
            redact = self._redactor.redact_value
            self._runner = OperationRunner(self._store(), redact=redact)
        operation = await self._runner.start(
            kind, work, actor=call.actor, request=request, once=once, ask=ask
        )
        call.target = f"{call.target} {operation.id}".strip()
        return JSONResponse(
            operation.to_dict(),
            status_code=HTTPStatus.ACCEPTED,
            headers={"location": f"{call.root}{PREFIX}/operations/{operation.id}"},
        )

    async def get(self, operation: str) -> Operation | None:
        """One operation; None when there is none.

        Raises:
            JournalError: the state database cannot be asked.
        """
        return await self._store().get(operation)

    async def close(self) -> None:
        """Waits for what runs, ends what is left, and lets go of the connection.

        All of it has to fit into ``PM33_CLOSE_TIMEOUT``. A release that rolls itself
        back is asked to go as soon as the other one serves, and ought to look at it.
        """
        if self._runner is not None:
            closing = self._config.server.close_timeout
            await self._runner.close(wait=max(0.0, closing - _RECORDING))
            self._runner = None
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _store(self) -> OperationStore:
        if self._connection is None:
            self._connection = self._connect()
        return OperationStore(self._connection)

    def _connect(self) -> ReservedConnection:
        from app.backend.deploy.leasing import state_target  # noqa: PLC0415 - seldom

        try:
            target = state_target(self._config)
        except ConfigError as error:
            raise JournalError(str(error), remedy=error.remedy) from error
        if target is None:
            raise JournalError(
                "operations are kept in the database, and none is configured",
                remedy="set PM33_STATE_DATABASE_URL or DATABASE_URL",
            )
        timeout = self._config.database.connect_timeout
        return ReservedConnection(
            target, name="pm33-operations", connect_timeout=timeout
        )


def operations_router(operations: Operations) -> APIRouter:
    """``/operations/{id}``."""
    router = APIRouter(prefix="/operations")
    refused = refusals(HTTPStatus.SERVICE_UNAVAILABLE)

    @router.get(
        "/{id}",
        name="operations.get",
        summary="How far an operation has come",
        response_class=JSONResponse,
        responses=found(OPERATION) | refused,
    )
    async def get(id: str) -> Response:  # noqa: A002 - the name in the path
        """`lost`: its process is gone, or silent for 30 s; its end is not known."""
        operation = await operations.get(id)
        if operation is None:
            return problem(
                HTTPStatus.NOT_FOUND,
                "there is no operation of that id",
                remedy="take the id from the Location header of the answer 202",
            )
        return JSONResponse(operation.to_dict())

    return router
