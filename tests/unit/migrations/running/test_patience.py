import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.migrations.running.patience import Budget, Patience, is_retried

LUCK = st.floats(0, 1)
ATTEMPTS = st.integers(1, 100_000)


@given(ATTEMPTS, LUCK, st.floats(0.01, 60), st.floats(0, 60))
def test_nobody_waits_longer_than_the_cap_however_often_it_is_tried(
    attempt: int, luck: float, cap: float, held: float
) -> None:
    assert Patience(cap=cap).lock_timeout(attempt, luck, held) <= cap


@given(LUCK)
def test_the_first_try_takes_20_to_50_ms_and_the_next_ones_longer(luck: float) -> None:
    timeouts = [Patience().lock_timeout(attempt, luck) for attempt in range(1, 30)]
    assert 0.020 <= timeouts[0] <= 0.050
    assert timeouts == sorted(timeouts)
    assert timeouts[-1] == Patience().cap


def test_what_a_transaction_has_held_already_is_part_of_the_same_stall() -> None:
    patience = Patience(cap=0.2)
    assert patience.lock_timeout(50, 0.0, held=0.15) == pytest.approx(0.05)
    assert 0 < patience.lock_timeout(50, 0.0, held=5.0) <= 0.010


@given(ATTEMPTS, LUCK)
def test_pauses_grow_to_five_seconds(attempt: int, luck: float) -> None:
    pause = Patience().pause(attempt, luck)
    assert 0.05 <= pause <= 5.0
    assert Patience().pause(1, luck) <= 0.1


def test_only_a_denied_lock_and_a_deadlock_are_tried_again() -> None:
    assert is_retried("55P03")
    assert is_retried("40P01")
    assert not any(is_retried(state) for state in ("57014", "42701", "40001", None))


def test_a_budget_never_owes_anything() -> None:
    budget = Budget(2.0)
    budget.spend(1.5)
    assert (budget.left, budget.spent) == (0.5, 1.5)
    budget.spend(1.5)
    assert budget.left == 0.0
