from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.history import goes_back, last_known_good, quarantined
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


def test_a_rollback_quarantines_what_it_left_and_clears_what_it_returned_to() -> None:
    runs = [
        ran("a", Ending.ROLLED_BACK, epoch=1),
        ran("a", Ending.RESTORED, epoch=2, kind="rollback", previous="b"),
    ]
    assert quarantined(runs) == {"b": "run-2"}


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


def test_what_was_left_is_the_last_resort() -> None:
    assert way_back(AFTER_A_ROLLBACK, current="a") == "d2b"


def test_what_was_left_and_came_again_is_good_again() -> None:
    deployments = (served("d0z"), *AFTER_A_ROLLBACK[:2])
    again = (served("d3a", rollback_of="d1a"), served("d4b"), active("d5c"))
    assert way_back((*deployments, *again)) == "d4b"


def test_a_failed_bake_is_remembered_however_the_run_has_ended() -> None:
    run = replace(ran("b", Ending.FAILED, epoch=1), verdict="fail")
    assert quarantined([run]) == {"b": "run-1"}


def left(commit: str, **changes: Any) -> RunState:
    """A rollback from ``b``."""
    run = ran(commit, Ending.RESTORED, epoch=9, kind="rollback", previous="b")
    return replace(run, **changes)


def test_a_rollback_to_something_newer_quarantines_nothing() -> None:
    assert quarantined([left("c", backwards=False)]) == {}


def test_what_was_watched_to_a_good_end_is_not_bad_because_somebody_left_it() -> None:
    good = ran("b", Ending.DONE, epoch=1)
    assert quarantined([good, left("a")]) == {}
    assert quarantined([left("a")]) == {"b": "run-9"}


def test_what_a_watch_has_found_bad_is_quarantined_though_it_was_good_once() -> None:
    good = ran("b", Ending.DONE, epoch=1)
    assert quarantined([good, left("a", request={"verdict": "fail"})]) == {"b": "run-9"}


def test_a_deployment_that_repeats_another_is_as_old_as_that_one() -> None:
    a, b = served("d1a"), served("d2b")
    again = active("d3a", rollback_of="d1a")
    assert goes_back(a, b, (a, b))
    assert not goes_back(b, again, (a, b, again))
    circular = active("d3a", rollback_of="d3a")
    assert goes_back(a, circular, (a, circular))
