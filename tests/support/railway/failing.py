"""Answers of Railway's, and what is made of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from app.backend.deploy.platforms.railway.failures import Call, Failure, Reply, outcome
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind

__all__ = ["NOW", "TOKEN", "call", "error", "failed", "reply"]

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TOKEN = Credentials(SecretStr("canary-token"), TokenKind.PROJECT, "RAILWAY_TOKEN")


def call(
    *, changes: bool = False, partial: bool = False, credentials: Credentials = TOKEN
) -> Call:
    """An operation: a deploy, or a look at one."""
    return Call(
        operation="Deploy" if changes else "Deployment",
        changes=changes,
        credentials=credentials,
        hide=lambda text: text.replace("canary", "[hidden]"),
        partial=partial,
    )


def reply(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """An answer with this body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=headers or {}, body=raw)


def error(message: str, data: Any = None, **extensions: str) -> dict[str, Any]:
    """A body with one error."""
    return {"data": data, "errors": [{"message": message, "extensions": extensions}]}


def failed(given: Reply, asked: Call | None = None) -> Failure:
    """What is wrong with an answer; something has to be."""
    found = outcome(given, asked or call(), now=NOW)
    assert isinstance(found, Failure)
    return found
