"""How Railway's samples by the minute become the counters a release is judged by."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.platforms.railway.traffic import (
    BOUNDS,
    STEP,
    Minutes,
    window,
)
from app.backend.deploy.watching.traffic import judge, norm_of, stretch_between
from app.errors import PlatformError

BEGAN = datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)
FAST = (20.0, 40.0, 50.0, 90.0)


def answer(
    minutes: Mapping[datetime, Mapping[int, float]], times: Sequence[float] = FAST
) -> dict[str, Any]:
    """As Railway tells it: for each status the minutes, then the percentiles."""
    codes = sorted({code for told in minutes.values() for code in told})
    return {
        "httpMetricsGroupedByStatus": [
            {
                "statusCode": code,
                "samples": [
                    {"ts": int(at.timestamp()), "value": told[code]}
                    for at, told in minutes.items()
                    if code in told
                ],
            }
            for code in codes
        ],
        "httpDurationMetrics": {
            "samples": [
                {"ts": int(at.timestamp())}
                | dict(zip(("p50", "p90", "p95", "p99"), times, strict=True))
                for at in minutes
            ]
        },
    }


def told(
    count: int, codes: Mapping[int, float], times: Sequence[float] = FAST
) -> TrafficCounters:
    """So many minutes, all alike."""
    start, _ = window(BEGAN, BEGAN + timedelta(hours=1))
    minutes = {start + timedelta(minutes=one): codes for one in range(count)}
    known = Minutes()
    known.take(answer(minutes, times), start, start + timedelta(minutes=count))
    return known.counters()


def test_a_stretch_begins_with_a_minute_that_nobody_else_has_answered_in() -> None:
    start, end = window(BEGAN, BEGAN + timedelta(minutes=10))
    assert start == datetime(2026, 11, 23, 8, 2, tzinfo=UTC)
    assert end == datetime(2026, 11, 23, 8, 10, tzinfo=UTC)


def test_the_first_question_goes_back_six_hours_at_most() -> None:
    start, end = window(BEGAN - timedelta(days=9), BEGAN)
    assert end - start == timedelta(hours=6)


def test_5xx_and_answers_without_a_status_are_errors() -> None:
    found = told(2, {200: 90, 404: 5, 499: 1, 500: 2, 502: 1, 0: 1})
    assert (found.requests, found.errors) == (200, 8)


def test_a_minute_that_is_asked_for_again_is_counted_once_as_told_last() -> None:
    start, _ = window(BEGAN, BEGAN + timedelta(hours=1))
    known, seen = Minutes(), []
    for number in range(1, 12):
        end = start + timedelta(seconds=STEP * number)
        asked = known.since(start)
        assert end - asked <= timedelta(seconds=3 * STEP)
        first = int((asked - start).total_seconds()) // STEP
        # The newest minute is told in part at first.
        minutes = {
            start + timedelta(minutes=one): {200: 10.0 if one < number - 1 else 4.0}
            for one in range(first, number)
        }
        known.take(answer(minutes), asked, end)
        seen.append(known.counters().requests)
    assert seen == [10 * number + 4 for number in range(11)]


def test_samples_outside_of_the_window_are_passed_over() -> None:
    start, end = window(BEGAN, BEGAN + timedelta(minutes=10))
    early, late = start - timedelta(minutes=1), end
    known = Minutes()
    known.take(
        answer({early: {500: 7.0}, start: {200: 1.0}, late: {500: 9.0}}), start, end
    )
    assert (known.counters().requests, known.counters().errors) == (1, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"httpMetricsGroupedByStatus": None, "httpDurationMetrics": None},
        {"httpMetricsGroupedByStatus": [], "httpDurationMetrics": {"samples": [{}]}},
        {"httpMetricsGroupedByStatus": ["x"], "httpDurationMetrics": {"samples": []}},
    ],
)
def test_an_answer_that_is_none_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="cannot be read"):
        Minutes().take(body, BEGAN, BEGAN)


def test_a_percentile_that_meets_a_bound_is_exact() -> None:
    found = told(1, {200: 1000.0}, (50.0, 250.0, 500.0, 1000.0))
    upto = {bound: sum(found.buckets[: i + 1]) for i, bound in enumerate(BOUNDS)}
    counted = [upto[one] for one in (0.05, 0.25, 0.5, 1.0)]
    # Each bucket is rounded by itself, so that none ever shrinks.
    assert counted == pytest.approx([500, 900, 950, 990], abs=3)


@settings(max_examples=40)
@given(
    times=st.lists(
        st.floats(min_value=0, max_value=60_000, allow_nan=False),
        min_size=4,
        max_size=4,
    ).map(sorted),
    requests=st.integers(min_value=0, max_value=100_000),
)
def test_every_answer_is_somewhere_and_between_its_percentiles(
    times: list[float], requests: int
) -> None:
    found = told(1, {200: float(requests)}, times)
    # Each bucket is rounded by itself.
    assert abs(sum(found.buckets) - requests) <= len(found.buckets)
    for share, at in zip((0.5, 0.9, 0.95, 0.99), times, strict=True):
        beyond = sum(
            count
            for bound, count in zip((0.0, *BOUNDS), found.buckets, strict=True)
            if bound >= max(at / 1000, 0.001)
        )
        assert beyond <= (1 - share) * requests + len(found.buckets)


def test_a_release_that_fails_is_found_and_a_healthy_one_is_not() -> None:
    old = told(60, {200: 100.0, 500: 0.2})
    norm = norm_of(old)
    for codes, times, complaint in (
        ({200: 100.0, 500: 0.2}, FAST, ""),
        ({200: 95.0, 502: 5.0}, FAST, "requests failed"),
        ({200: 100.0}, (900.0, 2000.0, 3000.0, 5000.0), "took longer"),
    ):
        stretches, before = [], None
        for minute in range(1, 6):
            after = told(minute, codes, times)
            at = 60.0 * minute
            stretches.append(stretch_between(at, before, after, norm))
            before = after
        assert complaint in judge(stretches, norm)
        assert bool(judge(stretches, norm)) == bool(complaint)
