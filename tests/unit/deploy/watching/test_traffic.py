import random

import pytest

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.traffic import Stretch, judge, norm_of, stretch_between

BOUNDS = (0.01, 0.1, 0.5, 1.0)


def counters(
    requests: int, errors: int = 0, *buckets: int, bounds: tuple[float, ...] = BOUNDS
) -> TrafficCounters:
    return TrafficCounters(
        requests=requests,
        errors=errors,
        bounds=bounds,
        buckets=buckets or (requests, 0, 0, 0, 0),
    )


NORM = norm_of(counters(9000, 27))


def stretches(*counts: tuple[int, int]) -> list[Stretch]:
    return [
        Stretch(10.0 * index, requests, errors, 0)
        for index, (requests, errors) in enumerate(counts)
    ]


def test_as_many_errors_as_before_are_no_reason() -> None:
    assert not judge(stretches(*[(50, 0), (50, 1)] * 20), NORM)


def test_many_errors_for_long_are_a_reason() -> None:
    complaint = judge(stretches(*[(50, 3)] * 12), NORM)

    assert complaint.startswith("36 of 600 requests failed")


def test_a_burst_is_no_reason_however_bad() -> None:
    good = [(50, 0)] * 10

    assert not judge(stretches(*good, (50, 50), (50, 50), *good), NORM)


def test_a_long_good_time_does_not_hide_a_bad_end() -> None:
    assert judge(stretches(*[(500, 1)] * 78, *[(500, 25)] * 6), NORM)


def test_too_few_errors_decide_nothing() -> None:
    assert not judge(stretches((2, 2), (2, 2)), NORM)
    assert not judge([], NORM)


def test_what_is_excused_does_not_count() -> None:
    excused = [Stretch(10.0 * i, 50, 50, 0, excused=True) for i in range(20)]

    assert not judge(excused, NORM)


def test_a_release_that_failed_often_may_be_followed_by_one_like_it() -> None:
    bad = norm_of(counters(1000, 200))

    assert not judge(stretches(*[(50, 12)] * 20), bad)
    assert judge(stretches(*[(50, 35)] * 20), bad)


@pytest.mark.parametrize("old", [None, counters(0), counters(3)])
def test_without_history_a_tenth_may_fail(old: TrafficCounters | None) -> None:
    norm = norm_of(old)

    assert not judge(stretches(*[(50, 4)] * 20), norm)
    assert judge(stretches(*[(50, 20)] * 20), norm)


def test_slow_is_well_beyond_the_95th_percentile_of_before() -> None:
    assert norm_of(counters(1000, 0, 900, 100, 0, 0, 0)).slow == 0.5
    assert norm_of(counters(1000, 0, 0, 0, 990, 10, 0)).slow == 1.0
    assert norm_of(counters(1000, 0, 0, 0, 0, 0, 1000)).slow is None


def test_many_slow_answers_are_a_reason() -> None:
    slow = [Stretch(10.0 * i, 50, 0, 25) for i in range(6)]

    assert "took longer than 0.5 s" in judge(slow, NORM)


def test_what_was_answered_since_the_last_look_is_counted() -> None:
    before = counters(100, 1, 90, 0, 0, 10, 0)
    after = counters(160, 3, 140, 0, 0, 14, 6)

    assert stretch_between(5.0, before, after, NORM) == Stretch(5.0, 60, 2, 10)


@pytest.mark.parametrize("before", [None, counters(500, 9)])
def test_a_first_look_and_one_after_counting_began_anew_count_nothing(
    before: TrafficCounters | None,
) -> None:
    assert stretch_between(5.0, before, counters(100, 3), NORM).requests == 0


@pytest.mark.full
@pytest.mark.parametrize("rps", [0.5, 5.0, 50.0])
def test_a_good_release_is_hardly_ever_blamed(rps: float) -> None:
    assert blamed(rps, share=0.003, bakes=200) <= 2


@pytest.mark.full
@pytest.mark.parametrize(("rps", "share"), [(5.0, 0.05), (50.0, 0.02), (0.5, 0.1)])
def test_a_bad_one_nearly_always(rps: float, share: float) -> None:
    assert blamed(rps, share=share, bakes=50) >= 48


def blamed(rps: float, share: float, bakes: int) -> int:
    """Of so many bakes of 15 minutes, looked at every 10 s."""
    count = 0
    for seed in range(bakes):
        chance, seen = random.Random(seed), []  # noqa: S311 - a simulation has to repeat
        for look in range(90):
            requests = sum(chance.random() < 0.5 for _ in range(int(rps * 20)))
            errors = sum(chance.random() < share for _ in range(requests))
            seen.append(Stretch(10.0 * look, requests, errors, 0))
            if judge(seen, NORM):
                count += 1
                break
    return count
