"""What OpenAPI says of the admin routes beside their bodies."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Security
from fastapi.security import HTTPBearer

from app.backend.api.problems import PROBLEM_TYPE

__all__ = ["TOKEN", "Answers", "accepted", "found", "refusals"]

Answers = dict[int | str, dict[str, Any]]

TOKEN = Security(
    HTTPBearer(auto_error=False, description="The value of `PM33_ADMIN_TOKEN`.")
)
"""Documents the token; :mod:`app.backend.api.admin.access` asks for it."""

_PROBLEM = {
    PROBLEM_TYPE: {
        "schema": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "remedy": {"type": "string", "description": "what to do about it"},
            },
        }
    }
}
_MEANINGS = {
    HTTPStatus.UNAUTHORIZED: "no token, or a wrong one",
    HTTPStatus.NOT_FOUND: "there is no such thing, or PM33_ADMIN_TOKEN is not set",
    HTTPStatus.CONFLICT: "it cannot be done as things stand; nothing was begun",
    HTTPStatus.UNPROCESSABLE_ENTITY: "the request has values that cannot be used",
    HTTPStatus.SERVICE_UNAVAILABLE: "the database or the platform cannot be asked",
}


def refusals(*more: HTTPStatus) -> Answers:
    """The problems that a route may answer with."""
    every = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, *more)
    return {
        int(status): {"description": _MEANINGS[status], "content": _PROBLEM}
        for status in every
    }


def found(schema: Mapping[str, Any]) -> Answers:
    """A good answer with a body of this schema."""
    return {200: {"content": {"application/json": {"schema": dict(schema)}}}}


def accepted(schema: Mapping[str, Any]) -> Answers:
    """Work has begun; its operation is the body, and where to ask for it the header."""
    location = {"description": "of the operation", "schema": {"type": "string"}}
    return {
        202: {
            "description": "begun; ask the operation what comes of it",
            "headers": {"Location": location},
            "content": {"application/json": {"schema": dict(schema)}},
        }
    }
