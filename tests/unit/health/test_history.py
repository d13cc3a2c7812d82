import json

from app.backend.health.history import KEPT, UNSAVED, History, Transition
from app.backend.health.models import Failure, Status
from tests.support.health import EPOCH


def change(number: int = 0, check: str = "database") -> Transition:
    return Transition(
        check=check,
        before=Status.HEALTHY,
        after=Status.UNHEALTHY,
        at=EPOCH,
        failure=Failure.REFUSED,
        message=f"change {number}",
    )


def filled(count: int) -> tuple[History, list[Transition]]:
    history, changes = History(), [change(number) for number in range(count)]
    for one in changes:
        history.add(one)
    return history, changes


def test_the_newest_changes_come_first() -> None:
    history, changes = filled(5)

    assert history.newest(3) == (changes[4], changes[3], changes[2])
    assert history.newest(99) == tuple(reversed(changes))
    assert history.newest(0) == ()


def test_changes_of_one_check_can_be_asked_for() -> None:
    history = History()
    wanted = [change(1, "cache"), change(3, "cache")]
    for one in (change(0), wanted[0], change(2), wanted[1], change(4)):
        history.add(one)

    assert history.newest(1, "cache") == (wanted[1],)
    assert history.newest(9, "cache") == (wanted[1], wanted[0])
    assert history.newest(9, "stripe") == ()


def test_memory_holds_the_newest_thousand() -> None:
    history, changes = filled(KEPT + 7)

    assert history.newest(KEPT + 7) == tuple(reversed(changes[7:]))


def test_what_is_stored_is_forgotten_and_nothing_else() -> None:
    history, changes = filled(3)
    taken = history.unsaved()
    later = change(3)
    history.add(later)
    history.saved(taken)

    assert taken == tuple(changes)
    assert history.unsaved() == (later,)
    assert history.newest(9) == (later, *reversed(changes))


def test_equal_changes_are_stored_one_by_one() -> None:
    history = History()
    first, second = change(), change()
    history.add(first)
    taken = history.unsaved()
    history.add(second)
    history.saved(taken)

    assert first == second
    assert history.unsaved() == (second,)


def test_a_store_that_stays_away_costs_the_oldest_changes_and_they_are_counted() -> (
    None
):
    history, changes = filled(UNSAVED + 3)

    assert history.lost == 3
    assert history.unsaved() == tuple(changes[3:])


def test_storing_what_was_lost_meanwhile_is_harmless() -> None:
    history, _ = filled(UNSAVED)
    taken = history.unsaved()
    later = [change(number) for number in range(2)]
    for one in later:
        history.add(one)
    history.saved(taken)

    assert history.unsaved() == tuple(later)


def test_a_message_is_for_those_who_may_see_details() -> None:
    public, full = (change().to_dict(details=details) for details in (False, True))

    assert json.loads(json.dumps(public)) == {
        "check": "database",
        "from": "healthy",
        "to": "unhealthy",
        "at": "2026-01-01T00:00:00+00:00",
        "failure": "refused",
    }
    assert full == {**public, "message": "change 0"}
