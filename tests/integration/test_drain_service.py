import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.http import connect
from tests.support.processes import eventually
from tests.support.service import Service, served_service

PHASES = ["lame_duck", "in_flight", "closing", "stopped"]
HALF = b"GET /api/health HTTP/1.1\r\nhost: test\r\nx-half: "


class Host:
    """The mounted application, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / "ledger"
        self.variables = {
            "PM33_MOUNT": "tests.support.host_app:app",
            "HOST_LEDGER": self._ledger,
        }

    def did(self) -> list[str]:
        """What it executed, in order, without the process ids of its lifespan."""
        if not self._ledger.exists():
            return []
        lines = self._ledger.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith(("started", "stopped"))]

    def lives(self) -> list[str]:
        """Its lifespan: ``started``, then ``stopped``."""
        words = (line.split() for line in self._ledger.read_text().splitlines())
        return [word for word, *_ in words if word in {"started", "stopped"}]


async def post_until_told_to_leave(port: int, client: str) -> list[str]:
    """Sends orders on one connection until an answer, or readiness, ends it."""
    done: list[str] = []
    async with connect(port) as connection:
        while True:
            name = f"{client}-{len(done)}"
            answer = await connection.request("POST", "/orders", name.encode())
            assert (answer.status, answer.body) == (200, name.encode())
            done.append(name)
            if answer.closes:
                return done
            ready = await connection.request("GET", "/api/health/ready")
            if ready.status == 503 or ready.closes:
                return done


def phases(service: Service) -> list[str]:
    return [event["phase"] for event in service.child.events() if "phase" in event]


@pytest.mark.parametrize(
    ("clients", "seconds"), [(8, 2), pytest.param(32, 10, marks=pytest.mark.full)]
)
async def test_sigterm_under_load_loses_nothing(
    tmp_path: Path, database_url: str, clients: int, seconds: int
) -> None:
    host = Host(tmp_path)
    async with served_service(
        tmp_path, DATABASE_URL=database_url, PM33_LAME_DUCK=2, **host.variables
    ) as service:
        await service.answers("/api/health/startup", 200)
        port = service.port
        async with connect(port) as streaming, connect(port) as working:
            load = [
                asyncio.create_task(post_until_told_to_leave(port, str(number)))
                for number in range(clients)
            ]
            await eventually(lambda: len(host.did()) > 10 * clients)
            stream = asyncio.create_task(
                streaming.request("GET", f"/stream?seconds={seconds}")
            )
            job = f"/jobs?seconds={seconds}"
            assert (await working.request("POST", job, b"report")).status == 200
            await eventually(lambda: "began stream" in host.did())

            service.child.signal(signal.SIGTERM)
            posted = [name for names in await asyncio.gather(*load) for name in names]
            streamed = await stream

        assert await service.child.exit_code() == 0
        assert streamed.body.endswith(b"end")
        assert phases(service) == PHASES
        expected = ["began stream", "worked on report", *posted]
        assert Counter(host.did()) == Counter(expected)
        assert host.lives() == ["started", "stopped"]


async def test_a_second_signal_does_not_wait_for_a_stream(tmp_path: Path) -> None:
    host = Host(tmp_path)
    async with served_service(
        tmp_path, PM33_DRAIN_TIMEOUT=600, **host.variables
    ) as service:
        async with connect(service.port) as streaming:
            stream = asyncio.create_task(
                streaming.request("GET", "/stream?seconds=600")
            )
            await eventually(lambda: "began stream" in host.did())
            service.child.signal(signal.SIGTERM)
            await service.child.event(phase="in_flight")

            service.child.signal(signal.SIGTERM)

            assert await service.child.exit_code() == 128 + signal.SIGTERM
            with pytest.raises(asyncio.IncompleteReadError):
                await stream
        assert host.lives() == ["started"]


async def test_what_cannot_finish_is_named_and_the_exit_is_clean(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    async with served_service(
        tmp_path, PM33_DRAIN_TIMEOUT=1, **host.variables
    ) as service:
        async with connect(service.port) as slow:
            answer = asyncio.create_task(slow.request("GET", "/slow?seconds=600"))
            await eventually(lambda: "began slow" in host.did())

            service.child.signal(signal.SIGTERM)

            assert (await answer).status == 503
        assert await service.child.exit_code() == 0
        assert phases(service) == PHASES
        assert (await service.child.event(path="/slow", kind="request"))["age"] >= 1
        assert host.lives() == ["started", "stopped"]


async def test_readiness_leaves_first_and_liveness_last(tmp_path: Path) -> None:
    async with served_service(tmp_path, PM33_LAME_DUCK=600) as service:
        await service.answers("/api/health/ready", 200)

        service.child.signal(signal.SIGTERM)

        body = await service.answers("/api/health/ready", 503)
        assert body["stage"] == "draining"
        async with connect(service.port) as connection:
            live = await connection.request("GET", "/api/health/live")
        assert (live.status, live.closes) == (200, True)
        service.child.signal(signal.SIGTERM)


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Lets this process and its children hold so many files more."""
    import resource  # noqa: PLC0415 - there is none on Windows

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = max(before[0], min(count + 512, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.full)])
async def test_half_open_heads_are_closed_while_health_is_answered(
    tmp_path: Path, count: int
) -> None:
    with many_files(count):
        async with (
            served_service(tmp_path, PM33_HEADER_TIMEOUT=2) as service,
            AsyncExitStack() as stack,
        ):
            # Until the first results it is unknown, which is 503.
            await service.answers("/api/health", 200)
            half_open = [
                await stack.enter_async_context(connect(service.port))
                for _ in range(count)
            ]
            for connection in half_open:
                await connection.send(HALF)
            ends = asyncio.gather(*(one.read_to_end() for one in half_open))

            answered = 0
            while not ends.done():
                assert (await service.get("/api/health")).status_code == 200
                answered += 1

            assert answered
            assert all(end.startswith(b"HTTP/1.1 408 ") for end in await ends)
