"""A rollback over HTTP: begun here, and followed as an operation."""

import asyncio
import importlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.backend.api.admin.access import call_of
from app.backend.api.admin.documents import accepted, refusals
from app.backend.api.admin.operations import OPERATION, Operations
from app.backend.config.environment import Config
from app.backend.monitoring.observability import get_logger
from app.errors import ConfigError, JournalError, OpsError, PreflightError

__all__ = ["RollbackBody", "rollbacks_router"]

_ELSEWHERE = (
    "roll back from a checkout, which needs no database:"
    " python3 scripts/rollback.py --reason emergency"
)
# This process belongs to the release that goes: three looks have to fit in before the
# platform ends it, ``overlapSeconds`` after the switch.
_HOLD = 1.0
_log = get_logger("pm33.admin")


class RollbackBody(BaseModel):
    """What is to come back; the same words as the command line's."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, Field(min_length=1, max_length=500)] = "user_initiated"
    target: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="A run, a deployment or a commit; last known good by default."
    )
    strategy: Literal["immediate", "graceful"] | None = None
    restore_variables: bool | None = None
    allow_rebuild: bool = False


def rollbacks_router(config: Config, operations: Operations) -> APIRouter:
    """``/rollbacks``."""
    router = APIRouter(prefix="/rollbacks")

    @router.post(
        "",
        name="rollbacks.create",
        summary="Bring an earlier deployment back",
        response_class=JSONResponse,
        status_code=HTTPStatus.ACCEPTED,
        responses=accepted(OPERATION)
        | refusals(
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    async def create(request: Request, body: RollbackBody | None = None) -> Response:
        """Of the environment that this service runs in.

        Asked again while it runs, it answers with the operation that is under way.
        """
        wanted = body or RollbackBody()
        call = call_of(request)
        call.target = f"{config.environment} {wanted.target or 'last known good'}"
        await _refuse_unable(config)

        async def work(operation: str) -> Mapping[str, Any]:
            actor = f"{call.actor} ({operation})"
            return await _roll_back(config, wanted, actor)

        try:
            return await operations.accept(
                "rollback", work, call=call, request=wanted.model_dump(), once=True
            )
        except JournalError as error:
            remedy = f"{error.remedy}; or {_ELSEWHERE}"
            raise JournalError(str(error), remedy=remedy) from error

    return router


async def _refuse_unable(config: Config) -> None:
    """A service has no token of its platform unless somebody has given it one.

    Raises:
        PreflightError: it cannot be done from here.
    """
    # Imported in a thread: the event loop answers probes meanwhile.
    await asyncio.to_thread(importlib.import_module, "app.backend.deploy.opening")
    from app.backend.deploy.opening import open_platform  # noqa: PLC0415 - as above
    from app.backend.deploy.planning.target import choose_platform  # noqa: PLC0415 - as above

    deployment = config.deployment
    token = deployment.railway_token or deployment.railway_api_token
    if choose_platform(config, config.environment).value == "railway" and not token:
        raise PreflightError(
            "this service has no token of Railway, so it cannot roll itself back",
            remedy=f"{_ELSEWHERE}; or give the service a RAILWAY_TOKEN",
        )
    try:
        platform = open_platform(config, config.environment)
    except ConfigError as error:
        raise PreflightError(str(error), remedy=error.remedy) from error
    await platform.close()


async def _roll_back(
    config: Config, wanted: RollbackBody, actor: str
) -> Mapping[str, Any]:
    await asyncio.to_thread(importlib.import_module, "app.backend.deploy.rollback")
    from app.backend.deploy.opening import open_tools  # noqa: PLC0415 - as above
    from app.backend.deploy.request import (  # noqa: PLC0415 - as above
        RollbackRequest,
        Strategy,
        Variables,
    )
    from app.backend.deploy.rollback import roll_back  # noqa: PLC0415 - as above

    chosen: dict[str, Any] = {}
    if wanted.strategy is not None:
        chosen["strategy"] = Strategy(wanted.strategy)
    if wanted.restore_variables is not None:
        restored = wanted.restore_variables
        chosen["variables"] = Variables.TARGET if restored else Variables.CURRENT
    request = RollbackRequest(
        environment=config.environment,
        actor=actor,
        target=wanted.target,
        reason=wanted.reason,
        allow_rebuild=wanted.allow_rebuild,
        gate_hold=_HOLD,
        **chosen,
    )
    async with open_tools(config, config.environment, say=_log.info) as tools:
        report = await roll_back(request, tools)
    if report.exit_code != 0:
        said = f"{report.ending.meaning}: {report.cause}".removesuffix(": ")
        raise OpsError(f"{report.run}: {said}", remedy=report.next_command)
    return report.to_dict()
