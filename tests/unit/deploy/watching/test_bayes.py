import math

import pytest

from app.backend.deploy.watching.bayes import exceeds, upper_bound


def by_quadrature(
    events: int, trials: int, limit: float, steps: int = 100_000
) -> float:
    """The same by a sum, with x = sin², which takes the poles off the ends."""
    a, b = events + 0.5, trials - events + 0.5

    def weight(angle: float) -> float:
        sine, cosine = math.sin(angle), math.cos(angle)
        return math.exp((2 * a - 1) * math.log(sine) + (2 * b - 1) * math.log(cosine))

    width = math.pi / 2 / steps
    middles = [(index + 0.5) * width for index in range(steps)]
    whole = math.fsum(map(weight, middles))
    least = math.asin(math.sqrt(limit))
    return math.fsum(weight(one) for one in middles if one > least) / whole


@pytest.mark.parametrize(
    ("events", "trials", "limit"),
    [(0, 0, 0.5), (0, 10, 0.1), (3, 100, 0.02), (5, 5, 0.9), (27, 900, 0.05)],
)
def test_the_probability_is_that_of_the_integral(
    events: int, trials: int, limit: float
) -> None:
    expected = by_quadrature(events, trials, limit)

    assert exceeds(events, trials, limit) == pytest.approx(expected, abs=1e-4)


def test_a_limit_of_everything_is_never_exceeded_and_one_of_nothing_always() -> None:
    assert exceeds(5, 10, 1.0) == 0.0
    assert exceeds(0, 10, 0.0) == 1.0


def test_more_events_make_it_more_probable() -> None:
    chances = [exceeds(events, 1000, 0.01) for events in range(0, 30, 3)]

    assert chances == sorted(chances)
    assert chances[0] < 0.001
    assert chances[-1] > 0.999


@pytest.mark.parametrize("trials", [10**4, 10**6, 10**8])
def test_large_counts_converge(trials: int) -> None:
    events = trials // 200

    assert exceeds(events, trials, 0.0051) < 0.5 < exceeds(events, trials, 0.0049)


def test_the_bound_is_where_the_rest_is_five_in_a_hundred() -> None:
    bound = upper_bound(27, 9000)

    assert exceeds(27, 9000, bound) == pytest.approx(0.05, abs=1e-6)
    assert 0.003 < bound < 0.0045


def test_of_nothing_nothing_is_known() -> None:
    assert upper_bound(0, 0) > 0.95
