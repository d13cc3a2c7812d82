"""The simulated edge: what users are answered, by whom, and what is counted."""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.http import Connection, Response, connect
from tests.support.processes import eventually
from tests.support.railway.edge import Edge
from tests.support.railway.ports import free_port_for_releases

NAMES = (f"deployment-{number}" for number in count())


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """One for all: each test brings deployments of its own."""
    with tempfile.TemporaryDirectory(prefix="pm33s-", dir="/tmp") as folder:
        started = Edge(Path(folder) / "edge")
        try:
            asyncio.run(started.start())
            yield started
        finally:
            started.close()


class Replica:
    """Answers with its name and with the head of the request, when it is let."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                await self.may_answer.wait()
                body = json.dumps({"name": self.name, "head": head.decode()}).encode()
                length = f"content-length: {len(body)}".encode()
                writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (length, body))
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def replica(name: str = "") -> AsyncIterator[Replica]:
    made = Replica(name, free_port_for_releases())
    async with await asyncio.start_server(made.connected, "127.0.0.1", made.port):
        yield made
        for writer in made.writers:
            writer.close()


def deployed(edge: Edge, *replicas: Replica) -> str:
    """They serve from now on."""
    name = next(NAMES)
    edge.admit(name, [one.port for one in replicas])
    edge.switch(name)
    return name


@asynccontextmanager
async def client(edge: Edge) -> AsyncIterator[Connection]:
    port = urlsplit(edge.url).port
    assert port is not None
    async with connect(port) as connection:
        yield connection


async def asked(edge: Edge, **headers: str) -> Response:
    async with client(edge) as connection:
        return await connection.request("GET", "/", headers=headers)


def name_in(answer: Response) -> str:
    assert answer.status == 200, answer
    name: str = json.loads(answer.body)["name"]
    return name


def is_fallback(answer: Response, status: int, message: str) -> None:
    assert answer.status == status
    assert answer.headers["x-railway-fallback"] == "true"
    assert answer.headers["content-type"] == "application/json"
    told = json.loads(answer.body)
    assert (told["status"], told["code"]) == ("error", status)
    assert told["message"] == message
    assert told["request_id"] == answer.headers["x-railway-request-id"]


async def test_a_request_is_named_and_told_whence_it_came(edge: Edge) -> None:
    async with replica() as one:
        deployed(edge, one)

        answer = await asked(edge, **{"x-forwarded-proto": "gopher", "host": "mine"})

    head = json.loads(answer.body)["head"].lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head if ": " in line)
    assert fields["host"] == fields["x-forwarded-host"] == "mine"
    assert fields["x-forwarded-proto"] == "https"
    assert fields["x-real-ip"] == fields["x-forwarded-for"] == "127.0.0.1"
    assert fields["x-railway-request-id"] == answer.headers["x-railway-request-id"]
    assert fields["x-railway-edge"] == answer.headers["x-railway-edge"]
    assert fields["x-request-start"].isdigit()
    assert "x-railway-fallback" not in answer.headers


async def test_without_a_deployment_there_is_no_application(edge: Edge) -> None:
    edge.switch(None)

    is_fallback(await asked(edge), 404, "Application not found")


async def test_a_replica_that_does_not_listen_fails_to_respond(edge: Edge) -> None:
    deployed(edge, Replica("gone", free_port_for_releases()))

    is_fallback(await asked(edge), 502, "Application failed to respond")


async def test_a_wrong_target_port_hides_a_healthy_replica(edge: Edge) -> None:
    async with replica("well") as one:
        deployed(edge, one)
        edge.aim(right=False)
        is_fallback(await asked(edge), 502, "Application failed to respond")
        edge.aim(right=True)

        assert name_in(await asked(edge)) == "well"


async def test_under_attack_everybody_has_to_solve_a_challenge(edge: Edge) -> None:
    async with replica("well") as one:
        deployed(edge, one)
        edge.shield(on=True)
        challenged = await asked(edge)
        edge.shield(on=False)

        assert name_in(await asked(edge)) == "well"
    assert (challenged.status, one.asked) == (429, 1)
    assert "x-railway-fallback" not in challenged.headers


async def test_kept_connections_move_with_the_switch_and_what_is_in_flight_stays(
    edge: Edge,
) -> None:
    async with replica("old") as old, replica("new") as new, client(edge) as kept:
        deployed(edge, old)
        assert name_in(await kept.request("GET", "/")) == "old"
        old.may_answer.clear()
        slow = asyncio.create_task(asked(edge))
        await eventually(lambda: old.asked == 2)

        deployed(edge, new)

        assert name_in(await kept.request("GET", "/")) == "new"
        old.may_answer.set()
        assert name_in(await slow) == "old"


async def test_requests_go_to_any_replica_that_runs(edge: Edge) -> None:
    async with replica("one") as one, replica("two") as two, client(edge) as kept:
        name = deployed(edge, one, two)
        both = {name_in(await kept.request("GET", "/")) for _ in range(40)}
        edge.reach(name, [two.port])
        left = {name_in(await kept.request("GET", "/")) for _ in range(20)}

    assert (both, left) == ({"one", "two"}, {"two"})


async def test_answers_are_counted_by_deployment_replica_and_status(
    edge: Edge,
) -> None:
    began = datetime.now(UTC)
    async with replica() as one:
        edge.switch(None)
        await asked(edge)
        gone = Replica("gone", free_port_for_releases())
        first = deployed(edge, gone, one)
        edge.reach(first, [one.port])
        for _ in range(3):
            await asked(edge)
        second = deployed(edge, gone)
        await asked(edge)

    def counted() -> Counter[tuple[str | None, int, int]]:
        known = edge.served(began, began + timedelta(minutes=1))
        return Counter(
            (one.deployment, one.replica, one.status)
            for one in known
            if one.deployment in {None, first, second}
        )

    expected = {(None, 0, 404): 1, (first, 1, 200): 3, (second, 0, 502): 1}
    await eventually(lambda: counted() == expected)
    known = edge.served(began, datetime.now(UTC))
    assert {(one.method, one.path) for one in known} == {("GET", "/")}
    assert all(0 <= one.seconds < 5 for one in known)
    earlier = edge.served(began - timedelta(minutes=1), began)
    assert not {first, second} & {one.deployment for one in earlier}
