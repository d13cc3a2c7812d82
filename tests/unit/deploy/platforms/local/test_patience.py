"""How long a starting release is waited for, and how often it is asked."""

import pytest

from app.backend.deploy.platforms.local.patience import Patience, Refusal
from app.backend.deploy.platforms.local.startup_page import Fault

FAULT = Fault("PM33_MOUNT", "release", "PM33_MOUNT cannot be imported", "")


def refusing(start: int = 1) -> list[Refusal]:
    return [Refusal("one", start, (FAULT,))]


def looked(*seen: tuple[float, list[Refusal]]) -> Patience:
    patience = Patience()
    for now, refusals in seen:
        patience = patience.after(refusals, answered=True, now=now)
    return patience


def test_who_answers_is_asked_less_and_less_often_down_to_once_a_second() -> None:
    patience, pauses = Patience(), []
    for _ in range(8):
        patience = patience.after((), answered=True, now=0.0)
        pauses.append(patience.pause)

    assert pauses == pytest.approx([0.15, 0.225, 0.3375, 0.50625, 0.759375, 1, 1, 1])


def test_who_does_not_listen_yet_is_asked_ten_times_a_second() -> None:
    patience = looked((0.0, []), (1.0, []))

    assert patience.after((), answered=False, now=2.0).pause == pytest.approx(0.1)


def test_a_refusal_is_certain_after_three_answers_and_five_seconds() -> None:
    seen = [(0.0, refusing()), (2.0, refusing()), (5.0, refusing())]

    for number in (1, 2):
        at, refusals = seen[number - 1]
        assert looked(*seen[:number]).ended_by(refusals, at) is None
    assert looked(*seen).ended_by(refusing(), 5.0) == refusing()[0]
    assert looked(seen[0], seen[2]).ended_by(refusing(), 9.0) is None


def test_another_answer_in_between_begins_it_anew() -> None:
    patience = looked(
        (0.0, refusing()), (1.0, []), (2.0, refusing()), (6.0, refusing())
    )

    assert (
        patience.after(refusing(), answered=True, now=6.5).ended_by(refusing(), 6.5)
        is None
    )


def test_a_process_that_was_started_again_may_be_better() -> None:
    patience = looked((0.0, refusing(1)), (4.0, refusing(1)), (6.0, refusing(2)))

    assert patience.ended_by(refusing(2), 6.0) is None
