import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.health.alone import ALONE_FACTOR, Alone
from app.backend.health.models import CheckPolicy

POLICY = CheckPolicy(period=60, timeout=10)


def dice(seed: int = 7) -> random.Random:
    return random.Random(seed)  # noqa: S311 - jitter


def begin(alone: Alone, now: float, open_from: float, expires: float) -> float:
    return alone.begin(now, dice(), open_from=open_from, expires=expires)


@pytest.mark.parametrize(("replicas", "periods"), [(1, 4), (4, 4), (20, 20)])
def test_so_many_periods_as_there_are_replicas_but_a_few_at_least(
    replicas: int, periods: int
) -> None:
    assert Alone(replicas=replicas).period(POLICY) == 60 * periods
    assert ALONE_FACTOR == 4


def test_who_knows_nothing_asks_at_once() -> None:
    assert begin(Alone(), 100, float("-inf"), float("-inf")) == 100


@given(st.integers(0, 10_000))
def test_who_knows_something_asks_before_that_turns_unknown(seed: int) -> None:
    first = Alone().begin(100, dice(seed), open_from=130, expires=250)
    assert 130 <= first <= 250


def test_replicas_that_lose_the_store_together_do_not_ask_together() -> None:
    firsts = sorted(
        Alone().begin(100, dice(seed), open_from=130, expires=250) for seed in range(20)
    )
    assert firsts[-1] - firsts[0] > 60
    assert len({int(first) // 30 for first in firsts}) > 3


def test_the_first_attempt_is_found_once() -> None:
    alone = Alone()
    first = begin(alone, 100, 130, 250)
    assert begin(alone, first + 1, 130, 250) == first


def test_a_store_that_comes_and_goes_makes_nobody_ask_more_often() -> None:
    alone = Alone(replicas=20)
    wait = alone.asked(100, 0.0, POLICY, dice())
    assert 1200 <= wait <= 1320
    for now in range(110, 1000, 10):
        alone.end(20)
        assert begin(alone, now, float("-inf"), float("-inf")) == 100 + wait


def test_a_component_that_wants_to_be_left_alone_is() -> None:
    assert Alone().asked(0, 3600, POLICY, dice()) >= 3600
