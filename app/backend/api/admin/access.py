"""Who may call ``/api/admin``, and the line that every call leaves in the log."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.backend.api.problems import problem
from app.backend.api.tokens import Access, TokenCheck
from app.backend.monitoring.observability import get_logger

__all__ = ["PREFIX", "AdminCall", "AdminGate", "call_of"]

PREFIX = "/api/admin"

_ACTOR = "admin-token"
_NOBODY = "anonymous"
_KEY = "pm33_admin_call"
_log = get_logger("pm33.admin")


@dataclass(slots=True)
class AdminCall:
    """One call, as the log will tell it.

    Attributes:
        actor: who asked, as far as the credentials tell.
        target: what it was about; a route says so where its path does not.
    """

    actor: str
    target: str = ""


def call_of(request: Request) -> AdminCall:
    """The call that a route is answering."""
    call: AdminCall = request.scope["state"][_KEY]
    return call


class AdminGate:
    """Pure ASGI: lets those with ``PM33_ADMIN_TOKEN`` through, before anything is read.

    Without a token set there is nothing: every path and method answers 404. A missing
    or wrong one is answered with 401 (RFC 6750). Other paths pass untouched.
    """

    def __init__(self, app: App, *, tokens: TokenCheck) -> None:
        self._app = app
        self._tokens = tokens
        admin = tokens.admin
        self._open = admin is not None and bool(admin.get_secret_value().strip())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http" or not _is_admin(scope["path"]):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope).get("authorization"))
        call = AdminCall(_NOBODY if refusal else _ACTOR)
        scope.setdefault("state", {})[_KEY] = call
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await (refusal or self._app)(scope, receive, send_on)
        finally:
            _write(scope, call, status)

    def _refusal(self, authorization: str | None) -> Response | None:
        if not self._open:
            return problem(HTTPStatus.NOT_FOUND, "there is nothing here")
        access = self._tokens.access(authorization)
        if access is Access.ADMIN:
            return None
        # RFC 6750 §3: no error code where no token was sent.
        wrong = access is not Access.NONE
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "the token is not accepted" if wrong else "a token is needed",
            remedy="send Authorization: Bearer with PM33_ADMIN_TOKEN's value",
            headers={
                "www-authenticate": 'Bearer error="invalid_token"'
                if wrong
                else "Bearer"
            },
        )


def _is_admin(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _write(scope: Scope, call: AdminCall, status: int) -> None:
    """The action is the route's name, or what was asked where there is none."""
    named = getattr(scope.get("route"), "name", None)
    asked = f"{scope['method']} {scope['path'][:200]}"
    parameters: dict[str, Any] = scope.get("path_params") or {}
    target = call.target or " ".join(map(str, parameters.values()))
    client = scope.get("client")
    _log.log(
        logging.INFO if status < HTTPStatus.BAD_REQUEST else logging.WARNING,
        "admin call",
        actor=call.actor,
        action=named or asked,
        target=target[:200],
        outcome=_outcome(status),
        status=status,
        client=client[0] if client else None,
    )


def _outcome(status: int) -> str:
    if status == HTTPStatus.ACCEPTED:
        return "accepted"
    if status < HTTPStatus.BAD_REQUEST:
        return "done"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
