"""A dead man's switch that cries only when somebody is dead."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from app.backend.health.checks.declared.heartbeat import HeartbeatCheck, judge_beat
from app.backend.health.checks.declared.models import HeartbeatTable
from app.backend.health.heartbeats import Beat, Heartbeat, HeartbeatStore
from app.backend.health.models import CheckResult, Failure, Status
from app.errors import HeartbeatError

HOUR = 3600.0
HEALTHY, UNKNOWN, UNHEALTHY = Status.HEALTHY, Status.UNKNOWN, Status.UNHEALTHY
BEATEN = datetime(2026, 11, 23, tzinfo=UTC)


class Rows(HeartbeatStore):
    """A store in memory, on a clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.beaten: float | None = None
        self.away = False
        self.hangs = False
        self.looked = self.written = 0

    def clock(self) -> float:
        return self.now

    @override
    async def beat(self, name: str, sender: str) -> datetime:
        self.written += 1
        self._ask()
        self.beaten = self.now
        return BEATEN

    @override
    async def last(self, name: str) -> Beat | None:
        self.looked += 1
        self._ask()
        if self.hangs:
            await asyncio.Event().wait()
        return None if self.beaten is None else Beat(self.now - self.beaten, "cron")

    def _ask(self) -> None:
        if self.away:
            raise ConnectionRefusedError("nobody listens")


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def nightly(rows: Rows) -> HeartbeatCheck:
    table = HeartbeatTable.model_validate(
        {"type": "heartbeat", "every": HOUR, "grace": 60.0}
    )
    return HeartbeatCheck(
        "nightly", table, rows, period=15.0, timeout=0.5, clock=rows.clock
    )


async def after(check: HeartbeatCheck, rows: Rows, seconds: float) -> CheckResult:
    rows.now += seconds
    return await check.probe()


async def test_before_the_first_beat_nobody_knows_and_then_it_is_missing(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    assert (await nightly.probe()).status is UNKNOWN
    assert (await after(nightly, rows, HOUR + 60)).status is UNKNOWN
    missing = await after(nightly, rows, 16)

    assert (missing.status, missing.failure) == (UNHEALTHY, Failure.TIMEOUT)
    assert missing.message.startswith("it has never beaten; one is due every 3600 s")
    assert missing.remedy


async def test_while_nothing_is_known_the_row_is_looked_at_once_a_period(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    for _ in range(30):
        await after(nightly, rows, 1)

    assert rows.looked == 3


async def test_a_beat_counts_until_it_is_overdue(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.probe()
    await nightly.beat("cron")

    found = [await after(nightly, rows, step) for step in (1, HOUR - 2, 2, 59, 1)]

    assert [one.status for one in found] == [*[HEALTHY] * 4, UNHEALTHY]
    assert [one.data.get("late") for one in found] == [False, False, True, True, None]
    assert found[-1].failure is Failure.TIMEOUT
    assert found[0].data["sender"] == "cron"


async def test_a_beat_ends_the_alarm(nightly: HeartbeatCheck, rows: Rows) -> None:
    await nightly.probe()
    assert (await after(nightly, rows, 2 * HOUR)).status is UNHEALTHY

    await nightly.beat("cron")

    assert (await nightly.probe()).status is HEALTHY


async def test_while_the_database_is_away_the_last_beat_counts_and_then_nobody_knows(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    await nightly.probe()
    rows.away = True

    still = await after(nightly, rows, HOUR)
    over = await after(nightly, rows, 61)

    assert (still.status, over.status) == (HEALTHY, UNKNOWN)
    assert "the last beat still counts" in still.message
    assert "the database cannot be asked (ConnectionRefusedError" in over.message
    assert over.remedy


async def test_a_database_that_hangs_says_nothing_against_the_job(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    rows.hangs = True
    hung = await after(nightly, rows, 2 * HOUR)

    assert hung.status is UNKNOWN
    assert "the database cannot be asked (TimeoutError" in hung.message


async def test_a_job_that_could_not_report_is_not_blamed_for_that(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    rows.away = True
    await after(nightly, rows, 2 * HOUR)
    rows.away = False

    back = await after(nightly, rows, 15)
    later = await after(nightly, rows, HOUR)
    missing = await after(nightly, rows, 60)

    assert [back.status, later.status, missing.status] == [UNKNOWN, UNKNOWN, UNHEALTHY]
    assert "some may have been lost" in back.message


async def test_who_was_overdue_before_an_outage_is_not_excused_by_it(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    overdue = await after(nightly, rows, HOUR + 120)
    rows.away = True
    nobody_knows = await after(nightly, rows, 15)
    rows.away = False
    still = await after(nightly, rows, 15)

    found = [overdue.status, nobody_knows.status, still.status]
    assert found == [UNHEALTHY, UNKNOWN, UNHEALTHY]


async def test_one_outage_after_the_other_does_not_hide_a_dead_job_for_ever(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    for _ in range(3):
        await after(nightly, rows, HOUR / 2)
        rows.away = True
        await after(nightly, rows, 15)
        rows.away = False
        found = await after(nightly, rows, 15)
    assert found.status is UNKNOWN

    assert (await after(nightly, rows, HOUR / 2 + 60)).status is UNHEALTHY


async def test_a_beat_that_was_lost_excuses_also_who_was_overdue(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    assert (await after(nightly, rows, 2 * HOUR)).status is UNHEALTHY
    rows.away = True
    with pytest.raises(HeartbeatError):
        await nightly.beat("cron")
    rows.away = False

    assert (await after(nightly, rows, 15)).status is UNKNOWN


async def test_a_lost_beat_excuses_as_much_as_a_failed_look(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    rows.now += HOUR
    rows.away = True
    with pytest.raises(HeartbeatError, match="could not be stored"):
        await nightly.beat("cron")
    rows.away = False

    assert (await after(nightly, rows, 120)).status is UNKNOWN


async def test_a_beat_that_another_replica_took_counts(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    await nightly.beat("cron")
    rows.now += HOUR
    rows.beaten = rows.now

    found = await after(nightly, rows, HOUR)

    assert (found.status, found.data["age_s"]) == (HEALTHY, HOUR)


async def test_while_the_database_is_away_it_is_asked_once_a_period(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    rows.away = True
    for _ in range(30):
        assert (await after(nightly, rows, 1)).status is UNKNOWN

    assert rows.looked == 3


async def test_a_flood_of_beats_is_one_row_a_second(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    for _ in range(100):
        assert await nightly.beat("cron") == BEATEN
    rows.now += 1.0
    await nightly.beat("cron")

    assert rows.written == 2


async def test_a_flood_while_the_database_is_away_is_one_attempt_a_second(
    nightly: HeartbeatCheck, rows: Rows
) -> None:
    rows.away = True
    for _ in range(100):
        with pytest.raises(HeartbeatError) as refused:
            await nightly.beat("cron")

    assert rows.written == 1
    assert "repeat it" in refused.value.remedy


async def test_without_a_database_it_is_skipped_and_takes_nothing(rows: Rows) -> None:
    table = HeartbeatTable.model_validate({"type": "heartbeat", "every": HOUR})
    check = HeartbeatCheck("nightly", table, None, period=15.0, timeout=10.0)

    assert (await check.probe()).status is Status.SKIPPED
    with pytest.raises(HeartbeatError, match="none is configured"):
        await check.beat("cron")


def test_it_is_found_among_other_checks(nightly: HeartbeatCheck) -> None:
    assert isinstance(nightly, Heartbeat)


spans = st.floats(min_value=0, max_value=1e7)


@given(st.none() | spans, spans, spans, spans, spans)
def test_nobody_is_blamed_before_every_and_grace_have_passed(
    age: float | None, every: float, grace: float, known: float, reachable: float
) -> None:
    beat = None if age is None else Beat(age)
    result = judge_beat(
        beat, every=every, grace=grace, known=known, reachable=reachable
    )

    silent = known if age is None else age
    if result.status is UNHEALTHY:
        assert min(silent, reachable) > every + grace
    else:
        assert min(silent, reachable) <= every + grace
