"""The hot path: health answered from bytes, in front of everything else.

Pure ASGI, so that no middleware, host check, redirect, limiter or route stands between
a probe and its answer. Nothing is computed here but the age.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.backend.health.board import Board

__all__ = ["Edge"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD"})


class Edge:
    """Answers health paths from the board; passes everything else on.

    A query string or an ``Authorization`` header asks for more than the bytes hold:
    such a request goes on to the routes, which have the same writers.

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
        """The ASGI interface; one coroutine and no helper, for each costs a tenth."""
        if scope["type"] == "http" and not scope["query_string"]:
            path, method = scope["path"], scope["method"]
            pair = self._board.pages.get(path)
            if pair is not None and method in _METHODS:
                for name, _ in scope["headers"]:
                    if name == b"authorization":
                        break
                else:
                    now = time.monotonic()
                    page = pair.fresh if now < pair.stale_at else pair.stale
                    key = (path, page.status)
                    self.answered[key] = self.answered.get(key, 0) + 1
                    # New each time: what wraps us may change them.
                    age = (b"x-health-age", b"%.1f" % (now - pair.oldest))
                    start = {
                        "type": "http.response.start",
                        "status": page.status,
                        "headers": [*page.headers, age],
                    }
                    await send(start)
                    body = page.body if method == "GET" else b""
                    await send({"type": "http.response.body", "body": body})
                    return
        await self._app(scope, receive, send)
