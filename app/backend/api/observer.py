"""Counts what the application answers: requests, 5xx, latency, for each route.

Stands directly behind the edge, so it sees what users see and no probe. The pipeline's
watch reads the counters; they tell releases apart by their labels.
"""

import time
from bisect import bisect_left
from typing import Final

from app.backend.api.edge import App, Message, Receive, Scope, Send

__all__ = ["BUCKETS", "Observer", "RouteCounter"]

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds; the last bucket has none."""
MOST_GROUPS: Final = 500
"""Route groups that are told apart; more would be paths, not routes."""
OTHER: Final = "other"


class RouteCounter:
    """What one group of routes has answered.

    Attributes:
        classes: answers by the first digit of their status code.
        buckets: answers by latency, one count for each of ``BUCKETS`` and one beyond.
        seconds: the sum of their latencies.
    """

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * 6
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def add(self, code: int, seconds: float) -> None:
        """Counts one answer."""
        self.classes[min(code // 100, 5)] += 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


class _Watched:
    """One request's ``send``, remembering the status code and the end."""

    __slots__ = ("code", "ended", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.code = 0
        self.ended = 0.0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
        await self.send(message)
        # Background tasks go on inside the application after this.
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended = time.perf_counter()


class Observer:
    """A pure ASGI counter.

    Latency is measured to the end of the response. An exception that leaves the
    application counts as 500: the client gets that, or half an answer. A client that
    went away before an answer is counted nowhere.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.routes: dict[str, RouteCounter] = {}
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        watched, outside = _Watched(send), scope.get("root_path", "")
        self.in_flight += 1
        try:
            await self._app(scope, receive, watched)
        except Exception:  # counted, and raised again
            watched.code = 500
            raise
        finally:
            self.in_flight -= 1
            if watched.code:
                ended = watched.ended or time.perf_counter()
                self._counter(_group(scope, outside)).add(watched.code, ended - started)

    def _counter(self, group: str) -> RouteCounter:
        counter = self.routes.get(group)
        if counter is None:
            if len(self.routes) >= MOST_GROUPS:
                group = OTHER
            counter = self.routes.setdefault(group, RouteCounter())
        return counter


def _group(scope: Scope, outside: str) -> str:
    """The matched route's whole path, as it was declared.

    Starlette and FastAPI leave the route in the scope, without the prefixes of mounts
    (in ``root_path``) and of included routers (in FastAPI's part of the scope). Paths
    are no substitute: there is no end to them.
    """
    route = scope.get("route")
    included = scope.get("fastapi", {}).get("effective_route_context")
    whole = included if getattr(included, "original_route", None) is route else None
    path = getattr(whole, "path_format", None) or getattr(route, "path", None)
    mounts = scope.get("root_path", "").removeprefix(outside)
    return f"{mounts}{path}" if path else OTHER
