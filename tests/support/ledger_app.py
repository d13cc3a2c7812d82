"""An ASGI application that writes down every POST before it answers.

Runs as it is under ``pm33 serve`` (``PM33_MOUNT=tests.support.ledger_app:app``), or by
itself, with this one file and uvicorn, on ``PM33_SOCKET``, else on ``PORT``. ``LEDGER``
names the file that each POST's body is appended to; ``LEDGER_RELEASE``, or else the
deployment's id, is who it says it is, in each answer's ``x-release``.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

__all__ = ["app", "main"]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_NAMES = ("LEDGER_RELEASE", "PM33_DEPLOYMENT_ID", "RAILWAY_DEPLOYMENT_ID")
# Railway's edge uses idle connections for 60 s; uvicorn would close them after 5 s.
_KEPT = 75
# So that at any moment something is in flight.
_WORK = 0.005
_BETWEEN_PIECES = 0.05


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers anything; ``/stream?seconds=10`` takes that long, and ends in ``end``."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["type"] != "http":
        return
    release = next(os.environ[name] for name in _NAMES if os.environ.get(name))
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"x-release", release.encode())],
    }
    body = await _read(receive)
    if scope["method"] == "POST":
        _write_down(body)
        await asyncio.sleep(_WORK)
    await send(start)
    if scope["path"] == "/stream":
        query = parse_qs(scope["query_string"].decode())
        await _stream(send, float(query["seconds"][0]))
    else:
        await send({"type": "http.response.body", "body": body or b"ok"})


async def _stream(send: Send, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await send({"type": "http.response.body", "body": b".", "more_body": True})
        await asyncio.sleep(_BETWEEN_PIECES)
    await send({"type": "http.response.body", "body": b"end"})


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _write_down(body: bytes) -> None:
    """One write of a short line: whole, however many processes append."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    ledger = os.open(os.environ["LEDGER"], flags, 0o600)
    try:
        os.write(ledger, body + b"\n")
    finally:
        os.close(ledger)


def main() -> None:
    """Serves until SIGTERM, and then what is in flight."""
    import uvicorn  # noqa: PLC0415 - not needed under pm33 serve

    socket = os.environ.get("PM33_SOCKET")
    uvicorn.run(
        app,
        uds=socket,
        port=int(os.environ.get("PORT", "0")),
        timeout_keep_alive=_KEPT if socket is None else 5,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
