from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records import history
from app.backend.deploy.records.history import goes_back, last_known_good, left
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import Ending
from tests.support.events import EPOCH


def served(name: str, **changes: object) -> Deployment:
    """Deployment ``d3a`` is the third, of commit ``a``."""
    number, commit = int(name[1]), name[2]
    values: dict[str, object] = {
        "id": name,
        "commit": commit,
        "status": DeploymentStatus.REMOVED,
        "created_at": EPOCH + timedelta(minutes=number),
        "succeeded": True,
        "can_roll_back": True,
    }
    return Deployment(**values | changes)  # type: ignore[arg-type]


def active(name: str, **changes: object) -> Deployment:
    return served(name, active=True, status=DeploymentStatus.SUCCESS, **changes)


def ran(
    commit: str,
    outcome: Ending | None,
    *,
    epoch: int,
    kind: str = "deploy",
    previous: str | None = None,
) -> RunState:
    return RunState(
        run=f"run-{epoch}",
        kind=kind,
        commit=commit,
        previous_commit=previous,
        epoch=epoch,
        ended=outcome is not None,
        outcome=outcome,
    )


def way_back(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState] = (),
    current: str | None = "c",
) -> str | None:
    found = last_known_good(deployments, runs, current_commit=current)
    return found.id if found else None


def quarantined(runs: Sequence[RunState]) -> dict[str, str]:
    return {commit: by.run for commit, by in history.quarantined(runs).items()}


THREE = (served("d1a"), served("d2b"), active("d3c"))


def test_the_platform_alone_names_the_newest_that_served() -> None:
    assert way_back(THREE) == "d2b"
    assert way_back(tuple(reversed(THREE))) == "d2b"


@pytest.mark.parametrize(
    "change", [{"succeeded": False}, {"can_roll_back": False}], ids=str
)
def test_what_never_served_or_cannot_come_back_is_passed_over(
    change: dict[str, object],
) -> None:
    assert way_back((served("d1a"), served("d2b", **change), active("d3c"))) == "d1a"


def test_the_same_commit_is_no_way_back() -> None:
    assert way_back((served("d1a"), served("d2c"), active("d3c"))) == "d1a"
    assert way_back((served("d1c"), active("d2c"))) is None


def test_before_a_deploy_it_is_what_serves() -> None:
    assert way_back(THREE, current="d") == "d3c"
    # The commit has been there before; what serves is still the way back.
    assert way_back(THREE, current="a") == "d3c"


def test_what_came_after_the_active_one_is_no_way_back() -> None:
    assert way_back((served("d1a"), active("d2b"), served("d3c")), current="b") == "d1a"


def test_nothing_deployed_is_nowhere_to_go() -> None:
    assert way_back((), current=None) is None


def test_a_commit_that_was_rolled_back_is_not_returned_to() -> None:
    runs = [
        ran("a", Ending.DONE, epoch=1),
        ran("b", Ending.ROLLED_BACK, epoch=2),
        ran("c", Ending.DONE, epoch=3),
    ]
    assert way_back(THREE, runs) == "d1a"
    assert quarantined(runs) == {"b": "run-2"}


def test_a_later_good_end_lifts_the_quarantine() -> None:
    runs = [ran("b", Ending.ROLLED_BACK, epoch=2), ran("b", Ending.DONE, epoch=3)]
    assert quarantined(runs) == quarantined(runs[::-1]) == {}


def test_a_rollback_quarantines_what_it_left() -> None:
    runs = [ran("a", Ending.RESTORED, epoch=2, kind="rollback", previous="b")]
    assert quarantined(runs) == {"b": "run-2"}


def test_a_short_look_does_not_lift_what_a_watch_has_imposed() -> None:
    watched = ran("a", Ending.ROLLED_BACK, epoch=1)
    back = ran("a", Ending.RESTORED, epoch=2, kind="rollback", previous="b")
    assert quarantined([watched, back]) == {"a": "run-1", "b": "run-2"}
    baked = ran("a", Ending.DONE, epoch=3)
    assert quarantined([watched, back, baked]) == {"b": "run-2"}


def test_a_short_look_lifts_what_a_person_has_imposed() -> None:
    person = ran("a", Ending.RESTORED, epoch=1, kind="rollback", previous="b")
    again = ran("b", Ending.RESTORED, epoch=2, kind="rollback", previous="a")
    assert quarantined([person, replace(again, backwards=False)]) == {}


def test_a_commit_that_is_good_with_other_variables_was_not_at_fault() -> None:
    rotated = ran("a", Ending.STRANDED, epoch=1, previous="a")
    back = ran("a", Ending.RESTORED, epoch=2, kind="rollback", previous="a")
    assert quarantined([rotated]) == {"a": "run-1"}
    assert quarantined([rotated, back]) == {}


@pytest.mark.parametrize(
    "outcome", [None, Ending.FAILED, Ending.PAUSED, Ending.UNBAKED, Ending.INTERRUPTED]
)
def test_a_run_without_a_verdict_quarantines_nothing(outcome: Ending | None) -> None:
    assert quarantined([ran("b", outcome, epoch=1)]) == {}


@pytest.mark.parametrize("outcome", [None, Ending.UNBAKED, Ending.INTERRUPTED])
def test_an_unwatched_release_does_not_move_it(outcome: Ending | None) -> None:
    runs = [ran("a", Ending.DONE, epoch=1), ran("b", outcome, epoch=2)]
    assert way_back(THREE, runs) == "d1a"


def test_an_unwatched_release_is_better_than_none() -> None:
    assert way_back((served("d2b"), active("d3c")), [ran("b", None, epoch=2)]) == "d2b"


def test_a_release_that_no_run_speaks_of_counts_as_it_has_served() -> None:
    assert way_back(THREE, [ran("a", Ending.DONE, epoch=1)]) == "d2b"


AFTER_A_ROLLBACK = (*THREE[:2], active("d3a", rollback_of="d1a"))


def test_without_a_journal_the_platform_says_what_was_rolled_back() -> None:
    deployments = (served("d0z"), *AFTER_A_ROLLBACK)
    assert way_back(deployments, current="a") == "d0z"


def test_a_second_rollback_never_goes_forward_again() -> None:
    assert way_back(AFTER_A_ROLLBACK, current="a") is None
    baked = [ran(one, Ending.DONE, epoch=n) for n, one in enumerate("ab", 1)]
    back = ran("a", Ending.RESTORED, epoch=3, kind="rollback", previous="b")
    assert way_back(AFTER_A_ROLLBACK, [*baked, back], current="a") is None


def test_what_was_jumped_over_is_no_way_back_either() -> None:
    jumped = (*THREE[:2], served("d3c"), active("d4a", rollback_of="d1a"))
    assert way_back(jumped, current="a") is None


def test_a_copy_of_a_copy_is_as_old_as_the_first() -> None:
    copies = (served("d3a", rollback_of="d1a"), active("d4a", rollback_of="d3a"))
    assert way_back((*THREE[:2], *copies), current="a") is None


def test_a_copy_whose_original_is_forgotten_is_older_than_all() -> None:
    assert way_back((served("d2b"), active("d3a", rollback_of="d1a")), current="a") is (
        None
    )


def test_what_was_built_anew_to_return_to_is_as_old_as_before() -> None:
    rebuilt = active("d3a", tag="run-7/back")
    assert way_back((*THREE[:2], rebuilt), current="a") is None
    assert way_back((served("d0z"), *THREE[:2], rebuilt), current="a") == "d0z"


def test_a_deployment_on_purpose_is_as_young_as_it_is() -> None:
    assert way_back((*THREE[:2], active("d3a")), current="a") == "d2b"


def test_what_somebody_left_is_not_chosen_for_them_again_until_it_was_baked() -> None:
    back = ran("a", Ending.RESTORED, epoch=3, kind="rollback", previous="b")
    runs = [ran("a", Ending.DONE, epoch=1), ran("b", Ending.DONE, epoch=2), back]
    assert {commit: by.run for commit, by in left(runs).items()} == {"b": "run-3"}
    later = (*AFTER_A_ROLLBACK[:2], served("d3a", rollback_of="d1a"), active("d5c"))
    assert way_back(later, runs) == "d3a"
    again = (*later[:3], served("d4b"), later[3])
    assert way_back(again, [*runs, ran("b", Ending.UNBAKED, epoch=4)]) == "d3a"
    assert way_back(again, [*runs, ran("b", Ending.DONE, epoch=4)]) == "d4b"


def test_what_is_named_is_not_left_any_more() -> None:
    back = ran("a", Ending.RESTORED, epoch=3, kind="rollback", previous="b")
    named = ran("b", Ending.RESTORED, epoch=4, kind="rollback", previous="a")
    assert left([back, replace(named, backwards=False)]) == {}


def test_going_forward_leaves_nothing_behind() -> None:
    forward = (
        *THREE[:2],
        served("d3a", rollback_of="d1a"),
        served("d4b", rollback_of="d2b"),
        active("d5c"),
    )
    assert way_back(forward) == "d4b"


def test_what_was_left_and_came_again_is_good_again() -> None:
    deployments = (served("d0z"), *AFTER_A_ROLLBACK[:2])
    again = (served("d3a", rollback_of="d1a"), served("d4b"), active("d5c"))
    assert way_back((*deployments, *again)) == "d4b"


def test_a_failed_bake_is_remembered_however_the_run_has_ended() -> None:
    run = replace(ran("b", Ending.FAILED, epoch=1), verdict="fail")
    assert quarantined([run]) == {"b": "run-1"}


def back_from_b(commit: str, **changes: Any) -> RunState:
    """A rollback from ``b``."""
    run = ran(commit, Ending.RESTORED, epoch=9, kind="rollback", previous="b")
    return replace(run, **changes)


def test_a_rollback_to_something_newer_quarantines_nothing() -> None:
    assert quarantined([back_from_b("c", backwards=False)]) == {}


def test_what_was_watched_to_a_good_end_is_not_bad_because_somebody_left_it() -> None:
    good = ran("b", Ending.DONE, epoch=1)
    assert quarantined([good, back_from_b("a")]) == {}
    assert quarantined([back_from_b("a")]) == {"b": "run-9"}


def test_what_was_left_in_an_emergency_needs_a_reason_to_come_again() -> None:
    good = ran("b", Ending.DONE, epoch=1)
    assert quarantined([good, back_from_b("a", reason="emergency")]) == {"b": "run-9"}


def test_what_a_watch_has_found_bad_is_quarantined_though_it_was_good_once() -> None:
    good = ran("b", Ending.DONE, epoch=1)
    assert quarantined([good, back_from_b("a", request={"verdict": "fail"})]) == {
        "b": "run-9"
    }


def test_a_deployment_that_repeats_another_is_as_old_as_that_one() -> None:
    a, b = served("d1a"), served("d2b")
    again = active("d3a", rollback_of="d1a")
    assert goes_back(a, b, (a, b))
    assert not goes_back(b, again, (a, b, again))
    circular = active("d3a", rollback_of="d3a")
    assert goes_back(a, circular, (a, circular))
