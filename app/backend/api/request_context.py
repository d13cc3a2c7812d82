"""Gives each request an id, logs how it ended, and answers for what went wrong.

A pure ASGI layer behind the observer: it sees requests of users and no probe, and
streams pass through it unbuffered.
"""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect
from structlog.contextvars import bound_contextvars

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.backend.api.problems import problem
from app.backend.health.identity import Identity
from app.backend.monitoring.observability import get_logger

__all__ = ["RequestContext"]

_HEADER = b"x-request-id"
_SOURCES = (_HEADER, b"x-railway-request-id")
_DEPLOYMENT = b"x-pm33-deployment"
_REPLICA = b"x-pm33-replica"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_UNPRINTABLE = re.compile(r"[^!-~]")
_LONGEST_PATH = 512
_SERVER_ERROR = 500

_log = get_logger("pm33.request")


class RequestContext:
    """Wraps an application.

    The id is the client's ``x-request-id``, else Railway's ``x-railway-request-id``,
    when it has 1 to 128 letters, digits, dots, colons, underscores or hyphens; else it
    is a new one. It is in every log line of the request and in the response.

    An exception is logged with its traceback. If nothing was sent yet, the client gets
    a 500 with the request's id (RFC 9457). It is raised again only when the response
    is left half sent, so that the server breaks the connection instead of making it
    look complete.

    Args:
        app: what is wrapped.
        quiet: says of a path whether it is polled so often that a good answer is not
            worth a line.
        leaving: whether every answer has to say ``Connection: close``, because the
            process stops and its server does not say so.
        identify: tells which deployment and replica answer; in every response as
            ``x-pm33-deployment`` and ``x-pm33-replica``, whatever the application
            says there. None: they are left out.
    """

    def __init__(
        self,
        app: App,
        *,
        quiet: Callable[[str], bool] = lambda _path: False,
        leaving: Callable[[], bool] = lambda: False,
        identify: Callable[[], Identity] | None = None,
    ) -> None:
        self._app = app
        self._quiet = quiet
        self._leaving = leaving
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface; anything but HTTP passes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        with bound_contextvars(request_id=request_id):
            exchange = _Exchange(
                scope, receive, send, request_id, self._leaving, self._identify
            )
            quiet = self._quiet(scope["path"])
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except asyncio.CancelledError:
                exchange.log(logging.WARNING, "request cancelled")
                raise
            except Exception as error:  # noqa: BLE001 - the boundary of the application
                await exchange.fail(error)
            else:
                exchange.end(quiet=quiet)


class _Exchange:
    """One request and how far its response has come."""

    __slots__ = (
        "_identify",
        "_leaving",
        "_receive",
        "_request_id",
        "_scope",
        "_send",
        "_started",
        "disconnected",
        "finished",
        "status",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request_id: str,
        leaving: Callable[[], bool],
        identify: Callable[[], Identity] | None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._leaving = leaving
        self._identify = identify
        self._started = time.perf_counter()
        self.status: int | None = None
        self.finished = False
        self.disconnected = False

    async def receive(self) -> Message:
        """Passes a message on, noting that the client went away too early."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self.finished:
            self.disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """Passes a message on, with the request's id in the response's head."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            own = dict(self._own_headers())
            others = (h for h in message.get("headers", ()) if h[0].lower() not in own)
            message = {**message, "headers": [*others, *own.items()]}
        try:
            await self._send(message)
        except OSError:
            self.disconnected = True
            raise
        if kind == "http.response.pathsend" or (
            kind == "http.response.body" and not message.get("more_body", False)
        ):
            self.finished = True

    def _own_headers(self) -> Iterator[tuple[bytes, bytes]]:
        yield _HEADER, self._request_id.encode()
        if self._identify is not None:
            identity = self._identify()
            yield _DEPLOYMENT, _header_value(identity.deployment_id)
            yield _REPLICA, _header_value(identity.replica_id)
        # Later versions have no such header (RFC 9113 §8.2.2).
        if self._leaving() and self._scope["http_version"].startswith("1"):
            yield b"connection", b"close"

    def end(self, *, quiet: bool) -> None:
        """Logs a request whose application returned."""
        if self.finished or self.disconnected:
            failed = (self.status or 0) >= _SERVER_ERROR
            good = logging.DEBUG if quiet else logging.INFO
            level = logging.WARNING if failed and not quiet else good
            self.log(level, "request finished")
        else:
            self.log(logging.WARNING, "the application left the response unfinished")

    async def fail(self, error: Exception) -> None:
        """Logs a request whose application raised, and answers where it did not.

        Raises:
            Exception: the error itself, when the response is left half sent.
        """
        if self.disconnected and isinstance(error, OSError | ClientDisconnect):
            self.log(logging.INFO, "request finished")
            return
        unanswered = self.status is None
        status = self.status or _SERVER_ERROR
        self.log(logging.ERROR, "request failed", status=status, exc_info=error)
        if unanswered:
            with suppress(OSError):  # the client did not wait for it
                await self._answer()
        elif not self.finished:
            raise error

    async def _answer(self) -> None:
        response = problem(
            _SERVER_ERROR,
            "the request could not be served",
            remedy="try again later; if it stays, report the request_id",
            request_id=self._request_id,
        )
        await response(self._scope, self.receive, self.send)

    def log(self, level: int, event: str, **fields: Any) -> None:
        """Writes the request's one line; the path has no query string."""
        if self.disconnected:
            fields["client_disconnected"] = True
        milliseconds = (time.perf_counter() - self._started) * 1000
        path = self._scope["path"]
        if len(path) > _LONGEST_PATH:
            # The mark tells the redactor that half a secret may stand before it.
            path = f"{path[: _LONGEST_PATH - 1]}…"
        known = {
            "method": self._scope["method"],
            "path": path,
            "status": self.status,
            "duration_ms": round(milliseconds, 3),
        }
        _log.log(level, event, **(known | fields))


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    found = {name: value for name, value in headers if name in _SOURCES}
    for source in _SOURCES:
        value = found.get(source, b"")
        if _ACCEPTABLE.fullmatch(value):
            return value.decode()
    return uuid.uuid4().hex


def _header_value(name: str) -> bytes:
    """A header has visible ASCII only (RFC 9110 §5.5); names come from variables."""
    return _UNPRINTABLE.sub("_", name).encode()
