"""Where jobs say that they have run: ``POST /api/health/heartbeats/{name}``."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import SecretStr
from starlette.responses import Response

from app.backend.api.problems import PROBLEM_TYPE, problem
from app.backend.api.tokens import bears
from app.backend.health.heartbeats import Heartbeat

__all__ = ["heartbeats_router"]

_PATH: Final = "/api/health/heartbeats/{name}"
_LONGEST_SENDER: Final = 200
_TOKEN = Security(
    HTTPBearer(auto_error=False, description="The value of `PM33_HEARTBEAT_TOKEN`.")
)
_TIME: Final = {"type": "string", "format": "date-time"}
_BEAT: Final = {
    "type": "object",
    "required": ["name", "beaten_at", "next_expected_at", "overdue_at"],
    "properties": {
        "name": {"type": "string"},
        "beaten_at": _TIME,
        "next_expected_at": _TIME,
        "overdue_at": _TIME,
    },
}
_PROBLEM: Final = {PROBLEM_TYPE: {"schema": {"type": "object"}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "stored",
        "content": {"application/json": {"schema": _BEAT}},
    },
    401: {"description": "no token, or a wrong one", "content": _PROBLEM},
    404: {"description": "no heartbeat of that name", "content": _PROBLEM},
    503: {"description": "it could not be stored; repeat it", "content": _PROBLEM},
}


def heartbeats_router(
    heartbeats: Mapping[str, Heartbeat], token: SecretStr | None
) -> APIRouter:
    """The route; without a token set there is none, and all is answered with 404."""
    router = APIRouter(tags=["heartbeats"], dependencies=[_TOKEN])
    if token is None or not token.get_secret_value().strip():
        return router

    async def beat(
        request: Request,
        name: str,
        sender: Annotated[
            str, Query(description="who says so; cut after 200 characters")
        ] = "",
    ) -> Response:
        """Says that a job has run, and is answered with when it has to say so again."""
        refused = _refusal(token, request.headers.get("authorization"))
        if refused is not None:
            return refused
        heartbeat = heartbeats.get(name)
        if heartbeat is None:
            return problem(
                HTTPStatus.NOT_FOUND,
                "there is no heartbeat of that name",
                remedy='declare it with type = "heartbeat" in HEALTH_CHECKS_FILE; it '
                "takes no beats while HEALTH_<NAME>_ENABLED=false",
            )
        beaten_at = await heartbeat.beat(sender[:_LONGEST_SENDER])
        expected = beaten_at + timedelta(seconds=heartbeat.every)
        overdue = expected + timedelta(seconds=heartbeat.grace)
        return JSONResponse(
            {
                "name": name,
                "beaten_at": beaten_at.isoformat(),
                "next_expected_at": expected.isoformat(),
                "overdue_at": overdue.isoformat(),
            }
        )

    router.add_api_route(
        _PATH,
        beat,
        methods=["POST"],
        name="health_heartbeat",
        summary="A job has run",
        response_class=JSONResponse,
        responses=_ANSWERS,
    )
    router.add_api_route(f"{_PATH}/", beat, methods=["POST"], include_in_schema=False)
    return router


def _refusal(token: SecretStr, authorization: str | None) -> Response | None:
    if authorization is not None and bears(authorization, token):
        return None
    # RFC 6750 §3: no error code where no token was sent.
    wrong = authorization is not None
    return problem(
        HTTPStatus.UNAUTHORIZED,
        "the token is not accepted" if wrong else "a token is needed",
        remedy="send Authorization: Bearer with PM33_HEARTBEAT_TOKEN's value",
        headers={
            "www-authenticate": 'Bearer error="invalid_token"' if wrong else "Bearer"
        },
    )
