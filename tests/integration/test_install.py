import asyncio
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from app.backend.api.edge import App, Message
from app.backend.config.environment import read_config
from app.backend.main import install
from app.errors import DuplicateCheckError, RouteTakenError
from tests.support.host_app import build
from tests.support.http import DEADLINE, connect
from tests.support.processes import eventually, start
from tests.support.service import Service, until

INSTALLED = "tests.support.host_app:installed"
RUNNING = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@asynccontextmanager
async def under_uvicorn(
    folder: Path, *arguments: str, **variables: object
) -> AsyncIterator[Service]:
    """Plain uvicorn, as it is started by its own command, once it lives."""
    env = {"HOST_LEDGER": folder / "ledger", "PM33_HOME": folder, **variables}
    command = ["-m", "uvicorn", *arguments, "--port", "0"]
    with start(
        command,
        output=folder / "output",
        env={name: str(value) for name, value in env.items()},
    ) as child:
        told = await eventually(lambda: RUNNING.search(child.output()))
        assert told is not None
        port = int(told[1])
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            limits=limits,
            timeout=DEADLINE,
            trust_env=False,
        ) as http:
            service = Service(child, port, http)
            await until(lambda: passed(service))
            yield service


async def passed(service: Service) -> bool:
    """Whether the gate is open; before its workers are up nobody listens."""
    try:
        return (await service.get("/api/health/startup")).status_code == 200
    except httpx.ConnectError:
        return False


def ledger(folder: Path) -> list[str]:
    file = folder / "ledger"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def pids(folder: Path, word: str) -> set[int]:
    lines = (line.split() for line in ledger(folder))
    return {int(words[1]) for words in lines if words[0] == word}


async def test_each_worker_runs_both_lifespans_and_has_its_own_snapshot(
    tmp_path: Path,
) -> None:
    async with under_uvicorn(tmp_path, INSTALLED, "--workers", "2") as service:
        replicas: set[str] = set()
        workers: set[str] = set()

        async def both_seen() -> bool:
            # At once, so that one worker alone cannot take them all.
            answers = await asyncio.gather(
                *(service.json("/api/health") for _ in range(8)),
                *(service.json("/state") for _ in range(8)),
            )
            replicas.update(one["replica_id"] for one in answers[:8])
            workers.update(one["pid"] for one in answers[8:])
            assert {one["stage"] for one in answers[:8]} <= {"starting", "serving"}
            assert {one["shared"] for one in answers[8:]} == {"Resources"}
            return len(replicas) == len(workers) == 2

        await until(both_seen)
        assert {int(replica.rpartition("-")[2]) for replica in replicas} == pids(
            tmp_path, "started"
        )
        assert set(map(int, workers)) == pids(tmp_path, "started")

        service.child.signal(signal.SIGTERM)
        assert await service.child.exit_code() == 0
        assert pids(tmp_path, "stopped") == pids(tmp_path, "started")


async def post_until_told_to_leave(port: int, client: str) -> list[str]:
    done: list[str] = []
    async with connect(port) as connection:
        while True:
            name = f"{client}-{len(done)}"
            response = await connection.request("POST", "/orders", name.encode())
            assert (response.status, response.body) == (200, name.encode())
            done.append(name)
            if response.closes:
                return done


@pytest.mark.parametrize(
    ("workers", "clients"), [(2, 6), pytest.param(1, 32, marks=pytest.mark.full)]
)
async def test_sigterm_under_load_fails_no_request(
    tmp_path: Path, workers: int, clients: int
) -> None:
    command = [INSTALLED, "--workers", str(workers)]
    async with under_uvicorn(tmp_path, *command, PM33_LAME_DUCK=3) as service:
        processes = [psutil.Process(service.child.pid)]
        processes += processes[0].children(recursive=True)
        async with connect(service.port) as streaming:
            stream = asyncio.create_task(
                streaming.request("GET", "/stream?seconds=5", headers={})
            )
            load = [
                asyncio.create_task(post_until_told_to_leave(service.port, str(number)))
                for number in range(clients)
            ]
            await eventually(lambda: len(ledger(tmp_path)) > 10 * clients)

            service.child.signal(signal.SIGTERM)
            posted = [name for names in await asyncio.gather(*load) for name in names]
            streamed = await stream

        # uvicorn lets a signal end the process once it has drained.
        assert await service.child.exit_code() == (
            0 if workers > 1 else -signal.SIGTERM
        )
        assert streamed.body.endswith(b"end")
        orders = Counter(line for line in ledger(tmp_path) if "-" in line)
        assert orders == Counter(posted)
        await eventually(lambda: not any(one.is_running() for one in processes))


@pytest.mark.parametrize("target", [INSTALLED, "app.backend.main:app"])
async def test_a_lame_duck_says_so_under_a_foreign_server(
    tmp_path: Path, target: str
) -> None:
    async with under_uvicorn(tmp_path, target, PM33_LAME_DUCK=30) as service:
        service.child.signal(signal.SIGTERM)

        await service.answers("/api/health/ready", 503)
        ready = await service.get("/api/health/ready")
        assert (ready.status_code, ready.headers["connection"]) == (503, "close")
        other = await service.get("/api/version")
        assert (other.status_code, other.headers["connection"]) == (200, "close")
        assert (await service.get("/api/health/live")).status_code == 200

        service.child.signal(signal.SIGTERM)
        assert await service.child.exit_code() == -signal.SIGTERM


async def test_what_the_host_answers_is_untouched(tmp_path: Path) -> None:
    async with under_uvicorn(tmp_path, INSTALLED) as service:
        missing = await service.get("/nothing")
        assert (missing.status_code, missing.json()) == (404, {"page": "unknown"})
        assert (await service.get("/orders")).status_code == 405
        posted = await service.http.post("/orders", content="tea")
        assert (posted.status_code, posted.text) == (200, "tea")
        assert "/chat" not in (await service.json("/openapi.json"))["paths"]
        assert "/orders" in (await service.json("/openapi.json"))["paths"]


async def test_a_websocket_reaches_the_host(tmp_path: Path) -> None:
    application = install(build(), read_config({"PM33_HOME": str(tmp_path)}))
    incoming: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/chat", "headers": [], "query_string": b""}
    await application(scope, receive, send)

    kinds = [message["type"] for message in sent]
    assert kinds == ["websocket.accept", "websocket.send", "websocket.close"]
    assert sent[1]["text"] == "hello"


async def page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("mine")


def with_a_route() -> App:
    host = FastAPI()
    host.add_api_route("/api/health", page)
    return host


def with_an_included_router() -> App:
    host, inner, outer = FastAPI(), APIRouter(), APIRouter(prefix="/api")
    inner.add_api_route("/ready", page)
    outer.include_router(inner, prefix="/health")
    host.include_router(outer)
    return host


def with_a_mounted_application() -> App:
    inner = FastAPI()
    inner.add_api_route("/version", page)
    host = FastAPI()
    host.mount("/api", inner)
    return host


def with_starlette() -> App:
    return Starlette(routes=[Mount("/metrics", routes=[Route("/", page)])])


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (with_a_route, "/api/health"),
        (with_an_included_router, "/api/health/ready"),
        (with_a_mounted_application, "/api/version"),
        (with_starlette, "/metrics"),
    ],
)
def test_a_host_that_has_one_of_our_paths_is_refused(
    tmp_path: Path, host: Callable[[], App], path: str
) -> None:
    with pytest.raises(RouteTakenError, match=f"already serves {path}") as refused:
        install(host(), read_config({"PM33_HOME": str(tmp_path)}))
    assert "move that route" in refused.value.remedy


def test_a_path_that_only_looks_like_ours_is_not_refused(tmp_path: Path) -> None:
    host = FastAPI()
    for path in ("/api/healthcare", "/api/versions", "/metrics.json", "/{rest:path}"):
        host.add_api_route(path, page)
    install(host, read_config({"PM33_HOME": str(tmp_path)}))


def test_a_check_whose_name_is_taken_is_refused(tmp_path: Path) -> None:
    extra = "tests.support.extra_checks:a_second_application"
    environ = {"HEALTH_EXTRA_CHECKS": extra, "PM33_HOME": str(tmp_path)}
    with pytest.raises(DuplicateCheckError, match="'application'"):
        install(build(), read_config(environ))
