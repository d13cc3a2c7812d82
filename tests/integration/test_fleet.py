"""Replicas that share a store ask once for all of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.health.alone import ALONE_FACTOR
from app.backend.health.fleet import lease_of
from app.backend.health.models import Failure, Status
from tests.support.fleet import Component, Member, Relay, member, members
from tests.support.health import OK, bad, until
from tests.support.postgres import fresh_database
from tests.support.private_postgres import private_postgres

BAD = bad(Failure.REFUSED)
AUTH = bad(Failure.AUTH, Status.DEGRADED)


async def rows(url: str, query: str = "select * from ops.shared_result") -> list[Any]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return list(await connection.fetch(query, timeout=30))
    finally:
        await connection.close(timeout=30)


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[Relay]:
    async with Relay(database_url).opened() as opened:
        yield opened


def in_step(component: Component, fleet: Sequence[Member]) -> None:
    """Lets nothing be found before all have heard of what was found before."""

    def ready() -> bool:
        found = len(component.asked) - 1
        return all(one.heard and one.heard[-1].number >= found for one in fleet)

    component.ready = lambda: len(component.asked) == 1 or ready()


def numbers(one: Member) -> list[int]:
    return [heard.number for heard in one.heard]


async def test_three_replicas_ask_together_as_often_as_one(database_url: str) -> None:
    component, began = Component(), time.monotonic()
    async with members(database_url, component, 3, period=0.3) as fleet:
        await until(lambda: all(len(one.heard) >= 6 for one in fleet))
        took = time.monotonic() - began
        policy = fleet[0].entry.policy

        assert len(component.asked) <= took * policy.calls_per_hour / 3600 + 1
        for one in fleet:
            # Each finding counts once, in order, and says whose it is.
            assert numbers(one) == sorted(set(numbers(one)))
            for heard in one.heard:
                by = component.asked[heard.number - 1].by
                assert heard.result.data["observed_by"] == by
            assert one.view.status is Status.HEALTHY


async def test_what_all_replicas_show_follows_what_one_would_have_shown(
    database_url: str,
) -> None:
    script = [OK, BAD, OK, BAD, BAD, OK, OK]
    component = Component(*script)
    async with members(database_url, component, 3, period=0.1, timeout=30) as fleet:
        in_step(component, fleet)
        await until(lambda: all(len(one.heard) >= len(script) for one in fleet))

    good, red = Status.HEALTHY, Status.UNHEALTHY
    for one in fleet:
        shown = [heard.shown for heard in one.heard[: len(script)]]
        assert shown == [good, good, good, good, red, red, good]


async def test_a_replica_that_joins_hears_what_is_known_and_how_old_it_is(
    database_url: str,
) -> None:
    component = Component(AUTH)
    first = member(database_url, component, "r-1", period=3600)
    second = member(database_url, component, "r-2", period=3600)
    async with first as one:
        await until(lambda: one.heard)
        found = datetime.now(UTC)
        await asyncio.sleep(0.3)
        began = datetime.now(UTC)
        async with second as other:
            await until(lambda: other.heard)

    view = other.view
    assert view.checked_at is not None
    assert view.checked_at < began - timedelta(seconds=0.2)
    assert abs(view.checked_at - found) < timedelta(seconds=10)
    assert (view.status, view.failure) == (Status.DEGRADED, Failure.AUTH)
    assert view.data["observed_by"] == "r-1"
    assert len(component.asked) == 1


async def test_all_leave_a_component_alone_that_one_was_told_to(
    database_url: str,
) -> None:
    component = Component(AUTH)
    options = {"period": 5.0, "backoff": True}
    async with members(database_url, component, 3, **options) as fleet:
        await until(lambda: all(one.heard for one in fleet))
        [row] = await rows(database_url)
        await asyncio.sleep(0.5)

        assert len(component.asked) == 1
        assert row["next_at"] - row["observed_at"] > timedelta(minutes=59)
        for one in fleet:
            assert one.view.valid_until is not None
            assert one.view.valid_until > datetime.now(UTC) + timedelta(minutes=59)


async def test_a_restart_asks_again_after_what_was_mended(database_url: str) -> None:
    component = Component(AUTH)
    options: dict[str, Any] = {"period": 0.3, "backoff": True}
    async with member(database_url, component, "r-1", **options) as old:
        await until(lambda: old.heard)
        await asyncio.sleep(options["period"])
        assert len(component.asked) == 1
        async with member(database_url, component, "r-2", **options) as new:
            await until(lambda: new.view.status is Status.HEALTHY)
            assert component.asked[1].by == "r-2"
            await until(lambda: numbers(old)[-1] >= 2)


async def test_a_new_replica_does_not_make_one_bad_answer_count_for_all(
    database_url: str,
) -> None:
    """Its own status would take the first result for certain: an hour for everybody."""
    component = Component(OK, AUTH)
    options: dict[str, Any] = {"period": 0.2, "backoff": True, "timeout": 30}
    async with member(database_url, component, "r-1", **options) as one:
        await until(lambda: one.heard)
        await one.die()
        async with member(database_url, component, "r-2", **options) as other:
            # Asked by the second, soon after it: not after an hour.
            await until(lambda: numbers(other) and numbers(other)[-1] >= 3)


async def test_a_replica_that_dies_while_it_asks_is_followed_by_another(
    database_url: str,
) -> None:
    component = Component()
    component.hangs = True
    options = {"period": 0.2, "timeout": 0.5}
    async with members(database_url, component, 2, **options) as fleet:
        await until(lambda: component.asked)
        component.hangs = False
        [claimer] = [one for one in fleet if one.replica == component.asked[0].by]
        [other] = [one for one in fleet if one is not claimer]
        await claimer.die()
        await until(lambda: other.heard)

    first, second = component.asked[:2]
    assert second.by == other.replica
    assert second.at - first.at > lease_of(other.entry.policy) - 0.2


async def test_replicas_with_another_key_ask_for_themselves(database_url: str) -> None:
    component, rotated = Component(AUTH, AUTH, AUTH), Component()
    secret = "sk-live-a-secret"
    async with AsyncExitStack() as stack:
        old, new = [
            await stack.enter_async_context(
                member(database_url, asked, replica, subject=key, period=0.2)
            )
            for asked, replica, key in (
                (component, "r-1", secret),
                (rotated, "r-2", f"{secret}-rotated"),
            )
        ]
        await until(lambda: len(old.heard) >= 2)
        await until(lambda: len(new.heard) >= 2)

    assert {one.by for one in component.asked} == {"r-1"}
    assert {one.by for one in rotated.asked} == {"r-2"}
    assert old.heard[1].shown is Status.DEGRADED
    assert {heard.shown for heard in new.heard} == {Status.HEALTHY}
    stored = await rows(database_url)
    assert len(stored) == 2
    assert secret not in str(stored)


async def test_without_the_store_each_asks_alone_and_seldom_until_it_is_back(
    relay: Relay,
) -> None:
    component = Component()
    options = {"period": 0.4, "timeout": 10.0}
    async with members(relay.url, component, 3, **options) as fleet:
        await until(lambda: all(len(one.heard) >= 2 for one in fleet))
        relay.cut()
        before, cut_at = len(component.asked), time.monotonic()

        def alone() -> set[str]:
            return {one.by for one in component.asked[before:]}

        await until(lambda: len(alone()) == 3)
        took = time.monotonic() - cut_at
        each = took / (ALONE_FACTOR * options["period"]) + 1
        # One more may have been under way.
        assert len(component.asked) - before <= 3 * each + 1
        assert {one.view.status for one in fleet} == {Status.HEALTHY}
        await until(lambda: all(not _is_shared(one) for one in fleet))

        relay.mend()
        await until(lambda: all(_is_shared(one) for one in fleet))


def _is_shared(one: Member) -> bool:
    return "observed_by" in one.heard[-1].result.data


async def test_a_store_without_the_table_counts_as_away(
    postgres: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    component = Component()
    async with (
        fresh_database(postgres, migrated=False) as url,
        member(url, component, "r-1", period=0.2) as one,
    ):
        await until(lambda: len(one.heard) >= 2)

    first, second = component.asked[:2]
    assert second.at - first.at >= 0.2 * ALONE_FACTOR
    told = [one for one in caplog.records if "the store is away" in one.message]
    assert len(told) == 1
    assert "pm33 migrate up" in str(vars(told[0])["remedy"])


async def test_a_clock_of_the_store_that_is_put_back_stops_nobody(
    database_url: str,
) -> None:
    component = Component()
    async with member(database_url, component, "r-1", period=0.2) as one:
        await until(lambda: one.heard)
    await rows(
        database_url,
        "update ops.shared_result set observed_at = observed_at + interval '1 day',"
        " claimed_until = claimed_until + interval '1 day',"
        " next_at = next_at + interval '1 day'",
    )
    async with member(database_url, component, "r-2", period=0.2) as other:
        await until(lambda: len(numbers(other)) >= 2)

    assert {one.by for one in component.asked[-2:]} == {"r-2"}


async def test_a_result_that_is_too_old_is_not_taken_for_the_truth(
    database_url: str,
) -> None:
    component = Component(BAD)
    async with member(database_url, component, "r-1", period=0.2) as one:
        await until(lambda: one.heard)
    await rows(
        database_url,
        "update ops.shared_result set observed_at = observed_at - interval '1 day',"
        " claimed_by = 'r-9', claimed_until = now() + interval '1 hour'",
    )
    async with member(database_url, component, "r-2", period=0.2) as other:
        await asyncio.sleep(0.4)
        assert other.heard == []
        assert other.view.status is Status.UNKNOWN
    assert {one.by for one in component.asked} == {"r-1"}


async def test_a_check_that_is_not_for_all_is_asked_by_each(database_url: str) -> None:
    component = Component()
    async with members(database_url, component, 2, period=0.1, shared=False):
        await until(lambda: {one.by for one in component.asked} == {"r-1", "r-2"})

    assert await rows(database_url) == []


@pytest.mark.full
async def test_a_store_that_hangs_keeps_nobody_from_asking() -> None:
    component = Component()
    async with private_postgres() as server:
        options = {"period": 1.0, "timeout": 20.0}
        async with members(server.url, component, 3, **options) as fleet:
            await until(lambda: all(len(one.heard) >= 2 for one in fleet))
            server.freeze()
            before = len(component.asked)
            await until(
                lambda: (
                    {one.by for one in component.asked[before:]}
                    == {one.replica for one in fleet}
                ),
                within=60,
            )
            assert {one.view.status for one in fleet} == {Status.HEALTHY}
            server.thaw()
            await until(lambda: all(_is_shared(one) for one in fleet), within=60)
