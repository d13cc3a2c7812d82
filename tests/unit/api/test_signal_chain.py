import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from app.backend.api.signal_chain import SignalChain
from tests.support.health import until


class Server:
    """The server's own handler, with a memory."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, float]] = []

    def handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.heard.append((number, time.monotonic()))


@pytest.fixture
def server() -> Iterator[Server]:
    """Its handler is in place for the test, and whatever was there afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    server = Server()
    signal.signal(signal.SIGTERM, server.handle)
    yield server
    signal.signal(signal.SIGTERM, before)


async def test_we_hear_of_the_stop_first_and_the_server_after_the_delay(
    server: Server,
) -> None:
    stops: list[float] = []
    chain = SignalChain(lambda: stops.append(time.monotonic()), delay=0.1)
    chain.install()
    signal.raise_signal(signal.SIGTERM)
    assert len(stops) == 1
    assert server.heard == []
    await until(lambda: server.heard)
    chain.remove()

    [(number, heard)] = server.heard
    assert number == signal.SIGTERM
    assert heard - stops[0] >= 0.099


async def test_a_second_signal_reaches_the_server_at_once(server: Server) -> None:
    stops: list[int] = []
    chain = SignalChain(lambda: stops.append(1), delay=3600)
    chain.install()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    chain.remove()

    assert (len(stops), len(server.heard)) == (1, 1)


async def test_without_a_delay_the_server_hears_on_the_next_turn(
    server: Server,
) -> None:
    chain = SignalChain(lambda: None, delay=0)
    chain.install()
    signal.raise_signal(signal.SIGTERM)
    await until(lambda: server.heard)
    chain.remove()

    assert len(server.heard) == 1


async def test_the_signal_is_given_back(server: Server) -> None:
    chain = SignalChain(lambda: None, delay=0)
    chain.install()
    assert signal.getsignal(signal.SIGTERM) != server.handle
    chain.remove()
    chain.remove()

    assert signal.getsignal(signal.SIGTERM) == server.handle


async def test_who_took_the_signal_over_meanwhile_keeps_it(server: Server) -> None:
    chain, other = SignalChain(lambda: None, delay=0), Server()
    chain.install()
    signal.signal(signal.SIGTERM, other.handle)
    chain.remove()

    assert signal.getsignal(signal.SIGTERM) == other.handle


@pytest.mark.parametrize("nobody", [signal.SIG_DFL, signal.SIG_IGN])
async def test_where_no_server_listens_the_signal_is_left_alone(
    nobody: signal.Handlers, server: Server
) -> None:
    signal.signal(signal.SIGTERM, nobody)
    chain = SignalChain(lambda: None, delay=0)
    chain.install()
    assert signal.getsignal(signal.SIGTERM) is nobody
    chain.remove()

    assert signal.getsignal(signal.SIGTERM) is nobody


async def test_a_server_in_another_thread_is_left_alone(server: Server) -> None:
    chain = SignalChain(lambda: None, delay=0)
    errors: list[BaseException] = []

    async def serve() -> None:
        try:
            chain.install()
            chain.remove()
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    thread.join(30)

    assert errors == []
    assert signal.getsignal(signal.SIGTERM) == server.handle
