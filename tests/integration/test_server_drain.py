import asyncio
import signal
import socket
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.http import connect, encode
from tests.support.processes import eventually
from tests.support.served import Served, served

PHASES = ["lame_duck", "in_flight", "closing", "stopped"]


async def _post_until_told_to_leave(port: int, client: str) -> list[str]:
    done: list[str] = []
    async with connect(port) as connection:
        while True:
            name = f"{client}-{len(done)}"
            response = await connection.request("POST", "/ledger", name.encode())
            assert (response.status, response.body) == (200, name.encode())
            done.append(name)
            if response.closes:
                return done


async def _connect_until_told_to_leave(port: int, client: str) -> list[str]:
    done: list[str] = []
    while True:
        name = f"{client}-{len(done)}"
        async with connect(port) as connection:
            response = await connection.request("POST", "/ledger", name.encode())
        assert (response.status, response.body) == (200, name.encode())
        done.append(name)
        if response.closes:
            return done


@pytest.mark.parametrize(
    ("clients", "seconds"),
    [(6, 5), pytest.param(32, 10, marks=pytest.mark.full)],
)
async def test_sigterm_under_load_fails_no_request(
    tmp_path: Path, clients: int, seconds: int
) -> None:
    with served(tmp_path, PM33_LAME_DUCK=3) as service:
        port = await service.child.port()
        async with connect(port) as streaming, connect(port) as working:
            stream = asyncio.create_task(
                streaming.request("GET", f"/stream?seconds={seconds}")
            )
            path = f"/background?seconds={seconds}"
            await working.request("POST", path, b"report")
            load = [
                asyncio.create_task(client(port, f"{client.__name__}{number}"))
                for number in range(clients)
                for client in (_post_until_told_to_leave, _connect_until_told_to_leave)
            ]
            await eventually(lambda: len(service.ledger()) > 10 * clients)

            service.child.signal(signal.SIGTERM)
            posted = [name for names in await asyncio.gather(*load) for name in names]
            streamed = await stream

        assert await service.child.exit_code() == 0
        assert streamed.body.endswith(b"end")
        began = ["starting", "began /stream", "began /background"]
        ended = ["draining", "background report", "closed"]
        assert Counter(service.ledger()) == Counter([*began, *posted, *ended])


async def test_the_phases_are_told_in_order(tmp_path: Path) -> None:
    with served(tmp_path, PM33_LAME_DUCK=0.1) as service:
        await service.child.port()

        service.child.signal(signal.SIGTERM)

        assert await service.child.exit_code() == 0
        assert service.phases() == PHASES


async def test_a_lame_duck_answers_everything_and_says_close(tmp_path: Path) -> None:
    with served(tmp_path, PM33_LAME_DUCK=30) as service:
        port = await service.child.port()
        async with connect(port) as kept, connect(port) as slow, connect(port) as probe:
            before = await kept.request("GET", "/")
            instant = await probe.request("GET", "/instant")
            answer = asyncio.create_task(slow.request("GET", "/slow?seconds=1"))
            await _executed(service, "began /slow")

            service.child.signal(signal.SIGTERM)
            await service.child.event(phase="lame_duck")

            assert not before.closes
            assert (await kept.request("GET", "/")).closes
            assert (await answer).closes
            async with connect(port) as new:
                assert (await new.request("GET", "/")).closes

            assert (instant.body, instant.closes) == (b"instant", False)
            told = await probe.request("GET", "/instant")
            assert (told.body, told.closes) == (b"ok", True)
            async with connect(port) as new:
                assert (await new.request("GET", "/instant")).closes


async def test_nothing_new_is_accepted_once_the_lame_duck_is_over(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as service:
        port = await service.child.port()
        async with connect(port) as connection:
            await connection.send(encode("GET", "/slow?seconds=60"))
            await _executed(service, "began /slow")

            service.child.signal(signal.SIGTERM)

            await eventually(lambda: _is_refused(port))


async def test_connections_that_the_kernel_had_accepted_are_served(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_LAME_DUCK=2) as service:
        port = await service.child.port()
        async with AsyncExitStack() as stack:
            blocking = await stack.enter_async_context(connect(port))
            service.child.signal(signal.SIGTERM)
            await service.child.event(phase="lame_duck")
            # The lame duck ends while the loop is blocked and accepts nobody.
            await blocking.send(encode("GET", "/blocking?seconds=3"))
            await _executed(service, "began /blocking")
            queued = [await stack.enter_async_context(connect(port)) for _ in range(20)]
            for connection in queued:
                await connection.send(encode("POST", "/ledger", b"queued"))

            answers = [await connection.read() for connection in queued]
        assert [answer.body for answer in answers] == [b"queued"] * len(queued)
        assert await service.child.exit_code() == 0


async def test_a_half_received_request_is_awaited_and_answered(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        port = await service.child.port()
        async with connect(port) as connection, connect(port) as idle:
            await connection.request("GET", "/")
            whole = encode("POST", "/ledger", b"late")
            await connection.send(whole[:20])
            await idle.request("GET", "/")

            service.child.signal(signal.SIGTERM)
            assert await idle.read_to_end() == b""
            await connection.send(whole[20:])

            response = await connection.read()
        assert (response.body, response.closes) == (b"late", True)
        assert await service.child.exit_code() == 0


async def test_idle_connections_do_not_hold_up_the_drain(tmp_path: Path) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=600) as service:
        port = await service.child.port()
        async with (
            connect(port) as used,
            connect(port) as probed,
            connect(port) as unused,
        ):
            await used.request("GET", "/")
            await probed.request("GET", "/instant")

            service.child.signal(signal.SIGTERM)

            assert await used.read_to_end() == b""
            assert await probed.read_to_end() == b""
            assert await unused.read_to_end() == b""
            assert await service.child.exit_code() == 0


async def test_a_request_past_the_deadline_is_cancelled_and_told(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=1) as service:
        port = await service.child.port()
        async with connect(port) as connection:
            path = "/slow?seconds=600&token=secret"
            answer = asyncio.create_task(connection.request("POST", path))
            await _executed(service, "began /slow")

            service.child.signal(signal.SIGTERM)

            assert (await answer).status == 503
        assert await service.child.exit_code() == 0
        told = await service.child.event(method="POST", path="/slow")
        assert told["age"] >= 1
        assert "secret" not in service.child.output()
        assert "traceback" not in service.child.output().lower()
        assert service.ledger()[-1] == "closed"


@pytest.mark.parametrize("sent", ["s%33cret%2F%3f", "s3cret%2f%3F"])
async def test_the_secret_of_a_webhook_is_not_told_however_it_was_sent(
    tmp_path: Path, sent: str
) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=0.5) as service:
        port = await service.child.port()
        async with connect(port) as connection:
            path = f"/api/hooks/railway/{sent}?seconds=600"
            answer = asyncio.create_task(connection.request("POST", path))
            await _executed(service, f"began /api/hooks/railway/{unquote(sent)}")

            service.child.signal(signal.SIGTERM)

            assert (await answer).status == 503
        assert await service.child.exit_code() == 0
        await service.child.event(path="/api/hooks/railway/[redacted]")
        assert "cret" not in service.child.output()


async def test_streams_and_background_tasks_past_the_deadline_are_told(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=0.5) as service:
        port = await service.child.port()
        async with connect(port) as streaming, connect(port) as working:
            await working.request("POST", "/background?seconds=600", b"report")
            await streaming.send(encode("GET", "/stream?seconds=600"))
            await _executed(service, "began /stream")

            service.child.signal(signal.SIGTERM)

            assert not (await streaming.read_to_end()).endswith(b"end")
        assert await service.child.exit_code() == 0
        stream = await service.child.event(path="/stream")
        task = await service.child.event(path="/background")
        assert (stream["kind"], task["kind"]) == ("request", "background task")


async def test_a_task_that_the_application_leaves_behind_is_told(
    tmp_path: Path,
) -> None:
    with served(tmp_path, lifespan="stray") as service:
        await service.child.port()

        service.child.signal(signal.SIGTERM)

        assert await service.child.exit_code() == 0
        told = [e["coroutine"] for e in service.child.events() if "coroutine" in e]
        assert told == ["_stray"]


async def test_a_shutdown_that_never_ends_is_left_at_its_deadline(
    tmp_path: Path,
) -> None:
    with served(tmp_path, lifespan="slow-end", PM33_CLOSE_TIMEOUT=0.5) as service:
        await service.child.port()

        service.child.signal(signal.SIGTERM)

        assert await service.child.exit_code() == 0
        assert "shutdown took too long" in service.child.output()


async def test_a_thread_that_never_ends_does_not_keep_the_process(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=0.5, PM33_CLOSE_TIMEOUT=0.5) as service:
        port = await service.child.port()
        async with connect(port) as connection:
            await connection.request("GET", "/thread?seconds=600")

        service.child.signal(signal.SIGTERM)

        assert await service.child.exit_code() == 0
        assert service.phases() == PHASES


async def test_a_blocked_event_loop_does_not_keep_the_process(tmp_path: Path) -> None:
    with served(tmp_path, PM33_DRAIN_TIMEOUT=0.5, PM33_CLOSE_TIMEOUT=0.5) as service:
        port = await service.child.port()
        async with connect(port) as connection:
            await connection.send(encode("POST", "/blocking?seconds=600", b"x"))
            await _executed(service, "began /blocking")

            service.child.signal(signal.SIGTERM)

            assert await service.child.exit_code() == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
async def test_a_second_signal_exits_at_once(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with served(tmp_path, PM33_LAME_DUCK=600) as service:
        await service.child.port()
        service.child.signal(number)
        await service.child.event(phase="lame_duck")

        service.child.signal(number)

        assert await service.child.exit_code() == code
        assert "closed" not in service.ledger()


async def test_a_signal_cancels_a_start_that_does_not_end(tmp_path: Path) -> None:
    with served(tmp_path, lifespan="slow-start") as service:
        await _executed(service, "starting")

        service.child.signal(signal.SIGTERM)

        assert await service.child.exit_code() == 0
        assert "before the application had started" in service.child.output()


async def test_an_application_that_cannot_start_exits_with_1(tmp_path: Path) -> None:
    with served(tmp_path, lifespan="no-start") as service:
        assert await service.child.exit_code() == 1


async def _executed(service: Served, step: str) -> None:
    await eventually(lambda: step in service.ledger())


def _is_refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0
