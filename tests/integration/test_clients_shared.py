"""One limit for several replicas, in a real cache server."""

import asyncio
import copy
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.backend.clients.gate import Gate
from app.backend.clients.limit import Limit
from app.backend.clients.retry_after import LONGEST_HOLD
from app.backend.clients.shared import BELIEVED, RedisShared, Reply, Report
from app.backend.clients.window import Window
from app.errors import VendorLimitedError
from tests.support.fake_vendors import fake_vendors
from tests.support.processes import start
from tests.support.service import until
from tests.support.valkey import ValkeyServer, valkey_server

IDLE = Report(busy=0)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ValkeyServer]:
    async with valkey_server() as running:
        yield running


class Replicas:
    """Replicas of one service, with one clock that stands still.

    Attributes:
        now: milliseconds.
    """

    def __init__(self, server: ValkeyServer) -> None:
        self._server = server
        self._open = AsyncExitStack()
        self.now = 1_700_000_000_000

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def one(self, prefix: str = "test") -> RedisShared:
        # What is decided is asked here, not how soon on a machine however busy.
        shared = RedisShared(
            SecretStr(self._server.url()),
            prefix=prefix,
            now=lambda: self.now,
            patience=20.0,
        )
        self._open.push_async_callback(shared.close)
        return shared

    def gate(self, limit: Limit, *, wait: float = 0.0) -> Gate:
        """With the server's clock."""
        shared = RedisShared(SecretStr(self._server.url()), prefix="gates")
        gate = Gate("openai", limit, wait=wait, shared=shared)
        self._open.push_async_callback(shared.close)
        self._open.push_async_callback(gate.close)
        return gate


async def exchange(
    shared: RedisShared, limit: Limit, report: Report = IDLE, asked: int | None = 0
) -> Reply:
    reply = await shared.exchange("openai", limit, report, asked=asked)
    assert reply is not None
    return reply


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.full) for n in range(2, 30))]
)
async def test_the_script_decides_as_the_window_of_one_replica_does(
    server: ValkeyServer, seed: int
) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a sample that can be had again
    limit = Limit(requests=chosen.randint(1, 9), tokens=chosen.randint(1, 90))
    window = Window()
    seconds: list[int] = []
    async with Replicas(server) as replicas:
        each = [replicas.one() for _ in range(3)]
        for _ in range(150):
            replicas.now += chosen.choice((0, 1, 400, 1000, 7_003, 31_000))
            now, tokens = replicas.now / 1000, chosen.randint(0, limit.tokens)
            changes = {}
            if seconds and chosen.random() < 0.3:
                changes = {chosen.choice(seconds): chosen.randint(-40, 20)}
                for second, more in changes.items():
                    window.correct(second, more)
            report = Report(busy=0, corrections=changes)
            reply = await exchange(chosen.choice(each), limit, report, tokens)
            wait = window.wait(now, limit, tokens)

            assert reply.granted is (wait == 0)
            assert reply.wait == pytest.approx(wait, abs=0.001)
            if reply.granted:
                seconds.append(window.add(now, tokens))
                assert seconds[-1] == reply.second


async def test_a_clock_that_is_put_back_stops_nobody(server: ValkeyServer) -> None:
    limit = Limit(requests=1, tokens=1, concurrency=2)
    async with Replicas(server) as replicas:
        one, other = replicas.one(), replicas.one()
        assert (await exchange(one, limit, IDLE, 1)).granted
        await exchange(one, limit, Report(busy=2, hold=LONGEST_HOLD), None)
        refused = await exchange(other, limit)
        assert (refused.granted, refused.told) == (False, True)
        replicas.now -= 86_400_000

        assert (await exchange(other, limit, IDLE, 1)).granted


async def test_two_processes_of_one_fork_are_two_replicas(
    server: ValkeyServer,
) -> None:
    limit = Limit(concurrency=2)
    async with Replicas(server) as replicas:
        parent = replicas.one()
        child = copy.copy(parent)
        await exchange(parent, limit, Report(busy=1), None)
        reply = await exchange(child, limit, Report(busy=1), 0)
        await child.close()

    assert (reply.granted, reply.replicas) == (False, 2)


async def test_calls_in_flight_are_counted_over_all_replicas(
    server: ValkeyServer,
) -> None:
    limit = Limit(concurrency=3)
    async with Replicas(server) as replicas:
        first, second = replicas.one(), replicas.one()
        assert (await exchange(first, limit, Report(busy=1))).granted
        assert (await exchange(second, limit, Report(busy=0))).granted
        refused = await exchange(second, limit, Report(busy=1))
        assert (refused.granted, refused.wait, refused.replicas) == (False, None, 2)
        await exchange(first, limit, Report(busy=1), None)
        assert (await exchange(second, limit, Report(busy=1))).granted


async def test_a_replica_that_is_gone_stops_counting(server: ValkeyServer) -> None:
    limit = Limit(concurrency=1)
    async with Replicas(server) as replicas:
        killed, alive = replicas.one(), replicas.one()
        assert (await exchange(killed, limit)).granted
        replicas.now += round(BELIEVED * 1000) - 1
        assert not (await exchange(alive, limit)).granted
        replicas.now += 1
        reply = await exchange(alive, limit)

    assert (reply.granted, reply.replicas) == (True, 1)


async def test_what_a_vendor_asks_of_one_replica_all_of_them_do(
    server: ValkeyServer,
) -> None:
    async with Replicas(server) as replicas:
        first, second = replicas.one(), replicas.one()
        await exchange(first, Limit(requests=9), Report(busy=0, hold=17), None)
        await exchange(first, Limit(requests=9), Report(busy=0, hold=3), None)
        replicas.now += 7000
        reply = await exchange(second, Limit(requests=9))
        assert (reply.granted, reply.wait, reply.told) == (False, 10, True)
        replicas.now += 10_000
        assert (await exchange(second, Limit(requests=9))).granted


async def test_environments_and_vendors_are_apart_and_leave_nothing_for_ever(
    server: ValkeyServer,
) -> None:
    limit = Limit(requests=1)
    async with Replicas(server) as replicas:
        one = replicas.one("pm33:staging:limit")
        assert (await exchange(one, limit)).granted
        assert (await exchange(replicas.one("pm33:production:limit"), limit)).granted
        other = await one.exchange("anthropic", limit, IDLE, asked=0)
        assert other is not None
        assert other.granted
        keys = await server.command("KEYS", "*")
        times = [await server.command("TTL", key) for key in keys]

    assert sorted(keys) == [
        "pm33:production:limit:openai",
        "pm33:staging:limit:anthropic",
        "pm33:staging:limit:openai",
    ]
    assert all(60 < seconds <= 120 for seconds in times)


async def test_gates_of_two_replicas_let_through_what_one_may(
    server: ValkeyServer,
) -> None:
    async with Replicas(server) as replicas:
        gates = [replicas.gate(Limit(requests=7, concurrency=50)) for _ in range(2)]
        asked = (gate.enter(0) for gate in gates for _ in range(10))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, VendorLimitedError)]

    assert len(answers) - len(refused) == 7
    assert all(0 < one.retry_after <= 61 for one in refused)


async def test_calls_in_flight_never_exceed_the_limit_of_all(
    server: ValkeyServer,
) -> None:
    async with Replicas(server) as replicas:
        gates = [replicas.gate(Limit(concurrency=3), wait=20) for _ in range(2)]
        most = 0

        async def call(gate: Gate) -> None:
            nonlocal most
            permit = await gate.enter(0)
            most = max(most, sum(one.busy for one in gates))
            await asyncio.sleep(0.005)
            gate.leave(permit, None)

        await asyncio.gather(*(call(gate) for gate in gates for _ in range(8)))
    assert most == 3


async def test_without_the_server_each_keeps_to_its_part_and_says_so_once(
    server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pm33.clients")
    clock = [0.0]
    shared = [
        RedisShared(SecretStr(server.url()), prefix="test", clock=lambda: clock[0])
        for _ in range(2)
    ]
    gates = [Gate("openai", Limit(requests=10), wait=0, shared=one) for one in shared]
    for gate in (*gates, gates[0]):
        gate.leave(await gate.enter(0), None)
    await server.stop()
    for _ in range(3):
        gates[0].leave(await gates[0].enter(0), None)
    with pytest.raises(VendorLimitedError):
        await gates[0].enter(0)

    await server.start()
    clock[0] += 60

    async def agreed() -> bool:
        return await shared[0].exchange("x", Limit(), IDLE, asked=None) is not None

    await until(agreed)
    for gate, one in zip(gates, shared, strict=True):
        await gate.close()
        await one.close()
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("limits are not shared")
    assert said[1] == "limits are shared again"


@pytest.mark.parametrize(
    "url", ["redis://:canary@127.0.0.1:1/0", "canary", "redis://127.0.0.1:canary/0"]
)
async def test_a_url_that_leads_nowhere_hinders_nobody_and_is_not_quoted(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shared = RedisShared(SecretStr(url), prefix="test")
    gate = Gate("openai", Limit(requests=1), wait=0, shared=shared)
    gate.leave(await gate.enter(0), None)
    with pytest.raises(VendorLimitedError):
        await gate.enter(0)
    await gate.close()
    await shared.close()

    assert "not shared" in caplog.text
    assert "canary" not in caplog.text + repr(gate) + repr(shared)


async def test_a_server_that_hangs_delays_one_call_by_half_a_second(
    server: ValkeyServer,
) -> None:
    now = [0.0]
    shared = RedisShared(SecretStr(server.url()), prefix="test", clock=lambda: now[0])
    gate = Gate("openai", Limit(requests=50), wait=0, shared=shared)
    gate.leave(await gate.enter(0), None)
    server.freeze()
    try:
        async with asyncio.timeout(5):
            for _ in range(20):
                gate.leave(await gate.enter(0), None)
    finally:
        server.thaw()
    now[0] += 60
    # What it had not answered in time is not taken for the answer to something else.
    reply = await exchange(shared, Limit(requests=50))
    assert (reply.granted, reply.replicas) == (True, 1)
    await gate.close()
    await shared.close()


async def test_processes_share_a_limit(tmp_path: Path, server: ValkeyServer) -> None:
    async with fake_vendors() as fakes:
        variables = fakes.variables() | {
            "REDIS_URL": server.url(),
            "PM33_LIMIT_STRIPE_REQUESTS": "7",
            "PM33_LIMIT_WAIT": "0",
        }
        words = ["-m", "tests.support.limited_caller", "5"]
        with ExitStack() as stack:
            children = [
                stack.enter_context(
                    start(words, output=tmp_path / f"out{n}", env=variables)
                )
                for n in range(2)
            ]
            codes = [await child.exit_code() for child in children]
            said: list[dict[str, Any]] = [
                event for child in children for event in child.events()
            ]
    assert codes == [0, 0]
    assert len(said) == 2
    assert sum(one["answered"] for one in said) == len(fakes.asked) == 7
    assert sum(one["refused"] for one in said) == 3
