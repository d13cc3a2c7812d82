"""A small ASGI application under the real server; run as a module, by the tests.

What it did is written to a ledger, one line each, before the response: a request that
was executed twice, or executed and then lost, shows there.
"""

import asyncio
import json
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from typing_extensions import override

from app.backend.config.environment import get_config
from app.backend.server import serve
from app.errors import OpsError

__all__ = ["Application", "main"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Application:
    """Routes by path; ``?seconds=`` says how long a route takes, once it has begun.

    Args:
        ledger: the file that every executed step is appended to.
        lifespan: ``normal``; ``slow-start`` never starts, ``no-start`` fails to,
            ``slow-end`` never ends, ``stray`` leaves a task behind.
    """

    def __init__(self, ledger: Path, lifespan: str) -> None:
        self._ledger = ledger
        self._lifespan = lifespan
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        query = parse_qs(scope["query_string"].decode())
        seconds = float(query.get("seconds", ["0"])[0])
        body = await _read(receive)
        if seconds:
            self.record(f"began {scope['path']}")
        match scope["path"]:
            case "/ledger":
                self.record(body.decode())
                await _answer(send, body)
            case path if path == "/slow" or path.startswith("/api/hooks/"):
                await asyncio.sleep(seconds)
                await _answer(send, b"slow")
            case "/blocking":
                time.sleep(seconds)  # noqa: ASYNC251 - blocking the loop is its duty
                await _answer(send, b"blocking")
            case "/stream":
                await self._stream(send, seconds)
            case "/background":
                await _answer(send, body)
                await asyncio.sleep(seconds)
                self.record(f"background {body.decode()}")
            case "/thread":
                threading.Thread(target=time.sleep, args=(seconds,)).start()
                await _answer(send, b"started")
            case "/client":
                shown = {"client": scope["client"][0], "scheme": scope["scheme"]}
                await _answer(send, json.dumps(shown).encode())
            case _:
                await _answer(send, b"ok")

    def instant(
        self, target: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes] | None:
        """Answers ``/instant`` in the server; the application's answer is ``ok``."""
        del headers
        if target != b"/instant":
            return None
        return b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n", b"instant"

    def record(self, line: str) -> None:
        """Appends one line to the ledger."""
        with self._ledger.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    async def _stream(self, send: Send, seconds: float) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            piece = {"type": "http.response.body", "body": b".", "more_body": True}
            await send(piece)
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"end"})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.record("starting")
        if self._lifespan == "slow-start":
            await asyncio.sleep(3600)
        if self._lifespan == "no-start":
            await send({"type": "lifespan.startup.failed", "message": "no"})
            return
        if self._lifespan == "stray":
            self._tasks.append(asyncio.create_task(_stray()))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._lifespan == "slow-end":
            await asyncio.sleep(3600)
        self.record("closed")
        await send({"type": "lifespan.shutdown.complete"})


async def _stray() -> None:
    await asyncio.sleep(3600)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


class _JsonLines(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        event = {"logger": record.name, "message": record.getMessage(), **extra}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event)


def main(ledger: str, lifespan: str) -> int:
    """Serves the application as the environment says; returns the exit code."""
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[stream])
    application = Application(Path(ledger), lifespan)
    try:
        return serve(
            application,
            config=get_config(),
            on_drain=lambda: application.record("draining"),
            instant=application.instant,
        )
    except OpsError as error:
        sys.stdout.write(f"{error}; {error.remedy}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
