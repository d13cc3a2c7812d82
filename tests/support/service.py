"""The service as users run it: a child process, asked over HTTP and nothing else."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tests.support.http import DEADLINE, connect
from tests.support.processes import Child, start

__all__ = [
    "TOKEN",
    "Finished",
    "Service",
    "attached",
    "pm33",
    "served_service",
    "serving",
    "until",
]

T = TypeVar("T")
Json = dict[str, Any]

TOKEN = "an-admin-token-of-tests"
_POLL = 0.05
_ROOT = Path(__file__).resolve().parents[2]


async def until(ask: Callable[[], Awaitable[T | None]], within: float = DEADLINE) -> T:
    """Polls until ``ask`` returns something true, and returns that.

    Raises:
        AssertionError: it did not, ``within`` seconds; shows the last answer.
    """
    ends = time.monotonic() + within
    while not (answer := await ask()):
        assert time.monotonic() < ends, f"still {answer!r} after {within} s"
        await asyncio.sleep(_POLL)
    return answer


class Service:
    """A running service.

    Attributes:
        child: its process.
        port: where it listens on 127.0.0.1.
        http: a client of it; it retries nothing and knows no proxy.
    """

    def __init__(self, child: Child, port: int, http: httpx.AsyncClient) -> None:
        self.child = child
        self.port = port
        self.http = http

    async def get(
        self, path: str, *, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """GET, with a bearer token where one is given."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.http.get(path, headers=headers, **options)

    async def json(self, path: str, *, token: str | None = None) -> Json:
        """The body of an answer, whatever its status."""
        body: Json = (await self.get(path, token=token)).json()
        return body

    async def check(self, name: str) -> Json:
        """What the service says of one check."""
        body = await self.json(f"/api/health/checks/{name}", token=TOKEN)
        view: Json = body["checks"][name]
        return view

    async def check_becomes(
        self, name: str, within: float = DEADLINE, **fields: object
    ) -> Json:
        """Waits until these fields of a check have these values; returns the check."""
        seen: Json = {}
        ends = time.monotonic() + within
        while not fields.items() <= seen.items():
            assert time.monotonic() < ends, f"no {fields} after {within} s: {seen}"
            if seen:
                await asyncio.sleep(_POLL)
            seen = await self.check(name)
        return seen

    async def has_result(self, name: str) -> None:
        """Waits for the first result of a check, whatever it is."""

        async def checked() -> bool:
            return (await self.check(name))["checked_at"] is not None

        await until(checked)

    async def has_results(self) -> None:
        """Waits for the first result of every check, whatever it is."""

        async def checked() -> bool:
            body = await self.json("/api/health/detailed", token=TOKEN)
            return all(one["checked_at"] is not None for one in body["checks"].values())

        await until(checked)

    async def samples_until(self, name: str, since: datetime, **fields: object) -> int:
        """How many results came in after ``since`` until the fields had these values.

        The one that brought them is counted.
        """
        results: set[str] = set()
        ends = time.monotonic() + DEADLINE
        while True:
            view = await self.check(name)
            checked_at = view["checked_at"]
            if checked_at and datetime.fromisoformat(checked_at) > since:
                results.add(checked_at)
            if results and fields.items() <= view.items():
                return len(results)
            assert time.monotonic() < ends, f"never {fields}: {view}"
            await asyncio.sleep(_POLL)

    async def samples(self, name: str, count: int) -> None:
        """Waits for so many new results of a check."""
        results = {(await self.check(name))["checked_at"]}

        async def enough() -> bool:
            results.add((await self.check(name))["checked_at"])
            return len(results) > count

        await until(enough)

    async def answers(self, path: str, status: int) -> Json:
        """Waits until a path answers with this status; returns the body."""

        async def answered() -> Json | None:
            response = await self.get(path, token=TOKEN)
            body: Json = response.json()
            return body if response.status_code == status else None

        return await until(answered)

    async def latency_ms(self, path: str, requests: int = 20, rounds: int = 3) -> float:
        """The median latency of a path on one connection.

        The best of a few rounds: what the machine does beside is not the service's.
        """
        medians = []
        async with connect(self.port) as connection:
            for _ in range(rounds):
                took = []
                for _ in range(requests):
                    began = time.perf_counter()
                    await connection.request("GET", path)
                    took.append((time.perf_counter() - began) * 1000)
                medians.append(statistics.median(took))
        return min(medians)

    def connections_to(self, port: int) -> int:
        """How many TCP connections it has to a port, in whatever state."""
        connections = psutil.Process(self.child.pid).net_connections("tcp")
        return sum(bool(one.raddr) and one.raddr.port == port for one in connections)

    def rss(self) -> int:
        """Resident memory in bytes."""
        return int(psutil.Process(self.child.pid).memory_info().rss)


@contextmanager
def serving(directory: Path, **variables: object) -> Iterator[Child]:
    """Starts ``pm33 serve`` on a free port of 127.0.0.1, with a clean environment.

    In development, without a lame duck, logging JSON, with a home of its own, so that
    no embedded database is found, and untroubled by how late a busy machine makes its
    event loop; ``variables`` add to that and beat it.
    """
    env = {
        "HEALTH_LAG_WARNING": 60,
        "HOST": "127.0.0.1",
        "PORT": 0,
        "PM33_ADMIN_TOKEN": TOKEN,
        "PM33_COMMIT": "c0ffee",
        "PM33_HOME": directory / "home",
        "PM33_LAME_DUCK": 0,
        "PM33_LOG_FORMAT": "json",
        **variables,
    }
    with start(
        ["-m", "app.cli", "serve"],
        output=directory / "output",
        env={name: str(value) for name, value in env.items()},
    ) as child:
        yield child


@asynccontextmanager
async def attached(child: Child) -> AsyncIterator[Service]:
    """A client of a service that runs already; waits until it lives."""
    port = await child.port()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=DEADLINE
    ) as http:
        service = Service(child, port, http)
        await service.answers("/api/health/live", 200)
        yield service


@asynccontextmanager
async def served_service(
    directory: Path, **variables: object
) -> AsyncIterator[Service]:
    """:func:`serving` and :func:`attached` in one."""
    with serving(directory, **variables) as child:
        async with attached(child) as service:
            yield service


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


async def pm33(*arguments: str, **variables: object) -> Finished:
    """Runs the command line in the project's root, with a clean environment."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments),
        cwd=_ROOT,
        env={name: str(value) for name, value in variables.items()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, out.decode(), err.decode())
