"""The schema over HTTP: where it stands, and bringing it to where it is needed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.backend.api.admin.access import PREFIX, call_of
from app.backend.api.admin.documents import accepted, found, refusals
from app.backend.api.admin.operations import OPERATION, Operations
from app.backend.api.problems import problem
from app.backend.config.environment import Config
from app.errors import ConfigError, MigrationError, OpsError

if TYPE_CHECKING:
    from app.backend.database.schema_state import SchemaState

__all__ = ["MigrationRun", "migrations_router"]

_STATE = {
    "type": "object",
    "required": ["position", "needed", "applied"],
    "properties": {
        "position": {
            "type": "string",
            "enum": ["current", "behind", "ahead", "incompatible"],
        },
        "needed": {"type": "string"},
        "applied": {"type": "array", "items": {"type": "string"}},
        "app": {
            "type": "object",
            "description": "The same for the application's own revisions.",
        },
    },
}


class MigrationRun(BaseModel):
    """Which revisions are to be applied."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phase: Literal["expand"] = Field(
        "expand", description="Contract revisions run by explicit command only."
    )


def migrations_router(config: Config, operations: Operations) -> APIRouter:
    """``/migrations`` and ``/migrations/runs``."""
    router = APIRouter(prefix="/migrations")
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE

    @router.get(
        "",
        name="migrations.get",
        summary="Where the schema stands, seen from this release",
        response_class=JSONResponse,
        responses=found(_STATE) | refusals(unavailable),
    )
    async def get() -> Response:
        """`ahead` is fine: an older release lives with an expanded schema."""
        try:
            return JSONResponse((await _state(config)).to_dict())
        except (ConfigError, MigrationError) as error:
            return _unavailable(error)

    @router.post(
        "/runs",
        name="migrations.run",
        summary="Apply what is missing",
        response_class=JSONResponse,
        status_code=HTTPStatus.ACCEPTED,
        responses=accepted(OPERATION)
        | refusals(HTTPStatus.UNPROCESSABLE_ENTITY, unavailable),
    )
    async def run(request: Request, body: MigrationRun | None = None) -> Response:
        """The same as `pm33 migrate up`: what is applied already is left alone."""
        phase = (body or MigrationRun()).phase
        call = call_of(request)
        call.target = phase

        async def work(_operation: str) -> Mapping[str, Any]:
            return (await _upgrade(config, phase)).to_dict()

        return await operations.accept(
            "migration",
            work,
            call=call,
            request={"phase": phase},
            ask=f"GET {call.root}{PREFIX}/migrations says where the schema stands",
        )

    return router


async def _state(config: Config) -> "SchemaState":
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - seldom

    target = migration_manager.migration_target(config)
    sources = migration_manager.sources_of(config)
    return await migration_manager.schema_state(target, sources)


async def _upgrade(config: Config, phase: str) -> "SchemaState":
    # Alembic is imported, and the revisions are run, in a thread of the manager's.
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - seldom

    target = migration_manager.migration_target(config)
    sources = migration_manager.sources_of(config)
    return await migration_manager.upgrade(target, f"{phase}@head", sources=sources)


def _unavailable(error: OpsError) -> Response:
    """That the database cannot be asked is no fault of this service."""
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        str(error),
        title=error.title,
        remedy=error.remedy,
    )
