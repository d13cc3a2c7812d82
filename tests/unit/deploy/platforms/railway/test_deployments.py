from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.deployments import (
    Node,
    moment,
    read_all,
    same_release,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
COMMITS = {"a": "a" * 40, "b": "b" * 40}


def node(name: str, status: str, *, minute: int = 0, **more: Any) -> Node:
    at = BEGIN + timedelta(minutes=minute)
    given: dict[str, Any] = {
        "id": name,
        "status": status,
        "createdAt": at.isoformat(),
        "statusUpdatedAt": (at + timedelta(minutes=30)).isoformat(),
        "canRollback": False,
        "deploymentStopped": False,
        "meta": {
            "commitHash": COMMITS.get(name[0], "c" * 40),
            "imageDigest": f"sha256:{name[0]}",
            "reason": more.pop("reason", "deploy"),
        },
    }
    return given | more


def read(
    *nodes: Node, active: Collection[str] = (), plan: str | None = "pro"
) -> dict[str, Deployment]:
    found = read_all(nodes, active, plan=plan, settings_of=lambda _: None)
    return {one.id: one for one in found}


def test_the_newest_come_first_whatever_railway_sends() -> None:
    nodes = [node("a1", "REMOVED"), node("b2", "SUCCESS", minute=9)]
    assert list(read(*nodes)) == ["b2", "a1"]


def test_traffic_goes_to_the_newer_of_two_active_ones() -> None:
    nodes = [node("a1", "SUCCESS"), node("b2", "SUCCESS", minute=9)]
    found = read(*nodes, active={"a1", "b2"})
    assert [found["a1"].active, found["b2"].active] == [False, True]


def test_a_release_under_way_takes_no_traffic_from_the_one_that_serves() -> None:
    nodes = [node("a1", "SUCCESS"), node("b2", "DEPLOYING", minute=9)]
    found = read(*nodes, active={"a1"})
    assert [found["a1"].active, found["b2"].active] == [True, False]


def test_a_success_serves_before_it_is_among_the_active_ones() -> None:
    nodes = [node("a1", "SUCCESS"), node("b2", "SUCCESS", minute=9)]
    assert read(*nodes, active={"a1"})["b2"].active


def test_what_has_stopped_by_itself_serves_nobody_and_says_so() -> None:
    found = read(node("a1", "SUCCESS", deploymentStopped=True))
    assert not found["a1"].active
    assert "ended" in found["a1"].reason


@pytest.mark.parametrize("word", ["SUCCESS", "SLEEPING", "CRASHED"])
def test_what_was_active_once_has_served(word: str) -> None:
    assert read(node("a1", word))["a1"].succeeded


def test_what_sleeps_serves_with_a_remark() -> None:
    found = read(node("a1", "SLEEPING"), active={"a1"})["a1"]
    assert found.active
    assert "502" in found.reason


@pytest.mark.parametrize("word", ["CANCELLED", "READY", "UNKNOWN", "TELEPORTING", ""])
def test_a_word_that_is_not_railways_is_unknown_and_no_success(word: str) -> None:
    found = read(node("a1", word))["a1"]
    assert found.status is DeploymentStatus.UNKNOWN
    assert repr(word) in found.reason
    assert [found.succeeded, found.active, found.status.is_over] == [False] * 3


def test_what_railway_calls_active_serves_whatever_its_status_is_called() -> None:
    found = read(node("a1", "TELEPORTING"), active={"a1"})["a1"]
    assert found.status is DeploymentStatus.UNKNOWN
    assert [found.succeeded, found.active] == [True, True]


@pytest.mark.parametrize("known", ["SUCCESS", "SLEEPING", "CRASHED"])
def test_a_status_that_nobody_knows_takes_no_traffic_from_one_that_is_known(
    known: str,
) -> None:
    nodes = [node("a1", known), node("b2", "TELEPORTING", minute=9)]
    found = read(*nodes, active={"a1", "b2"})
    assert [found["a1"].active, found["b2"].active] == [True, False]


def test_of_two_that_nobody_knows_the_newer_one_serves() -> None:
    nodes = [node("a1", "TELEPORTING"), node("b2", "LEVITATING", minute=9)]
    found = read(*nodes, active={"a1", "b2"})
    assert [found["a1"].active, found["b2"].active] == [False, True]


def test_one_that_was_overtaken_has_never_served() -> None:
    at = (BEGIN + timedelta(minutes=9)).isoformat()
    nodes = [
        node("a1", "REMOVED", statusUpdatedAt=at),
        node("b2", "BUILDING", minute=9),
    ]
    found = read(*nodes)["a1"]
    assert not found.succeeded
    assert "b2" in found.reason


def test_one_that_was_replaced_has_served_though_its_image_is_gone() -> None:
    at = (BEGIN + timedelta(minutes=12)).isoformat()
    nodes = [
        node("a1", "REMOVED", statusUpdatedAt=at),
        node("b2", "SUCCESS", minute=9),
    ]
    found = read(*nodes, active={"b2"})["a1"]
    assert found.succeeded
    assert not found.can_roll_back
    assert found.retained_until is None


@pytest.mark.parametrize(
    ("plan", "hours"),
    [("free", 24), ("trial", 24), ("HOBBY", 72), ("pro", 120), ("enterprise", 360)],
)
def test_an_image_is_kept_from_when_its_deployment_was_removed(
    plan: str, hours: int
) -> None:
    found = read(node("a1", "REMOVED", canRollback=True), plan=plan)["a1"]
    removed = BEGIN + timedelta(minutes=30)
    assert found.retained_until == removed + timedelta(hours=hours)


@pytest.mark.parametrize("plan", [None, "a plan of tomorrow"])
def test_of_an_unknown_plan_nothing_is_promised(plan: str | None) -> None:
    found = read(node("a1", "REMOVED", canRollback=True), plan=plan)["a1"]
    assert found.retained_until is None


def test_a_deployment_of_an_earlier_image_repeats_that_one() -> None:
    nodes = [
        node("a1", "REMOVED", canRollback=True),
        node("b2", "REMOVED", minute=9, canRollback=True),
        node("a3", "SUCCESS", minute=18, reason="rollback"),
    ]
    assert read(*nodes)["a3"].rollback_of == "a1"


def test_a_deploy_repeats_nothing_though_its_image_is_the_same() -> None:
    nodes = [node("a1", "REMOVED"), node("a2", "SUCCESS", minute=9)]
    assert read(*nodes)["a2"].rollback_of is None


def test_what_was_made_of_an_image_is_named_by_it() -> None:
    meta = {"image": "registry.example/shop@sha256:1"}
    found = read(node("a1", "SUCCESS", meta=meta))["a1"]
    assert found.commit == found.image == "registry.example/shop@sha256:1"


def test_an_answer_without_meta_can_be_read() -> None:
    assert read(node("a1", "QUEUED", meta=None))["a1"].commit == ""


def test_times_may_have_nanoseconds_and_must_have_a_zone() -> None:
    assert moment("2026-01-01T00:00:00.123456789Z").microsecond == 123456
    with pytest.raises(ValueError, match="time zone"):
        moment("2026-01-01T00:00:00")


def test_the_same_release_is_told_by_its_image_or_its_commit() -> None:
    one, other = node("a1", "SUCCESS"), node("b1", "SUCCESS")
    assert same_release(one, one)
    assert same_release(one, other) is False
    commit = {"commitHash": COMMITS["a"]}
    assert same_release(node("a2", "QUEUED", meta=commit), one)
    for untold in ({}, {"image": "shop:2"}, None):
        assert same_release(node("a2", "QUEUED", meta=untold), one) is None
