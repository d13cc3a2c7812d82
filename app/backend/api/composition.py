"""How our routes and the user's application become one ASGI application."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette._utils import get_route_path

from app.backend.api.edge import App, Message, Receive, Scope, Send
from app.errors import RouteTakenError

__all__ = [
    "OWNED",
    "Dispatcher",
    "Lifespan",
    "is_owned",
    "refuse_taken_routes",
]

OWNED = (
    *("/api/admin", "/api/health", "/api/hooks/railway", "/api/version"),
    "/metrics",
)
"""Paths that belong to PM33 Ops, with everything below them."""

_log = logging.getLogger("pm33.main")

Lives = Callable[[], AbstractAsyncContextManager[Any]]
Failed = Callable[[str], None]


def refuse_taken_routes(host: object) -> None:
    """Looks for our paths among the host application's routes, where it tells them.

    A route that matches every path takes none of ours: the dispatcher comes first.

    Raises:
        RouteTakenError: the host serves one of them already.
    """
    for path in _paths(getattr(host, "routes", None) or ()):
        if is_owned(path):
            raise RouteTakenError(
                f"the application already serves {path}",
                remedy="move that route; PM33 Ops answers "
                f"{', '.join(OWNED)} and everything below",
            )


def is_owned(path: str) -> bool:
    """Whether a path is ours."""
    return path in OWNED or path.startswith(_PREFIXES)


_PREFIXES = tuple(f"{path}/" for path in OWNED)


def _paths(routes: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """Every path, with those of included routers and of mounted applications."""
    # FastAPI keeps an included router as it is; only this tells its whole paths.
    for route in iter_route_contexts([*routes]):
        path = prefix + (route.path if isinstance(route.path, str) else "")
        yield path
        yield from _paths(getattr(route, "routes", None) or (), path)


class Dispatcher:
    """Sends our paths to our routes and everything else to the host.

    Attributes:
        host: may be replaced while it serves.
    """

    def __init__(self, own: App, host: App) -> None:
        self._own = own
        self.host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        # As the router will see it: mounted below a prefix, the path still has that.
        if scope["type"] == "http" and is_owned(get_route_path(scope)):
            await self._own(scope, receive, send)
        else:
            await self.host(scope, receive, send)


class Lifespan:
    """Ours around the host's: starts before it, stops after it.

    Args:
        app: answers everything but the lifespan.
        host: whose lifespan runs inside; None where there is none.
        lives: our own, entered before the host starts and left after it has stopped.
        on_started: called when both have started.
        on_failed: takes the reason for which the host did not start, and lets the
            process live without it; None: the server is told, as it would be anyway.
    """

    def __init__(
        self,
        app: App,
        host: App | None,
        lives: Lives,
        *,
        on_started: Callable[[], None],
        on_failed: Failed | None = None,
    ) -> None:
        self._app = app
        self._host = host
        self._lives = lives
        self._on_started = on_started
        self._on_failed = on_failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        startup = await receive()
        async with self._lives() as state:
            scope.setdefault("state", {}).update(state)
            relay = _Relay(startup, receive, send, self._on_started)
            if self._host is not None:
                await self._run_host(self._host, scope, relay)
            if not relay.failed:
                await relay.until_shutdown()
        await relay.say_goodbye()

    async def _run_host(self, host: App, scope: Scope, relay: "_Relay") -> None:
        """Runs the host's lifespan to its end.

        An exception before it started, without a word of why, means that it does not
        know the protocol; the ASGI specification has servers go on without it then.
        """
        try:
            await host(scope, relay.receive, relay.send)
        except Exception:  # the host may raise anything
            # One that failed to stop has said why; Starlette raises it as well.
            if relay.started and not relay.host_is_done:
                raise
            if relay.reason is None and not relay.started:
                _log.warning(
                    "the application's lifespan raised; going on without it",
                    exc_info=True,
                )
        if relay.reason is not None and self._on_failed is not None:
            self._on_failed(relay.reason)
        elif relay.reason is not None:
            relay.fail()


class _Relay:
    """Stands between the server and the host's lifespan, and answers in its place."""

    def __init__(
        self,
        startup: Message,
        receive: Receive,
        send: Send,
        on_started: Callable[[], None],
    ) -> None:
        self._startup: Message | None = startup
        self._receive = receive
        self._send = send
        self._on_started = on_started
        self._over = False
        self._goodbye: Message = {"type": "lifespan.shutdown.complete"}
        self.started = False
        self.failed = False
        self.host_is_done = False
        self.reason: str | None = None

    async def receive(self) -> Message:
        """The host's side: the start-up message again, then what the server says."""
        if self._startup is not None:
            message, self._startup = self._startup, None
            return message
        message = await self._receive()
        self._over = True
        return message

    async def send(self, message: Message) -> None:
        """The host's side; our own stop comes before its goodbye goes out."""
        match message["type"]:
            case "lifespan.startup.complete":
                await self._start()
            case "lifespan.startup.failed":
                self.reason = message.get("message", "")
            case _:
                self.host_is_done = True
                self._goodbye = message

    async def until_shutdown(self) -> None:
        """Waits for the server's word to stop, unless the host has heard it."""
        await self._start()
        if not self._over:
            await self._receive()

    def fail(self) -> None:
        """Hands the host's failure on to the server."""
        self.failed = True
        self._goodbye = {
            "type": "lifespan.startup.failed",
            "message": self.reason or "",
        }

    async def say_goodbye(self) -> None:
        """The last word to the server."""
        await self._send(self._goodbye)

    async def _start(self) -> None:
        if not self.started:
            self.started = True
            self._on_started()
            await self._send({"type": "lifespan.startup.complete"})
