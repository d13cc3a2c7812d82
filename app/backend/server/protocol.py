"""One HTTP connection: uvicorn's protocol, with a deadline for the request's head.

uvicorn has a timeout between requests and none inside a head, so that a head which
never ends holds its connection for ever. Plain probes are answered here as well.
"""

import asyncio
import inspect
import json
import select
from http import HTTPStatus
from typing import ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.backend.server.instant import ServingState, plain_answer

__all__ = ["HeaderDeadlineProtocol", "describe_request"]

_HOOKS = "/api/hooks/railway/"


class HeaderDeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete in time.

    The clock starts with the connection for the first request, and with its first
    byte for a later one; it stands still while an earlier request is being answered.
    A late head is answered with 408 (RFC 9110 §15.5.9); a connection that never sent
    a byte is closed without a word. A head that arrives in one segment on a
    kept-alive connection starts no clock at all.

    A request with a :func:`~app.backend.server.instant.plain_answer` gets it as soon
    as its head is complete; it leaves no cycle and no task.

    Attributes:
        header_timeout: seconds until a head has to be complete.
        server_state: what it shares with its server.
    """

    server_state: ServingState
    header_timeout: ClassVar[float] = 10.0
    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(  # type: ignore[override]  # as uvicorn declares it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        # A dual-stack socket sees IPv4 peers as ::ffff:a.b.c.d, which no list of
        # trusted proxies would match.
        if self.client is not None:
            self.client = (self.client[0].removeprefix("::ffff:"), self.client[1])
        if self.server is not None:
            self.server = (self.server[0].removeprefix("::ffff:"), self.server[1])
        self._watch_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        scope = self.scope
        if scope is None:
            return
        if "method" not in scope:
            self._watch_head()
            return
        if self._head_timer is not None:
            self._forget_head()
        if self.cycle is None or self.cycle.response_complete:
            self._rest()

    @override
    def on_headers_complete(self) -> None:
        state = self.server_state
        answer = plain_answer(self, state)
        if answer is None:
            super().on_headers_complete()
            if state.leaving:
                self.announce_close()
            return
        # Says that the head is complete, as it does for every other request.
        self.scope["method"] = "GET"
        if self._head_timer is not None:
            # The next head may be arriving already, and has its whole time.
            self._forget_head()
        state.total_requests += 1
        self.transport.write(answer)

    @override
    def on_message_complete(self) -> None:
        # Before the first cycle only plain probes end.
        if self.cycle is not None:
            super().on_message_complete()

    def announce_close(self) -> None:
        """Makes a response that has not begun say ``Connection: close``.

        One that has begun is left alone: its connection would end without warning,
        and the client's next request could meet the end.
        """
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def close_if_idle(self, moment: float) -> None:
        """Closes the connection if no request is being answered or arriving.

        Args:
            moment: seconds for which it must have been idle already; a client that
                was answered a moment ago is likely to be sending its next request.
        """
        # Both timers run on an idle connection only.
        if self.scope is None:
            timer, span = self._head_timer, self.header_timeout
        else:
            timer, span = self.timeout_keep_alive_task, float(self.timeout_keep_alive)
        if timer is None or self.transport.is_closing():
            return
        idle = span - (timer.when() - self.loop.time())
        if idle < moment:
            return
        # What has arrived since the loop looked last is a request, too.
        poller = select.poll()
        poller.register(self.transport.get_extra_info("socket"), select.POLLIN)
        if not poller.poll(0):
            self.transport.close()

    def give_up(self) -> None:
        """Closes the connection; a request without any answer gets 503 (RFC 9110)."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_started and not self.pipeline:
            cycle.disconnected = True
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
        self.transport.close()

    def _watch_head(self) -> None:
        """Runs the clock of an incomplete head, unless a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            # Reading may be paused until then. Set here, where it is needed: an
            # override would cost every request.
            self.cycle.on_response = self._on_answered
            self._forget_head()
        elif self._head_timer is None:
            # A half-received head is not an idle connection.
            self._unset_keepalive_if_required()
            self._head_timer = self.loop.call_later(
                self.header_timeout, self._on_late_head
            )

    def _on_answered(self) -> None:
        self.on_response_complete()
        if "method" not in self.scope:
            self._watch_head()

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_late_head(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self.scope is not None:
            self._answer(HTTPStatus.REQUEST_TIMEOUT)
        self.transport.close()

    def _rest(self) -> None:
        """Restarts the keep-alive timeout that bytes outside any request ended.

        An empty line, or the rest of a body whose request is answered already, would
        leave the connection open for ever; so would a plain probe. After an upgrade the
        connection belongs to another protocol.
        """
        if self in self.connections and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _answer(self, status: HTTPStatus) -> None:
        problem = {"type": "about:blank", "title": status.phrase, "status": status}
        body = json.dumps(problem).encode()
        headers = {
            **dict(self.server_state.default_headers),
            b"content-type": b"application/problem+json",
            b"content-length": b"%d" % len(body),
            b"cache-control": b"no-store",
            b"connection": b"close",
        }
        lines = [b"%s: %s\r\n" % header for header in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))


def describe_request(task: asyncio.Task[None]) -> dict[str, str]:
    """What a task of uvicorn's works on, for one log line.

    Args:
        task: an unfinished one of ``ServerState.tasks``.

    Returns:
        ``kind`` (``request``, or ``background task`` once its response is complete),
        ``method``, and ``path`` without its query and without a webhook's secret.
    """
    # The task set says nothing of its tasks, but each runs a method of its request;
    # reading it here costs the requests nothing.
    coroutine = task.get_coro()
    cycle = inspect.getcoroutinelocals(coroutine)["self"]  # type: ignore[arg-type]  # uvicorn starts coroutines only
    answered, scope = getattr(cycle, "response_complete", False), cycle.scope
    return {
        "kind": "background task" if answered else "request",
        "method": scope.get("method", scope["type"]),
        "path": _shown(scope["path"], scope["raw_path"]),
    }


def _shown(path: str, raw: bytes) -> str:
    """As it was sent; the last part of a webhook's is a secret.

    That can be sent in many ways, of which a redactor knows some.
    """
    hidden = path.startswith(_HOOKS)
    return f"{_HOOKS}[redacted]" if hidden else raw.decode("ascii", "replace")
