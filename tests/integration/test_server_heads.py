import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.http import connect, encode
from tests.support.processes import eventually
from tests.support.served import Served, served

HALF = b"POST /ledger HTTP/1.1\r\nhost: test\r\nx-half: "


async def either_way(use: Callable[[int, str], Awaitable[None]], port: int) -> None:
    """Answered by the application, and by the server itself; both at once."""
    paths = ("/", "/instant")
    uses = (use(port, path) for path in paths)
    ends = await asyncio.gather(*uses, return_exceptions=True)
    assert dict(zip(paths, ends, strict=True)) == dict.fromkeys(paths)


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.full)])
async def test_half_open_heads_are_closed_while_others_are_answered(
    tmp_path: Path, count: int
) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=2) as service:
        port = await service.child.port()
        async with AsyncExitStack() as stack:
            half_open = [
                await stack.enter_async_context(connect(port)) for _ in range(count)
            ]
            for connection in half_open:
                await connection.send(HALF)
            ends = asyncio.gather(*(one.read_to_end() for one in half_open))

            async with connect(port) as connection:
                while not ends.done():
                    assert (await connection.request("GET", "/")).status == 200
                    await asyncio.sleep(0.01)

            assert all(end.startswith(b"HTTP/1.1 408 ") for end in await ends)


async def test_a_connection_that_sends_nothing_is_closed_without_a_word(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=1) as service:
        async with connect(await service.child.port()) as connection:
            assert await connection.read_to_end() == b""


async def test_a_late_head_on_a_used_connection_gets_408(tmp_path: Path) -> None:
    async def late(port: int, path: str) -> None:
        async with connect(port) as connection:
            assert (await connection.request("GET", path)).status == 200
            await connection.send(HALF)

            late = await connection.read()
            assert (late.status, late.closes) == (408, True)
            assert late.headers["cache-control"] == "no-store"
            assert await connection.read_to_end() == b""

    with served(tmp_path, PM33_HEADER_TIMEOUT=1) as service:
        await either_way(late, await service.child.port())


async def test_the_deadline_ends_with_the_head(tmp_path: Path) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=1) as service:
        async with connect(await service.child.port()) as connection:
            for _ in range(2):
                answer = await connection.request("GET", "/slow?seconds=1.5")
                assert answer.body == b"slow"


async def test_a_head_may_arrive_byte_by_byte(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        async with connect(await service.child.port()) as connection:
            for name in (b"first", b"second"):
                for byte in encode("POST", "/ledger", name):
                    await connection.send(bytes([byte]))
                    await asyncio.sleep(0)
                assert (await connection.read()).body == name


async def test_a_slow_body_is_not_a_late_head(tmp_path: Path) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=1) as service:
        port = await service.child.port()
        async with connect(port) as connection, connect(port) as idle:
            request = encode("POST", "/ledger", b"slowly")
            await connection.send(request[:-3])
            assert await idle.read_to_end() == b""
            await connection.send(request[-3:])

            assert (await connection.read()).body == b"slowly"


async def test_pipelined_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        async with connect(await service.child.port()) as connection:
            names = [b"%d" % number for number in range(5)]
            await connection.send(
                b"".join(encode("POST", "/ledger", name) for name in names)
            )

            assert [(await connection.read()).body for _ in names] == names


async def test_a_head_behind_a_slow_answer_has_its_whole_time_after_it(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=2) as service:
        async with connect(await service.child.port()) as connection:
            second = encode("POST", "/ledger", b"second")
            await connection.send(encode("GET", "/slow?seconds=3") + second[:20])

            assert (await connection.read()).body == b"slow"
            await connection.send(second[20:])
            assert (await connection.read()).body == b"second"


async def test_a_pipelined_head_that_stays_half_open_gets_408(tmp_path: Path) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=1) as service:
        async with connect(await service.child.port()) as connection:
            await connection.send(encode("GET", "/slow?seconds=1") + HALF)

            assert (await connection.read()).body == b"slow"
            assert (await connection.read()).status == 408


async def test_a_head_behind_an_instant_answer_has_its_whole_time(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=2) as service:
        async with connect(await service.child.port()) as connection:
            probe, second = encode("GET", "/instant"), encode("POST", "/ledger", b"2nd")
            await connection.send(probe[:20])
            await asyncio.sleep(1.5)
            await connection.send(probe[20:] + second[:20])

            assert (await connection.read()).body == b"instant"
            await asyncio.sleep(1)
            await connection.send(second[20:])
            assert (await connection.read()).body == b"2nd"


async def test_empty_lines_do_not_hold_an_idle_connection(tmp_path: Path) -> None:
    async def empty(port: int, path: str) -> None:
        async with connect(port) as connection:
            await connection.request("GET", path)
            await connection.send(b"\r\n")

            assert await connection.read_to_end() == b""

    with served(tmp_path, PM33_KEEP_ALIVE=1) as service:
        await either_way(empty, await service.child.port())


async def test_an_idle_connection_is_closed_and_a_used_one_is_kept(
    tmp_path: Path,
) -> None:
    async def used(port: int, path: str) -> None:
        async with connect(port) as connection:
            for _ in range(4):
                assert (await connection.request("GET", path)).status == 200
                await asyncio.sleep(1)

            assert await connection.read_to_end() == b""

    with served(tmp_path, PM33_KEEP_ALIVE=2) as service:
        await either_way(used, await service.child.port())


async def test_a_blocked_event_loop_costs_no_client_its_request(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PM33_HEADER_TIMEOUT=2) as service:
        port = await service.child.port()
        async with connect(port) as blocking, connect(port) as connection:
            await connection.send(HALF)
            await blocking.send(encode("GET", "/blocking?seconds=3"))
            await _executed(service, "began /blocking")
            await connection.send(b"\r\ncontent-length: 4\r\n\r\nsent")

            assert (await connection.read()).body == b"sent"


async def _executed(service: Served, step: str) -> None:
    await eventually(lambda: step in service.ledger())
