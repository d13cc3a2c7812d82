import asyncio
from collections.abc import Callable

import pytest
from typing_extensions import override

from app.backend.clients.gate import Gate, Permit
from app.backend.clients.limit import Limit
from app.backend.clients.shared import Reply, Report, Shared
from app.errors import VendorLimitedError


class Time:
    """A clock that only sleeping moves; others may act while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        self.meanwhile()
        await asyncio.sleep(0)


class Others(Shared):
    """The rest of the fleet; remembers what it was told.

    Attributes:
        replies: to whoever asks, in turn; None: out of reach.
        heard: that there is something new.
    """

    def __init__(self, *replies: Reply | None) -> None:
        self.replies = [*replies]
        self.told: list[tuple[Report, int | None]] = []
        self.heard = asyncio.Event()

    @override
    async def exchange(
        self, vendor: str, limit: Limit, report: Report, *, asked: int | None
    ) -> Reply | None:
        self.told.append((report, asked))
        self.heard.set()
        await asyncio.sleep(0)
        return self.replies.pop(0) if asked is not None else None

    @override
    async def close(self) -> None:
        pass


def reply(*, granted: bool, wait: float | None = 0, told: bool = False) -> Reply:
    return Reply(granted=granted, wait=wait, second=7, replicas=4, told=told)


GRANTED, REFUSED = reply(granted=True), reply(granted=False, wait=30)


def gate(
    limit: Limit, time: Time, *, wait: float = 1.0, shared: Shared | None = None
) -> Gate:
    return Gate(
        "openai", limit, wait=wait, shared=shared, clock=time.clock, sleep=time.sleep
    )


async def refusal(one: Gate, tokens: int = 0) -> VendorLimitedError:
    with pytest.raises(VendorLimitedError) as caught:
        await one.enter(tokens)
    return caught.value


async def test_a_call_that_would_wait_too_long_fails_at_once_and_says_when() -> None:
    time = Time()
    one = gate(Limit(requests=2), time)
    for _ in range(2):
        one.leave(await one.enter(0), None)
    error = await refusal(one)

    assert time.slept == 0
    assert error.retry_after == 61
    assert "openai" in str(error)
    assert "PM33_LIMIT_OPENAI_REQUESTS" in error.remedy
    time.now += error.retry_after
    assert isinstance(await one.enter(0), Permit)


async def test_a_call_whose_turn_is_near_waits_for_it() -> None:
    time = Time()
    one = gate(Limit(requests=1), time)
    await one.enter(0)
    time.now += 60.5
    await one.enter(0)

    assert time.slept == pytest.approx(0.5)


async def test_calls_in_flight_are_never_more_than_may_be() -> None:
    one = Gate("openai", Limit(concurrency=3), wait=5.0)
    most = 0

    async def call() -> None:
        nonlocal most
        permit = await one.enter(0)
        most = max(most, one.busy)
        await asyncio.sleep(0.001)
        one.leave(permit, None)

    await asyncio.gather(*(call() for _ in range(30)))
    assert (most, one.busy) == (3, 0)


async def test_a_call_waits_for_the_end_of_another_but_not_for_ever() -> None:
    time = Time()
    one = gate(Limit(concurrency=1), time)
    permit = await one.enter(0)
    error = await refusal(one)
    assert 0.9 < time.slept < 1.01
    assert "CONCURRENCY" in error.remedy
    assert error.retry_after > 0

    time.meanwhile = lambda: one.leave(permit, None) if one.busy else None
    assert isinstance(await one.enter(0), Permit)


async def test_nobody_calls_before_the_vendor_wants_to_be_called() -> None:
    time = Time()
    one = gate(Limit(), time)
    one.hold(17)
    one.hold(3)
    error = await refusal(one)
    assert error.retry_after == 17

    time.now += 16.5
    await one.enter(0)
    assert time.slept == pytest.approx(0.5)


async def test_tokens_are_settled_by_what_was_really_used() -> None:
    time = Time()
    one = gate(Limit(tokens=100), time)
    one.leave(await one.enter(90), 10)
    one.leave(await one.enter(90), 0)
    one.leave(await one.enter(50), 95)

    assert (await refusal(one, 1)).retry_after > 1


async def test_a_call_without_a_known_cost_keeps_its_estimate() -> None:
    one = gate(Limit(tokens=100), Time())
    one.leave(await one.enter(60), None)

    assert await refusal(one, 41)
    assert await one.enter(40)


async def test_a_call_larger_than_the_limit_has_it_to_itself() -> None:
    one = gate(Limit(tokens=100), Time())

    assert (await one.enter(5000)).tokens == 100
    assert await refusal(one, 1)


async def test_what_is_raised_may_be_an_error_of_the_sdk_as_well() -> None:
    class TheirsError(Exception):
        pass

    class BothError(VendorLimitedError, TheirsError):
        pass

    one = gate(Limit(), Time())
    one.hold(9)
    with pytest.raises(TheirsError) as caught:
        await one.enter(0, BothError)
    assert isinstance(caught.value, VendorLimitedError)
    assert caught.value.retry_after == 9


async def test_where_replicas_agree_their_answer_decides() -> None:
    others = Others(GRANTED, REFUSED, reply(granted=False, wait=9, told=True))
    one = gate(Limit(requests=100, tokens=50), Time(), shared=others)

    permit = await one.enter(70)
    assert (permit.tokens, permit.shared) == (50, 7)
    assert (await refusal(one)).retry_after == 30
    assert "left alone" in str(await refusal(one))
    one.leave(permit, None)
    await one.close()


async def test_the_others_hear_of_the_end_of_a_call_and_of_what_it_cost() -> None:
    others = Others(GRANTED)
    one = gate(Limit(tokens=50), Time(), shared=others)
    permit = await one.enter(40)
    one.hold(8)
    one.leave(permit, 10)
    async with asyncio.timeout(5):
        while not any(report.corrections for report, _ in others.told):
            others.heard.clear()
            await others.heard.wait()

    [last] = [report for report, _ in others.told if report.corrections]
    assert (last.busy, last.hold, last.corrections) == (0, 8, {7: -30})
    await one.close()


async def test_a_replica_that_reaches_nobody_keeps_to_its_part() -> None:
    others = Others(GRANTED, *[None] * 9)
    one = gate(Limit(requests=8), Time(), shared=others)
    # The one that was granted, by four replicas, counts here as well.
    for _ in range(2):
        one.leave(await one.enter(0), None)

    assert await refusal(one)
    await one.close()


async def test_one_that_has_never_reached_anybody_is_alone() -> None:
    one = gate(Limit(requests=3), Time(), shared=Others(*[None] * 9))
    for _ in range(3):
        one.leave(await one.enter(0), None)

    assert await refusal(one)
    await one.close()


async def test_one_who_gives_up_while_asking_is_in_nobodys_way() -> None:
    others = Others(GRANTED)
    one = gate(Limit(concurrency=1), Time(), shared=others)
    asking = asyncio.create_task(one.enter(0))
    await others.heard.wait()
    asking.cancel()
    await asyncio.wait({asking})
    async with asyncio.timeout(5):
        while len(others.told) < 2:
            others.heard.clear()
            await others.heard.wait()

    assert asking.cancelled()
    report, asked = others.told[-1]
    assert (report.busy, asked) == (0, None)
    await one.close()


async def test_nothing_runs_on_after_the_end() -> None:
    others = Others(GRANTED)
    one = gate(Limit(requests=3), Time(), shared=others)
    await one.enter(0)
    before = asyncio.all_tasks()
    await one.close()
    await one.close()

    assert {task.get_name() for task in before - asyncio.all_tasks()} == {
        "clients:openai"
    }
    assert others.told[-1][0].busy == 0


async def test_a_call_that_ends_after_the_end_tells_nobody() -> None:
    others = Others(GRANTED)
    one = gate(Limit(requests=3), Time(), shared=others)
    permit = await one.enter(0)
    await one.close()
    told = len(others.told)
    one.leave(permit, 5)
    await asyncio.sleep(0)

    assert len(others.told) == told
    assert len(asyncio.all_tasks()) == 1
