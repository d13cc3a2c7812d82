"""One process that times single calls: the service's edge and the bare application.

Usage: ``python -m bench._calls CHECKS SECONDS``; prints one JSON object of microseconds
a call. No socket and no server: what is left is our own part of an answer.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import uvloop

from app.backend.config.environment import read_config
from app.backend.main import OpsApplication, create_app
from bench.peers.bare_asgi import BareApp, Message
from bench.peers.many_checks import names

__all__: list[str] = []

PATHS = ("/api/health", "/api/health/detailed")
UNKNOWN = '"status":"unknown"'
BATCH = 200
START_DEADLINE = 60.0

App = Callable[..., Any]


def _scope(path: str) -> Message:
    """A request as uvicorn describes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 40000),
        "scheme": "http",
        "root_path": "",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"application/json")],
        "state": {},
    }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    """Takes an answer and drops it."""


async def _batch(app: App, scope: Message) -> float:
    """Microseconds a call, over one batch."""
    began = time.perf_counter()
    for _ in range(BATCH):
        await app(scope, _receive, _send)
    return (time.perf_counter() - began) / BATCH * 1e6


@asynccontextmanager
async def _alive(app: OpsApplication) -> AsyncIterator[None]:
    """Runs the lifespan around the block, as a server does."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.create_task(
        app({"type": "lifespan", "state": {}}, inbox.get, outbox.put)
    )
    try:
        await inbox.put({"type": "lifespan.startup"})
        async with asyncio.timeout(START_DEADLINE):
            await outbox.get()
            # No event tells of a first result; the edge is looked at as by a probe.
            while UNKNOWN in await _body(app, PATHS[1]):  # noqa: ASYNC110 - above
                await asyncio.sleep(0.05)
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        async with asyncio.timeout(START_DEADLINE):
            await task


async def _body(app: App, path: str) -> str:
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(_scope(path), _receive, keep)
    body: bytes = sent[1]["body"]
    return body.decode()


async def _main(checks: int, seconds: float) -> dict[str, Any]:
    config = read_config(
        {"ENVIRONMENT": "production", "HEALTH_EXTRA_CHECKS": names(checks)}
    )
    service = create_app(config, chain_signals=False)
    async with _alive(service):
        rows: dict[str, list[float]] = {}
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            for path in PATHS:
                bare = BareApp((await _body(service, path)).encode())
                for name, app in (("bare", bare), ("edge", service)):
                    took = await _batch(app, _scope(path))
                    rows.setdefault(f"{name} {path}", []).append(took)
            # The service's own loops get their turn between batches, not inside.
            await asyncio.sleep(0.001)
        registered = len(service.health.registry)
    return {
        "checks": registered,
        "calls": {
            name: {"best": min(took), "median": median(took)}
            for name, took in rows.items()
        },
    }


if __name__ == "__main__":
    _checks, _seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(_main(int(_checks), float(_seconds)))))
