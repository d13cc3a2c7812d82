"""Who may call ``/api/admin``, and the line that every call leaves in the log."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.backend.api.problems import problem
from app.backend.api.tokens import Access, TokenCheck
from app.backend.monitoring.observability import get_logger

__all__ = ["PREFIX", "AdminCall", "AdminGate", "admission", "call_of"]

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
        root: what our paths stand below, where the service is mounted.
    """

    actor: str
    target: str = ""
    root: str = ""


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http" or not _is_admin(get_route_path(scope)):
            await self._app(scope, receive, send)
            return
        refused = _refusal(self._tokens, Headers(scope=scope).get("authorization"))
        actor = _NOBODY if refused else _ACTOR
        call = AdminCall(actor, root=scope.get("root_path", ""))
        scope.setdefault("state", {})[_KEY] = call
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            answer = _answer(refused) if refused else self._app
            await answer(scope, receive, send_on)
        finally:
            _write(scope, call, status)


def admission(tokens: TokenCheck) -> Callable[[Request], Awaitable[None]]:
    """A dependency of the routes, so that whatever leads to one of them asks again.

    Raises (the dependency):
        HTTPException: there is no token, or a wrong one, or none is set.
    """

    async def admit(request: Request) -> None:
        refused = _refusal(tokens, request.headers.get("authorization"))
        if refused is not None:
            raise refused

    return admit


def _refusal(tokens: TokenCheck, authorization: str | None) -> HTTPException | None:
    admin = tokens.admin
    if admin is None or not admin.get_secret_value().strip():
        return HTTPException(HTTPStatus.NOT_FOUND, "there is nothing here")
    access = tokens.access(authorization)
    if access is Access.ADMIN:
        return None
    # RFC 6750 §3: no error code where no token was sent.
    wrong = access is not Access.NONE
    return HTTPException(
        HTTPStatus.UNAUTHORIZED,
        "the token is not accepted" if wrong else "a token is needed",
        {"www-authenticate": 'Bearer error="invalid_token"' if wrong else "Bearer"},
    )


def _answer(refused: HTTPException) -> App:
    known = refused.status_code != HTTPStatus.NOT_FOUND
    return problem(
        refused.status_code,
        refused.detail,
        remedy="send Authorization: Bearer with PM33_ADMIN_TOKEN's value"
        if known
        else "",
        headers=dict(refused.headers or {}),
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
        status=int(status),
        client=client[0] if client else None,
    )


def _outcome(status: int) -> str:
    if status == HTTPStatus.ACCEPTED:
        return "accepted"
    if status < HTTPStatus.BAD_REQUEST:
        return "done"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
