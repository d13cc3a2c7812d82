import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from app.backend.api.composition import Lifespan
from app.backend.api.edge import App, Message, Receive, Scope, Send
from tests.support.health import until


class Server:
    """Plays the server's part of the lifespan, and writes down what happens."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.last: Message = {}
        self.scope: Scope = {"type": "lifespan", "state": {}}
        self.stop = asyncio.Event()
        self._asked = 0

    async def receive(self) -> Message:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self.stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        self.last = message
        self.log.append(message["type"].removeprefix("lifespan."))

    @asynccontextmanager
    async def lives(self) -> AsyncIterator[dict[str, Any]]:
        self.log.append("ours up")
        try:
            yield {"pm33": "resources"}
        finally:
            self.log.append("ours down")

    def around(
        self, host: App | None, on_failed: Callable[[str], None] | None = None
    ) -> Lifespan:
        return Lifespan(
            unreachable,
            host,
            self.lives,
            on_started=lambda: self.log.append("started"),
            on_failed=on_failed,
        )

    async def run(self, lifespan: Lifespan) -> None:
        """From start to stop."""
        task = asyncio.create_task(lifespan(self.scope, self.receive, self.send))
        await until(lambda: task.done() or "startup.complete" in self.log)
        self.stop.set()
        await task


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(scope)


def host_of(log: list[str], *, start: str = "", stop: str = "") -> FastAPI:
    """A real application whose lifespan fails with the given words."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        if start:
            raise RuntimeError(start)
        log.append("host up")
        yield {"theirs": "state"}
        log.append("host down")
        if stop:
            raise RuntimeError(stop)

    return FastAPI(lifespan=lifespan)


UP = ["ours up", "started", "startup.complete"]
DOWN = ["ours down", "shutdown.complete"]


async def test_without_a_host_our_own_lifespan_runs() -> None:
    server = Server()
    await server.run(server.around(None))

    assert server.log == [*UP, *DOWN]


async def test_ours_starts_before_the_host_and_stops_after_it() -> None:
    server = Server()
    await server.run(server.around(host_of(server.log)))

    assert server.log == [
        *("ours up", "host up", "started", "startup.complete"),
        *("host down", "ours down", "shutdown.complete"),
    ]


async def test_both_states_reach_the_requests() -> None:
    server = Server()
    await server.run(server.around(host_of(server.log)))

    assert server.scope["state"] == {"pm33": "resources", "theirs": "state"}


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("path")


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    return None


@pytest.mark.parametrize("host", [raises, returns])
async def test_a_host_that_knows_no_lifespan_is_served_all_the_same(host: App) -> None:
    server = Server()
    failures: list[str] = []
    await server.run(server.around(host, failures.append))

    assert server.log == [*UP, *DOWN]
    assert failures == []


async def test_a_host_that_cannot_start_stops_a_process_that_is_the_users() -> None:
    server = Server()
    await server.run(server.around(host_of(server.log, start="canary")))

    assert server.log == ["ours up", "ours down", "startup.failed"]
    assert "canary" in server.last["message"]


async def test_a_host_that_cannot_start_leaves_a_process_that_is_ours_alive() -> None:
    server = Server()
    failures: list[str] = []
    host = host_of(server.log, start="canary")
    await server.run(server.around(host, failures.append))

    assert server.log == [*UP, *DOWN]
    [reason] = failures
    assert "canary" in reason


async def test_a_host_that_fails_to_stop_tells_the_server_why() -> None:
    server = Server()
    await server.run(server.around(host_of(server.log, stop="canary")))

    assert server.log[-2:] == ["ours down", "shutdown.failed"]
    assert "canary" in server.last["message"]


async def test_a_host_that_breaks_without_a_word_does_not_keep_ours_from_stopping() -> (
    None
):
    async def host(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise KeyError("canary")

    server = Server()
    with pytest.raises(KeyError, match="canary"):
        await server.run(server.around(host))

    assert server.log[-1] == "ours down"


@pytest.mark.parametrize("with_host", [True, False])
async def test_a_cancelled_lifespan_takes_ours_down(*, with_host: bool) -> None:
    server = Server()
    host = host_of(server.log) if with_host else None
    lifespan = server.around(host)
    task = asyncio.create_task(lifespan(server.scope, server.receive, server.send))
    await until(lambda: "startup.complete" in server.log)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert server.log[-1] == "ours down"


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_all_but_the_lifespan_passes_through(kind: str) -> None:
    server = Server()
    with pytest.raises(AssertionError, match=kind):
        await server.around(None)({"type": kind}, server.receive, server.send)
