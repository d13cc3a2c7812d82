"""What is concluded from what a trial has seen, where seeing it all takes luck."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.deploy.platforms.railway.tokens import TokenKind
from tests.live.changes.evidence import Answer, Evidence, Look
from tests.live.changes.handovers import Handover
from tests.live.changes.judging import Fact, judged

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def node(status: str, seconds: float = 0, **told: Any) -> dict[str, Any]:
    at = (NOON + timedelta(seconds=seconds)).isoformat()
    return {
        "status": status,
        "statusUpdatedAt": at,
        "canRollback": False,
        "meta": {"serviceManifest": {"deploy": told}},
    }


def fact(evidence: Evidence, name: str) -> Fact:
    return next(one for one in judged(evidence) if one.fact == name)


def seen(*looks: Look, **told: Any) -> Evidence:
    return Evidence(kind=TokenKind.PROJECT, looks=list(looks), **told)


def test_with_nothing_seen_nothing_is_settled() -> None:
    evidence = seen(stopped="it was interrupted")
    assert {one.holds for one in judged(evidence)} == {None}
    told = fact(evidence, "snapshot_readable").seen
    assert told == "there was no first deployment (it was interrupted)"


@pytest.mark.parametrize(
    ("stayed", "drained", "longer"),
    [
        (31.0, 0.0, True),
        (1.0, 0.0, False),
        (31.0, 20.0, None),
        (1.0, 20.0, False),
        (-3.0, 0.0, None),
        (None, 0.0, None),
    ],
)
def test_how_long_the_old_one_stayed_tells_for_which_overlap(
    stayed: float | None,
    drained: float,
    longer: bool | None,  # noqa: FBT001 - what is expected
) -> None:
    handover = Handover("old", "new", stayed, drained)
    assert handover.stayed_for_the_longer(0, 30) is longer
    assert handover.stayed_for_the_longer(30, 0) is longer
    assert handover.stayed_for_the_longer(30, 25) is None


def test_two_handovers_that_contradict_each_other_settle_nothing() -> None:
    first, second = node("SUCCESS", 0), node("SUCCESS", 60, overlapSeconds=30)
    third = node("SUCCESS", 200)
    evidence = seen(
        Look({"1": first, "2": second}, ("2", "1")),
        Look({"1": node("REMOVING", 91), "2": second, "3": third}, ("3", "2")),
        Look({"2": node("REMOVING", 231, overlapSeconds=30), "3": third}, ("3",)),
    )
    found = fact(evidence, "overlap_of_the_new")
    assert found.holds is None
    assert "contradicts" in found.seen


def test_one_look_does_not_settle_that_an_overlap_is_hidden() -> None:
    look = Look({"1": node("SUCCESS"), "2": node("SUCCESS", 9)}, ("2",))
    assert fact(seen(look), "two_active_in_overlap").holds is None
    assert fact(seen(look, look), "two_active_in_overlap").holds is False


def test_a_rollback_that_was_refused_is_the_reason_for_what_is_open() -> None:
    refused = Answer(taken=False, words="refused: Not Authorized")
    evidence = seen(first="1", rollback=refused)
    assert fact(evidence, "project_token_may_roll_back").holds is False
    told = fact(evidence, "rollback_runs_pre_deploy")
    assert told.holds is None
    assert "refused: Not Authorized" in told.seen


def test_a_rollback_that_failed_does_not_settle_what_it_did_not_come_to() -> None:
    evidence = seen(
        Look({"3": node("FAILED")}, ()),
        first="1",
        back="3",
        marker="two",
        events={"1": [{"step": "HEALTHCHECK"}], "3": []},
        rollback=Answer(taken=True, words="it was taken"),
    )
    for name in ("rollback_waits_for_health", "rollback_rewrites_variables"):
        found = fact(evidence, name)
        assert (found.holds, found.seen) == (None, "the rollback ended FAILED")
