import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from app.backend.server.instant import ServingState
from app.backend.server.protocol import HeaderDeadlineProtocol
from tests.support.http import Connection, connect, encode
from tests.support.processes import eventually
from tests.support.served_app import Application

LEDGER = encode("POST", "/ledger", b"line")

either_way = pytest.mark.parametrize("path", ["/", "/instant"])


@dataclass(frozen=True)
class Link:
    """Both ends of one connection in one event loop: nothing happens unawaited."""

    client: Connection
    server: HeaderDeadlineProtocol


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    application = Application(tmp_path / "ledger", "normal")
    config = uvicorn.Config(application, log_config=None, log_level="warning")
    config.load()
    state = ServingState(application.instant)
    server = await asyncio.get_running_loop().create_server(
        partial(HeaderDeadlineProtocol, config, state, {}), "127.0.0.1"
    )
    try:
        async with connect(server.sockets[0].getsockname()[1]) as client:
            await eventually(lambda: state.connections)
            [protocol] = state.connections
            assert isinstance(protocol, HeaderDeadlineProtocol)
            yield Link(client, protocol)
        await eventually(lambda: not state.connections)
    finally:
        server.close()


@either_way
@pytest.mark.parametrize("requests", [0, 1, 2])
async def test_an_idle_connection_is_closed(
    link: Link, requests: int, path: str
) -> None:
    for _ in range(requests):
        await link.client.request("GET", path)

    link.server.close_if_idle(0)

    assert await link.client.read_to_end() == b""


@either_way
@pytest.mark.parametrize("requests", [0, 1, 2])
async def test_a_connection_used_a_moment_ago_is_kept(
    link: Link, requests: int, path: str
) -> None:
    for _ in range(requests):
        await link.client.request("GET", path)

    link.server.close_if_idle(600)

    assert (await link.client.request("GET", "/")).status == 200


@either_way
@pytest.mark.parametrize("requests", [0, 1])
async def test_a_connection_whose_next_request_has_arrived_is_kept(
    link: Link, requests: int, path: str
) -> None:
    for _ in range(requests):
        await link.client.request("GET", path)
    await link.client.send(LEDGER)
    assert link.server.cycle is None or link.server.cycle.response_complete

    link.server.close_if_idle(0)

    assert (await link.client.read()).body == b"line"


@either_way
@pytest.mark.parametrize("requests", [0, 1])
async def test_a_half_received_request_is_kept(
    link: Link, requests: int, path: str
) -> None:
    for _ in range(requests):
        await link.client.request("GET", path)
    before = link.server.scope
    await link.client.send(LEDGER[:20])
    await eventually(lambda: link.server.scope is not before)

    link.server.close_if_idle(0)

    await link.client.send(LEDGER[20:])
    assert (await link.client.read()).body == b"line"


async def test_a_request_that_is_being_answered_is_kept(link: Link) -> None:
    await link.client.send(encode("GET", "/slow?seconds=0.2"))
    await eventually(lambda: link.server.cycle)

    link.server.close_if_idle(0)

    assert (await link.client.read()).body == b"slow"


@either_way
async def test_a_whole_head_on_a_used_connection_starts_no_clock(
    link: Link, path: str
) -> None:
    await link.client.request("GET", path)
    await link.client.send(encode("GET", "/slow?seconds=0.2"))
    await eventually(
        lambda: link.server.cycle and not link.server.cycle.response_complete
    )

    assert link.server._head_timer is None

    assert (await link.client.read()).body == b"slow"


async def test_an_upgrade_that_nobody_supports_is_an_ordinary_request(
    link: Link,
) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "h2c"}

    answers = [await link.client.request("GET", "/", headers=upgrade) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
