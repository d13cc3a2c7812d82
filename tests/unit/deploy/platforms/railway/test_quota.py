from datetime import UTC, datetime, timedelta

import pytest

from app.backend.deploy.platforms.railway.quota import (
    LONGEST,
    RESERVE,
    Quota,
    pace,
    seconds_to_reset,
)
from tests.support.simulated_release import PatientClock

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def told(left: int, limit: int, reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": reset,
    }


def test_what_is_left_lasts_until_there_is_more() -> None:
    assert pace(100, 3600) == pytest.approx(3600 / (100 - RESERVE))
    assert pace(10_000, 3600) < 0.5
    assert pace(100, 3600, reserve=0) == 36


@pytest.mark.parametrize("left", [0, 1, RESERVE])
def test_the_reserve_for_a_rollback_is_not_spent(left: int) -> None:
    assert pace(left, 120) == 120


def test_after_the_window_there_is_nothing_to_wait_for() -> None:
    assert pace(3, -5) == 0


def test_before_railway_has_said_anything_nothing_is_known() -> None:
    quota = Quota()

    assert (quota.limit, quota.left, quota.resets_at) == (None, None, None)
    assert (quota.made, quota.pace()) == (0, 0)
    assert quota.words() == "0 requests of Railway's API"


def test_what_an_answer_says_counts_less_what_was_sent_since() -> None:
    clock = PatientClock()
    quota = Quota(clock)
    quota.sent()
    quota.saw(told(60, 100, "1800"))
    clock.now += 300
    quota.sent()

    assert (quota.made, quota.limit, quota.left) == (2, 100, 59)
    assert quota.resets_at is not None
    ahead = quota.resets_at - datetime.now(UTC)
    assert timedelta(seconds=1490) < ahead <= timedelta(seconds=1500)
    assert quota.pace() == pytest.approx(1500 / (59 - RESERVE))
    assert quota.words().startswith(
        "2 requests of Railway's API; 59 of 100 left until "
    )


def test_a_window_that_is_over_tells_nothing_of_the_next_one() -> None:
    clock = PatientClock()
    quota = Quota(clock)
    quota.saw(told(3, 100, "60"))
    clock.now += 61

    assert (quota.left, quota.resets_at, quota.pace()) == (None, None, 0)
    quota.sent()
    assert quota.words() == "1 request of Railway's API"


def test_what_is_left_is_never_less_than_nothing() -> None:
    quota = Quota(PatientClock())
    quota.saw(told(1, 100, "60"))
    for _ in range(3):
        quota.sent()

    assert quota.left == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "5"},
        {"x-ratelimit-remaining": "many", "x-ratelimit-reset": "5"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "5"},
        {"x-ratelimit-remaining": "9" * 5000, "x-ratelimit-reset": "5"},
        {"x-ratelimit-remaining": "²", "x-ratelimit-reset": "5"},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": "nan"},
    ],
)
def test_headers_that_say_nothing_change_nothing(headers: dict[str, str]) -> None:
    quota = Quota(PatientClock())
    quota.saw(told(60, 100, "1800"))
    quota.saw(headers)

    assert quota.left == 60


@pytest.mark.parametrize(
    "text",
    [
        "90",
        str(int(NOW.timestamp()) + 90),
        str((int(NOW.timestamp()) + 90) * 1000),
        "2026-11-23T09:01:30Z",
        "2026-11-23T10:01:30+01:00",
        "Mon, 23 Nov 2026 09:01:30 GMT",
    ],
)
def test_a_reset_is_understood_in_each_form_that_there_is(text: str) -> None:
    assert seconds_to_reset({"x-ratelimit-reset": text}, NOW) == 90


def test_a_reset_is_measured_by_railways_clock_where_it_tells_its_time() -> None:
    headers = {
        "x-ratelimit-reset": str(int(NOW.timestamp()) + 90),
        "date": "Mon, 23 Nov 2026 09:00:30 GMT",
    }

    assert seconds_to_reset(headers, NOW - timedelta(hours=3)) == 60


def test_a_reset_is_neither_past_nor_farther_than_the_longest_window() -> None:
    assert seconds_to_reset({"x-ratelimit-reset": "-4"}, NOW) == 0
    assert seconds_to_reset({"x-ratelimit-reset": "86400"}, NOW) == LONGEST


@pytest.mark.parametrize("text", ["", "soon", "inf", "2026-11-23T09:01:30"])
def test_a_reset_that_is_no_time_is_none(text: str) -> None:
    assert seconds_to_reset({"x-ratelimit-reset": text}, NOW) is None
