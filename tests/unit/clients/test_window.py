from hypothesis import given
from hypothesis import strategies as st

from app.backend.clients.limit import Limit
from app.backend.clients.window import SPAN, Window

PAUSES = st.floats(0, 30, allow_nan=False)
CALLS = st.lists(st.tuples(PAUSES, st.integers(0, 60)), max_size=60)


def let_through(
    calls: list[tuple[float, int]], limit: Limit, began: float
) -> list[tuple[float, int]]:
    """When each call was let through, and with how many tokens; some were not."""
    window, now, through = Window(), began, []
    for pause, wanted in calls:
        now += pause
        tokens = limit.capped(wanted)
        if not window.wait(now, limit, tokens):
            window.add(now, tokens)
            through.append((now, tokens))
    return through


@given(
    calls=CALLS,
    requests=st.integers(1, 8),
    tokens=st.integers(1, 100),
    began=st.floats(0, 1e9, allow_nan=False),
)
def test_no_minute_holds_more_than_the_limit(
    calls: list[tuple[float, int]], requests: int, tokens: int, began: float
) -> None:
    limit = Limit(requests=requests, tokens=tokens)
    through = let_through(calls, limit, began)

    for end, _ in through:
        minute = [used for at, used in through if end - SPAN < at <= end]
        assert len(minute) <= requests
        assert sum(minute) <= tokens


@given(calls=CALLS, requests=st.integers(1, 4), tokens=st.integers(1, 60))
def test_who_waits_as_long_as_told_is_let_through_and_not_before(
    calls: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    limit = Limit(requests=requests, tokens=tokens)
    window, now = Window(), 0.0
    for pause, wanted in calls:
        now += pause
        count = limit.capped(wanted)
        wait = window.wait(now, limit, count)
        assert 0 <= wait <= SPAN + 1
        if wait > 0.01:
            assert window.wait(now + wait - 0.01, limit, count) > 0
        now += wait
        assert window.wait(now, limit, count) == 0
        window.add(now, count)


def test_without_a_limit_nobody_waits() -> None:
    window = Window()
    for _ in range(1000):
        window.add(5.0, 10**6)

    assert window.wait(5.0, Limit(concurrency=1), 10**6) == 0


def test_what_was_counted_too_high_makes_room() -> None:
    window, limit = Window(), Limit(tokens=100)
    second = window.add(1.5, 100)

    assert window.wait(2.0, limit, 40) > 0
    window.correct(second, -60)
    assert window.wait(2.0, limit, 60) == 0


def test_what_was_counted_too_low_is_made_good() -> None:
    window, limit = Window(), Limit(tokens=100)
    second = window.add(0.0, 10)
    window.correct(second, 140)

    assert window.wait(60.9, limit, 1) > 0
    assert window.wait(61.0, limit, 100) == 0


def test_a_correction_of_what_is_forgotten_changes_nothing() -> None:
    window, limit = Window(), Limit(tokens=10)
    second = window.add(0.0, 10)
    assert window.wait(100.0, limit, 1) == 0
    window.correct(second, 1000)

    assert window.wait(100.0, limit, 10) == 0


def test_a_share_is_a_part_of_each_limit_but_never_nothing() -> None:
    whole = Limit(requests=100, tokens=0, concurrency=2)

    assert whole.share(1) == whole
    assert whole.share(4) == Limit(requests=25, tokens=0, concurrency=1)
