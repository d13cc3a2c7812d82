from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.deploy.planning.choice import Choice
from app.backend.deploy.planning.choice import choose as choose_at
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState
from app.errors import NoWayBackError

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = "a" * 40, "b" * 40, "ab" + "c" * 38


def deployment(number: int, commit: str, **fields: Any) -> Deployment:
    given = {"succeeded": True, "can_roll_back": True} | fields
    return Deployment(
        id=f"d{number}",
        commit=commit,
        status=DeploymentStatus.REMOVED,
        created_at=BEGIN + timedelta(minutes=number),
        tag=f"run-{number}",
        **given,
    )


def choose(*facts: Any, **asked: Any) -> Choice:
    """Two hours after the beginning."""
    return choose_at(*facts, now=BEGIN + timedelta(hours=2), **asked)


LISTED = (deployment(3, C, active=True), deployment(2, B), deployment(1, A))


def test_without_a_name_the_newest_good_one_is_chosen() -> None:
    choice = choose(LISTED, (), leaving=C)
    assert choice.target.id == "d2"
    assert not choice.rebuild
    assert choice.why == "last known good"


@pytest.mark.parametrize("named", ["d1", "run-1", A, A[:7]])
def test_an_id_a_tag_and_a_commit_name_a_deployment(named: str) -> None:
    assert choose(LISTED, (), leaving=C, named=named).target.id == "d1"


@pytest.mark.parametrize("named", ["d4", A[:6], "f" * 40, ""])
def test_a_name_of_nothing_is_refused(named: str) -> None:
    with pytest.raises(NoWayBackError):
        choose(LISTED, (), leaving=C, named=named)


def test_the_beginning_of_two_commits_names_none() -> None:
    listed = (deployment(1, "ab12345" + "0" * 33), deployment(2, "ab12345" + "1" * 33))
    with pytest.raises(NoWayBackError, match="several"):
        choose(listed, (), leaving=C, named="ab12345")


def test_of_several_of_one_commit_one_that_can_be_restored_is_taken() -> None:
    listed = (*LISTED, deployment(4, A, can_roll_back=False, succeeded=False))
    assert choose(listed, (), leaving=C, named=A).target.id == "d1"


def test_an_earlier_deployment_of_the_serving_commit_can_be_named() -> None:
    listed = (deployment(3, A, active=True), deployment(1, A))
    assert choose(listed, (), leaving=A, named=A).target.id == "d1"
    with pytest.raises(NoWayBackError):
        choose(listed, (), leaving=A, named="d3")


def test_what_cannot_be_restored_is_rebuilt_only_when_that_is_allowed() -> None:
    listed = (LISTED[0], deployment(2, B, can_roll_back=False))
    for named in (None, "d2"):
        with pytest.raises(NoWayBackError, match="no longer restore") as refused:
            choose(listed, (), leaving=C, named=named)
        assert "--allow-rebuild" in refused.value.remedy
        choice = choose(listed, (), leaving=C, named=named, may_rebuild=True)
        assert choice.rebuild
        assert choice.target.id == "d2"


def test_with_nothing_that_has_served_there_is_no_way_back() -> None:
    listed = (LISTED[0], deployment(2, B, succeeded=False))
    with pytest.raises(NoWayBackError):
        choose(listed, (), leaving=C, may_rebuild=True)


def test_what_was_rolled_back_is_not_chosen_for_anybody_but_can_be_named() -> None:
    listed = (deployment(2, B, active=True), deployment(1, A))
    bad = RunState(
        run="run-9",
        commit=A,
        ended=True,
        outcome=Ending.ROLLED_BACK,
        epoch=9,
        closing={"cause": "3 failed rounds"},
    )
    with pytest.raises(NoWayBackError, match="by run-9: 3 failed rounds") as refused:
        choose(listed, [bad], leaving=B)
    assert f"--target {A[:12]}" in refused.value.remedy
    assert choose(listed, [bad], leaving=B, named=A).target.id == "d1"


def test_with_nothing_older_it_says_what_was_left_and_when() -> None:
    back = deployment(3, A, active=True, rollback_of="d1")
    listed = (back, deployment(2, B), deployment(1, A))
    with pytest.raises(NoWayBackError) as refused:
        choose(listed, (), leaving=A)
    assert str(refused.value) == (
        f"there is nothing older to go back to; {B[:12]} (d2) was left 117 min ago"
    )
    assert refused.value.exit_code == 5
    assert f"--target {B[:12]}" in refused.value.remedy


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(seconds=-1), "0 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(days=9), "9 d"),
    ],
    ids=str,
)
def test_how_long_ago_is_said_in_one_number(after: timedelta, told: str) -> None:
    back = deployment(3, A, active=True, rollback_of="d1")
    listed = (back, deployment(2, B), deployment(1, A))
    with pytest.raises(NoWayBackError, match=f"left {told} ago"):
        choose_at(listed, (), leaving=A, now=back.created_at + after)


def test_what_nobody_has_watched_is_not_called_good() -> None:
    unwatched = RunState(run="run-2", commit=B, ended=True, outcome=Ending.UNBAKED)
    choice = choose(LISTED[:2], [unwatched], leaving=C)
    assert choice.target.id == "d2"
    assert "known good" not in choice.why
    assert "nobody has watched it" in choice.why


def test_what_never_served_says_why_and_nothing_of_a_rebuild() -> None:
    crashed = deployment(
        4, "e" * 40, succeeded=False, can_roll_back=False, reason="it ended 9 times"
    )
    listed = (*LISTED, crashed)
    for allowed in (False, True):
        with pytest.raises(NoWayBackError) as refused:
            choose(listed, (), leaving=C, named="d4", may_rebuild=allowed)
        assert str(refused.value) == "d4 never served: it ended 9 times"
        assert "rebuild" not in refused.value.remedy
    silent = (*LISTED, replace(crashed, reason=""))
    by = RunState(
        run="run-4", deployment="d4", ended=True, closing={"cause": "it was not well"}
    )
    with pytest.raises(NoWayBackError, match="it was not well"):
        choose(silent, [by], leaving=C, named="run-4")


@pytest.mark.parametrize("status", ["CRASHED", "SUCCESS", "UNKNOWN"])
def test_what_has_fallen_is_not_returned_to_where_nothing_serves(status: str) -> None:
    fallen = replace(deployment(3, C), status=DeploymentStatus(status))
    assert choose((fallen, *LISTED[1:]), (), leaving=None).target.id == "d2"


def test_what_was_taken_away_may_be_returned_to_where_nothing_serves() -> None:
    gone = deployment(3, C)
    assert choose((gone, *LISTED[1:]), (), leaving=None).target.id == "d3"


IMAGE = "registry.example/shop@sha256:1"


@pytest.mark.parametrize("named", [None, "d2"])
def test_what_was_made_of_no_commit_is_not_built_anew(named: str | None) -> None:
    for commit, image in ((IMAGE, IMAGE), ("", None)):
        old = deployment(2, commit, image=image, can_roll_back=False)
        with pytest.raises(NoWayBackError) as raised:
            choose((LISTED[0], old), (), leaving=C, named=named, may_rebuild=True)
        assert "--allow-rebuild" not in raised.value.remedy
        assert "deploy" in raised.value.remedy


def test_what_was_made_of_no_commit_is_restored_from_its_image() -> None:
    old = deployment(2, IMAGE, image=IMAGE)
    choice = choose((LISTED[0], old), (), leaving=C)
    assert (choice.target.id, choice.rebuild) == ("d2", False)
