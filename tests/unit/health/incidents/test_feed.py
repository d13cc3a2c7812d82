from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.health.checks.vendor import Answer, Read
from app.backend.health.incidents.feed import Pace, StatusFeed, pause_of
from app.backend.health.incidents.pages import PAGES
from tests.support.fake_page import incident, summary
from tests.support.judging import SILENCE, answered, unreadable

PACE = Pace()
TOUCHED = answered(200, summary(incident("API")), etag='"1"')
WELL = answered(200, summary(), etag='"2"')
UNCHANGED = unreadable(304)
FAILURES = (
    *(answered(500), unreadable(), SILENCE, answered(200, {"no": "page"})),
    answered(200, summary(components=("Renamed",))),
)


class Script:
    """Answers one after the other, and raises what is an exception."""

    def __init__(self, answers: Sequence[Answer | Exception]) -> None:
        self._answers = [*answers]
        self.reads: list[Read] = []

    async def open(self) -> None:
        if isinstance(self._answers[0], Exception):
            raise self._answers.pop(0)  # type: ignore[misc]  # seen to be one

    async def ask(self, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - as the protocol has it
        del timeout
        self.reads.append(read)
        answer = self._answers.pop(0)
        assert isinstance(answer, Answer)
        return answer

    async def close(self) -> None:
        """Nothing is open."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def looked(*answers: Answer | Exception, **options: Any) -> StatusFeed:
    script = Script(answers)
    feed = StatusFeed("openai", PAGES["openai"], script, **options)
    for _ in answers:
        await feed.look()
    return feed


@given(
    failures=st.integers(0, 9),
    chance=st.floats(0, 1),
    told=st.none() | st.floats(0, 1e9),
)
def test_a_page_is_asked_every_two_to_five_minutes_and_rests_after_failures(
    failures: int, chance: float, told: float | None
) -> None:
    pause = pause_of(PACE, failures, chance, told)
    assert pause >= 120
    if failures >= 3:
        assert 1920 <= pause <= 2100
    elif not told:
        assert pause <= 300
    assert pause <= 2100


def test_a_page_that_asks_to_be_left_alone_is() -> None:
    assert pause_of(PACE, 1, 0.5, 1000) == 1000
    assert pause_of(PACE, 1, 0.5, 5) == 210


async def test_the_newest_word_counts() -> None:
    assert (await looked(WELL)).incident is None
    assert (await looked(WELL, TOUCHED)).incident is not None
    assert (await looked(TOUCHED, WELL)).incident is None


@pytest.mark.parametrize("trouble", [*FAILURES, OSError("canary")], ids=repr)
async def test_a_page_that_fails_is_no_incident_and_keeps_its_last_word(
    trouble: Answer | Exception,
) -> None:
    nothing = await looked(trouble)
    assert (nothing.is_known, nothing.incident) == (False, None)
    assert (await looked(WELL, trouble)).incident is None
    assert (await looked(TOUCHED, trouble)).incident is not None


async def test_a_word_that_is_too_old_counts_as_none() -> None:
    clock = Clock()
    feed = await looked(TOUCHED, clock=clock)
    clock.now = PACE.stale
    told = feed.incident
    clock.now += 1

    assert told is not None
    assert feed.incident is None
    assert not feed.is_known


async def test_an_unchanged_page_is_as_good_as_new() -> None:
    clock = Clock()
    script = Script([TOUCHED, UNCHANGED])
    feed = StatusFeed("openai", PAGES["openai"], script, clock=clock)
    await feed.look()
    clock.now = PACE.stale
    await feed.look()
    clock.now += PACE.stale

    assert feed.incident is not None
    assert [read.headers for read in script.reads] == [{}, {"if-none-match": '"1"'}]


async def test_a_page_that_was_not_read_is_not_unchanged() -> None:
    assert not (await looked(UNCHANGED)).is_known


async def test_it_is_told_once_that_a_page_fails_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="pm33.health")
    await looked(*([answered(500)] * 5), WELL, WELL, answered(500))
    assert [record.getMessage() for record in caplog.records] == [
        "the status page of openai cannot be read: HTTP 500",
        "the status page of openai can be read again",
    ]
