"""What has been deployed, over HTTP."""

import asyncio
import importlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from starlette.responses import Response

from app.backend.api.admin.documents import found, refusals
from app.backend.config.environment import Config
from app.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from app.backend.deploy.overview import Overview
    from app.backend.deploy.platforms.base import Platform

__all__ = ["deployments_router"]

_NULLABLE_OBJECT = {"type": ["object", "null"]}
_KNOWN = {"deployment": _NULLABLE_OBJECT, "run": _NULLABLE_OBJECT}
_ENTRY = {
    "type": "object",
    "required": ["deployment", "run"],
    "properties": _KNOWN,
}
_STORY = {
    "type": "object",
    "required": ["deployment", "run", "serves"],
    "properties": {**_KNOWN, "serves": _NULLABLE_OBJECT},
}
_OVERVIEW = {
    "type": "object",
    "required": ["environment", "entries", "notes"],
    "properties": {
        "environment": {"type": "string"},
        "entries": {"type": "array", "items": _ENTRY},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
_MOST = 100


def deployments_router(config: Config) -> APIRouter:
    """``/deployments`` and ``/deployments/{id}``."""
    router = APIRouter(prefix="/deployments")
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE

    @router.get(
        "",
        name="deployments.list",
        summary="Deployments of this environment, the newest first",
        response_class=JSONResponse,
        responses=found(_OVERVIEW)
        | refusals(HTTPStatus.UNPROCESSABLE_ENTITY, unavailable),
    )
    async def list_(
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 20,
    ) -> Response:
        """The platform's word, and the runs of the journals; `notes` say what lacks."""
        return JSONResponse((await _overview(config, limit)).to_dict())

    @router.get(
        "/{id}",
        name="deployments.get",
        summary="One deployment",
        response_class=JSONResponse,
        responses=found(_STORY) | refusals(unavailable),
    )
    async def get(id: str) -> Response:  # noqa: A002 - the name in the path
        """By the id of a run, by the platform's id, or by a commit; however old.

        The run tells what its own report told: cause, evidence, where it went back to.
        """
        overview = await _overview(config, _MOST, named=id)
        return JSONResponse(overview.story(id))

    return router


async def _overview(config: Config, limit: int, named: str | None = None) -> "Overview":
    """What can be known from here.

    Raises:
        PlatformError: neither the platform nor a journal tells anything.
    """
    # Imported in a thread: the event loop answers probes meanwhile.
    await asyncio.to_thread(importlib.import_module, "app.backend.deploy.opening")
    from app.backend.deploy.opening import open_platform  # noqa: PLC0415 - as above
    from app.backend.deploy.overview import look  # noqa: PLC0415 - as above

    async def ask(platform: "Platform | None") -> "Overview":
        return await look(
            config, config.environment, platform, limit=limit, named=named
        )

    try:
        platform = open_platform(config, config.environment)
        try:
            overview = await ask(platform)
        finally:
            await platform.close()
    except (ConfigError, TargetError) as error:
        return (await ask(None)).noting(error)
    if overview.trouble is not None and not overview.runs:
        raise overview.trouble
    return overview
