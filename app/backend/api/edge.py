"""The hot path: health answered from bytes, in front of everything else.

Pure ASGI, so that no middleware, host check, redirect, limiter or route stands between
a probe and its answer. Nothing is computed here but the age.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from app.backend.api.negotiation import LONGEST, PLAIN, preferred
from app.backend.health.board import Board
from app.backend.health.pages import Page
from app.backend.health.writers.formats import NATIVE

__all__ = ["Edge"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_METHODS = frozenset({"GET", "HEAD"})
_TELLING = frozenset({b"accept", b"authorization"})


class Edge:
    """Answers health paths from the board; passes everything else on.

    A query string, an ``Authorization`` header, or an ``Accept`` header that prefers
    another format asks for more than the bytes hold: such a request goes on to the
    routes, which have the same writers.

    A server may ask :meth:`instant` before it makes an ASGI call of a request. Either
    way the page, its age and the count come from the same lines.

    Args:
        app: what stands behind.
        board: whose pages are served.

    Attributes:
        answered: how many answers each path has had, by path and status code.
    """

    def __init__(self, app: App, board: Board) -> None:
        self._app = app
        self._board = board
        self.answered: dict[tuple[str, int], int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if (
            scope["type"] == "http"
            and not scope["query_string"]
            and scope["method"] in _METHODS
        ):
            found = self._find(scope["path"], scope["headers"])
            if found is not None:
                page, age = found
                # New each time: what wraps us may change them.
                start = {
                    "type": "http.response.start",
                    "status": page.status,
                    "headers": [*page.headers, (b"x-health-age", b"%.1f" % age)],
                }
                await send(start)
                body = page.body if scope["method"] == "GET" else b""
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)

    def instant(self, target: bytes, headers: Headers) -> tuple[bytes, bytes] | None:
        """Answers a GET for a server that asks before it calls the application.

        Args:
            target: as it stands in the request line; a query or an escape in it makes
                it none of ours.
            headers: the request's, names in lower case.

        Returns:
            Status line and headers without the empty line, and the body; None: call
            the application.
        """
        found = self._find(target.decode("latin-1"), headers)
        if found is None:
            return None
        page, age = found
        return b"%bx-health-age: %.1f\r\n" % (page.head, age), page.body

    def _find(self, path: str, headers: Headers) -> tuple[Page, float] | None:
        """The page that answers now, and its age in seconds; counts it as given."""
        pair = self._board.pages.get(path)
        if pair is None:
            return None
        accepts = None
        for name, value in headers:
            if name in _TELLING:
                if name == b"authorization":
                    return None
                accepts = value if accepts is None else _joined(accepts, value)
        if accepts is not None and accepts not in PLAIN and _prefers_another(accepts):
            return None
        now = time.monotonic()
        page = pair.fresh if now < pair.stale_at else pair.stale
        key = (path, page.status)
        self.answered[key] = self.answered.get(key, 0) + 1
        return page, now - pair.oldest


def _joined(accepts: bytes, another: bytes) -> bytes:
    """Several headers as one (RFC 9110 §5.3), as far as anybody reads it."""
    return b"%b,%b" % (accepts[:LONGEST], another)


def _prefers_another(accept: bytes) -> bool:
    return preferred(accept.decode("latin-1")) is not NATIVE
