"""An application as users have them, beside which PM33 Ops is put; loaded by its name.

What it does is written to the file that ``HOST_LEDGER`` names, one line each, before
the answer: a request that was executed twice, or executed and then lost, shows there.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from app.backend.main import OpsApplication, install

__all__ = ["app", "build", "failing", "installed", "taking"]

installed: OpsApplication
"""``app`` with PM33 Ops around it, built when it is first asked for."""

_PIECE = 0.05


def record(line: str) -> None:
    """Appends a line to the ledger."""
    with Path(os.environ["HOST_LEDGER"]).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def build(*, starts: bool = True) -> FastAPI:
    """The application; one that does not start raises in its lifespan."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        if not starts:
            raise RuntimeError("the warehouse is closed")
        record(f"started {os.getpid()}")
        yield {"warehouse": "open"}
        record(f"stopped {os.getpid()}")

    host = FastAPI(lifespan=lifespan)
    host.add_api_route("/orders", _order, methods=["POST"])
    host.add_api_route("/jobs", _job, methods=["POST"])
    host.add_api_route("/slow", _slow)
    host.add_api_route("/stream", _stream)
    host.add_api_route("/state", _state)
    host.add_api_websocket_route("/chat", _chat)
    host.add_exception_handler(404, _not_found)
    return host


async def _order(request: Request) -> PlainTextResponse:
    body = (await request.body()).decode()
    record(body)
    return PlainTextResponse(body)


async def _job(request: Request, seconds: float, jobs: BackgroundTasks) -> None:
    jobs.add_task(_work, (await request.body()).decode(), seconds)


async def _work(name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    record(f"worked on {name}")


async def _slow(seconds: float) -> PlainTextResponse:
    record("began slow")
    await asyncio.sleep(seconds)
    return PlainTextResponse("slow")


async def _stream(seconds: float) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        record("began stream")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            yield "."
            await asyncio.sleep(_PIECE)
        yield "end"

    return StreamingResponse(pieces())


async def _state(request: Request) -> dict[str, str]:
    return {
        "pid": str(os.getpid()),
        "shared": type(request.state.pm33).__name__,
        "warehouse": request.state.warehouse,
    }


async def _chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"page": "unknown"}, status_code=404)


async def _own_metrics() -> str:
    return "the application's own"


app, failing, taking = build(), build(starts=False), build()
taking.add_api_route("/metrics", _own_metrics)


def __getattr__(name: str) -> OpsApplication:
    if name != "installed":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return install(app)
