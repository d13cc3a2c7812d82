from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.deploy.planning.choice import choose
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState
from app.errors import NoWayBackError, TargetError

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
def test_a_name_of_nothing_is_a_usage_error(named: str) -> None:
    with pytest.raises(TargetError):
        choose(LISTED, (), leaving=C, named=named)


def test_the_beginning_of_two_commits_names_none() -> None:
    listed = (deployment(1, "ab12345" + "0" * 33), deployment(2, "ab12345" + "1" * 33))
    with pytest.raises(TargetError, match="several"):
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


def test_in_an_emergency_what_was_rolled_back_is_better_than_nothing() -> None:
    listed = (deployment(2, B, active=True), deployment(1, A))
    bad = RunState(
        run="run-9", commit=A, ended=True, outcome=Ending.ROLLED_BACK, epoch=9
    )
    with pytest.raises(NoWayBackError):
        choose(listed, [bad], leaving=B)
    choice = choose(listed, [bad], leaving=B, desperate=True)
    assert choice.target.id == "d1"
    assert "run-9" in choice.why
