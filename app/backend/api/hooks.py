"""Where Railway reports what has happened: ``POST /api/hooks/railway/{secret}``."""

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.backend.api.hook_reading import HookReader
from app.backend.api.problems import PROBLEM_TYPE, problem
from app.backend.api.tokens import is_secret
from app.backend.config.environment import Config
from app.backend.operations.hook_events import HookEvent

__all__ = ["HookBodyError", "event_of", "hooks_router"]

MOST_BYTES: Final = 65_536
"""A body of Railway's has about 1 kB."""

# A secret may hold slashes: those of base64 do.
_PATH: Final = "/api/hooks/railway/{secret:path}"
_LATER: Final = "30"
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PROBLEM: Final = {PROBLEM_TYPE: {"schema": {"type": "object"}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "taken; how things are is read from Railway itself"},
    404: {"description": "no such secret", "content": _PROBLEM},
    413: {"description": "more than 64 KiB", "content": _PROBLEM},
    422: {"description": "not what Railway sends", "content": _PROBLEM},
    503: {"description": "too many wait; deliver it again", "content": _PROBLEM},
}


class HookBodyError(ValueError):
    """A body is none of a webhook's; the message has nothing of it."""


def hooks_router(config: Config, reader: HookReader) -> APIRouter:
    """The route; none without a secret, or without a token to read the state with."""
    router = APIRouter(tags=["hooks"])
    secret, deployment = config.security.railway_hook_secret, config.deployment
    tokens = (deployment.railway_token, deployment.railway_api_token)
    if secret is None or not _is_set(secret) or not any(map(_is_set, tokens)):
        return router
    expected = secret

    async def take(request: Request, secret: str) -> Response:
        """Says that something has happened; what has, is read from Railway itself."""
        if not is_secret(secret, expected):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        body = await _body(request)
        if body is None:
            return problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a webhook has at most {MOST_BYTES} bytes",
            )
        try:
            event = event_of(body)
        except HookBodyError as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        if not reader.take(event):
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many webhooks wait to be read",
                headers={"retry-after": _LATER},
            )
        return Response(status_code=HTTPStatus.NO_CONTENT)

    router.add_api_route(
        _PATH,
        take,
        methods=["POST"],
        name="railway_hook",
        summary="Something has happened at Railway",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=_ANSWERS,
    )
    return router


def event_of(body: bytes) -> HookEvent:
    """What identifies a webhook (docs.railway.com, "Webhooks").

    Raises:
        HookBodyError: it has no type or no time.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise HookBodyError("the body is no JSON") from None
    kind, at = _at(told, "type"), _at(told, "timestamp")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise HookBodyError("the body has no type such as Deployment.failed")
    named = _at(told, "resource", "deployment", "id") or _at(told, "details", "id")
    about = named if isinstance(named, str) and _ID.fullmatch(named) else ""
    return HookEvent(kind, about, _moment(at))


def _moment(told: Any) -> datetime:
    try:
        at = datetime.fromisoformat(told)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        raise HookBodyError("the body has no timestamp") from None


def _at(told: Any, *names: str) -> Any:
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    return told


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value().strip())


async def _body(request: Request) -> bytes | None:
    """The whole body; None: it is too long, and was not read to its end."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            return None
    return bytes(found)
