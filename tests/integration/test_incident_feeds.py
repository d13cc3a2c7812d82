"""Status pages over real HTTP: what they do can neither delay nor worsen anything."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.incidents.feed import Pace, StatusFeed
from app.backend.health.incidents.pages import page_for
from app.backend.health.supervisor import Supervisor
from tests.support.canned_http import still_open
from tests.support.fake_page import FakePage, Manner, fake_page, incident, summary
from tests.support.fake_vendors import closed_port
from tests.support.judging import config_of
from tests.support.service import until

FAST = Pace(least=0.01, most=0.02, start=0.0, timeout=20.0, rest=3600.0)
HASTY = Pace(timeout=0.3)


@pytest.fixture
async def page() -> AsyncIterator[FakePage]:
    async with fake_page() as served:
        yield served


@pytest.fixture
async def pool() -> AsyncIterator[VendorPool]:
    opened = VendorPool()
    yield opened
    await opened.close()


def feed_of(url: str, pool: VendorPool, pace: Pace) -> StatusFeed:
    page = page_for("openai", "", config_of(HEALTH_OPENAI_STATUS_URL=url))
    assert page is not None
    return StatusFeed("openai", page, pool, pace=pace, seed=7)


async def test_a_page_is_read_again_only_where_it_has_changed(
    page: FakePage, pool: VendorPool
) -> None:
    feed = feed_of(page.url, pool, FAST)
    for _ in range(2):
        await feed.look()
    assert (page.statuses, feed.incident) == ([200, 304], None)
    page.body = summary(incident("API"))
    for _ in range(2):
        await feed.look()

    assert page.statuses == [200, 304, 200, 304]
    assert page.conditions[0] == ""
    assert page.conditions[1] == page.conditions[2] != page.conditions[3]
    assert feed.incident is not None
    assert feed.incident.components == ("API",)


@pytest.mark.parametrize("manner", [one for one in Manner if one is not Manner.OK])
async def test_a_page_that_cannot_be_read_says_nothing_and_keeps_its_last_word(
    page: FakePage, pool: VendorPool, manner: Manner
) -> None:
    page.body = summary(incident("API"))
    known, unknown = (feed_of(page.url, pool, FAST) for _ in range(2))
    await known.look()
    page.manner = manner
    if manner is Manner.HANG:
        unknown = feed_of(page.url, pool, HASTY)
    else:
        await known.look()
    await unknown.look()

    assert known.incident is not None
    assert not unknown.is_known
    assert unknown.incident is None
    assert not still_open(page.url)


async def test_a_page_that_is_away_says_nothing(pool: VendorPool) -> None:
    feed = feed_of(f"http://127.0.0.1:{closed_port()}/summary.json", pool, HASTY)
    await feed.look()
    assert not feed.is_known


async def test_a_page_is_looked_at_again_and_again_and_left_alone_after_failures(
    page: FakePage, pool: VendorPool
) -> None:
    feed, supervisor = feed_of(page.url, pool, FAST), Supervisor()
    supervisor.spawn("incidents:openai", feed.run)

    async def looked_thrice() -> bool:
        return len(page.statuses) >= 3

    await until(looked_thrice)
    page.manner = Manner.BROKEN

    async def failed_thrice() -> bool:
        return page.statuses.count(500) >= 3

    await until(failed_thrice)
    seen = len(page.conditions)
    # Twenty times as long as it would have waited.
    await asyncio.sleep(FAST.most * 20)
    await supervisor.stop()

    assert len(page.conditions) == seen
    assert supervisor.restarts == {"incidents:openai": 0}
