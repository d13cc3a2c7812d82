"""Errors as RFC 9457 ``application/problem+json``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.errors import OpsError

__all__ = ["PROBLEM_TYPE", "ProblemResponse", "add_handlers", "problem"]

PROBLEM_TYPE = "application/problem+json"


class ProblemResponse(JSONResponse):
    """A problem document; never cached."""

    media_type = PROBLEM_TYPE


def problem(
    status: int,
    detail: str,
    *,
    title: str | None = None,
    remedy: str = "",
    headers: dict[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    """Builds the document; ``remedy`` and ``members`` are extension members."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if remedy:
        body["remedy"] = remedy
    return ProblemResponse(
        body | members,
        status_code=status,
        headers={"cache-control": "no-store"} | (headers or {}),
    )


def add_handlers(app: FastAPI) -> None:
    """Renders every error of our own routes as a problem."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(OpsError, _on_ops_error)
    app.add_exception_handler(Exception, _on_bug)


async def _on_http_error(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    return problem(error.status_code, str(error.detail), headers=headers)


async def _on_invalid(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    for one in found:
        if one["type"] == "json_invalid":
            return _no_json(one)
    # Where and why, but not the value: it may be a secret in the wrong place.
    errors = [
        {"at": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
        for one in found
    ]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the request has values that cannot be used",
        remedy="correct the values that `errors` names, and send it again",
        errors=errors,
    )


def _no_json(found: Mapping[str, Any]) -> ProblemResponse:
    why = (found.get("ctx") or {}).get("error") or found["msg"]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"the body is no JSON: {why}, at character {found['loc'][-1]}",
        remedy="send one JSON object",
    )


async def _on_bug(_request: Request, _error: Exception) -> ProblemResponse:
    """Starlette raises the error again behind the answer, so that it gets logged."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the request could not be served",
        remedy="try again later; if it stays, see the log",
    )


async def _on_ops_error(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, OpsError):
        raise error
    return problem(
        error.http_status, str(error), title=error.title, remedy=error.remedy
    )
