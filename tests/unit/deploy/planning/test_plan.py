from datetime import UTC, datetime
from typing import Any

import pytest

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.planning.at_work import AtWork
from app.backend.deploy.planning.findings import Severity, Survey
from app.backend.deploy.planning.plan import Plan, draw_up
from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.request import DeployRequest
from app.errors import JournalError

COMMIT = "c" * 40
SETTINGS = ServiceSettings(start_command="serve", replicas=2)
REVISION = Revision(
    id="0002",
    follows=("0001",),
    needs=(),
    labels=(),
    title="Adds a column.",
    file="migrations/versions/0002.py",
)


def deployment(name: str, **fields: Any) -> Deployment:
    given = {"status": DeploymentStatus.SUCCESS, "commit": "a" * 40} | fields
    return Deployment(id=name, created_at=datetime(2026, 1, 1, tzinfo=UTC), **given)


SERVING = deployment("d1", active=True, succeeded=True)


def plan(request: dict[str, Any] | None = None, **facts: Any) -> Plan:
    asked = DeployRequest(
        environment="production", commit=COMMIT, actor="test", **(request or {})
    )
    found: dict[str, Any] = {
        "platform": "local",
        "url": "http://127.0.0.1:8000",
        "subject": "Orders have notes",
        "deployments": (SERVING,),
        "commits": ("c0ffee1 Orders have notes",),
        "pending": (),
        "settings": SETTINGS,
        "settings_now": SETTINGS,
        "way_back": SERVING,
    }
    return draw_up(asked, Survey(**found | facts), bake=1800.0, gate_hold=10.0)


def test_a_plan_says_everything_that_somebody_wants_to_know_before() -> None:
    text = plan({"migrate": True}, pending=(REVISION,)).text()
    for part in (
        "deploy cccccccccccc Orders have notes",
        "to production on local",
        "serves now: aaaaaaaaaaaa (d1)",
        "+ c0ffee1 Orders have notes",
        "migrations: 1 pending",
        "migrations/versions/0002.py  Adds a column.",
        "2 replicas healthy for 10 s, then watched for 1800 s",
        "way back: aaaaaaaaaaaa (d1)",
    ):
        assert part in text


def test_settings_that_differ_are_shown_with_both_values() -> None:
    before = ServiceSettings(start_command="serve", replicas=1)
    drawn = plan(settings_now=before)
    assert drawn.changed == {"replicas": (1, 2)}
    assert "setting replicas: 1 -> 2" in drawn.text()
    assert drawn.to_dict()["changed"] == {"replicas": [1, 2]}


@pytest.mark.parametrize(
    ("facts", "lifted_by"),
    [
        ({"undecided": "run-7"}, {"supersede": True}),
        ({"quarantined_by": RunState(run="run-7")}, {"reason": "mended"}),
        ({"pending": (REVISION,)}, {"migrate": True}),
    ],
)
def test_what_has_to_be_mended_refuses_it_until_somebody_says_so(
    facts: dict[str, Any], lifted_by: dict[str, Any]
) -> None:
    (refusal,) = plan(**facts).refusals
    assert refusal.remedy
    assert not plan(lifted_by, **facts).refusals


def test_what_somebody_else_has_under_way_is_not_stepped_over() -> None:
    theirs = deployment("d2", status=DeploymentStatus.BUILDING, tag="somebody")
    listed = (theirs, SERVING)
    (refusal,) = plan(deployments=listed).refusals
    assert "pm33 deployments cancel d2" in refusal.remedy


def test_with_supersede_what_is_under_way_is_cancelled_and_the_plan_says_so() -> None:
    theirs = deployment("d2", status=DeploymentStatus.READY)
    drawn = plan({"supersede": True}, deployments=(theirs, SERVING))
    assert not drawn.refusals
    assert "it is cancelled" in drawn.text()


def test_only_where_nothing_has_ever_served_is_it_the_first() -> None:
    assert plan(deployments=()).first
    assert plan(deployments=(deployment("d1"),)).first
    gone = deployment("d1", status=DeploymentStatus.CRASHED, succeeded=True)
    assert not plan(deployments=(gone,)).first


def test_where_what_has_served_is_down_the_plan_says_so() -> None:
    gone = deployment("d1", status=DeploymentStatus.CRASHED, succeeded=True)
    listed = deployment("d2"), gone
    told = plan(deployments=listed, way_back=None).text()
    assert "nothing serves well: d1, which served last, is CRASHED" in told
    assert "no deployment that could be returned to" in told
    assert "nothing serves yet" in plan(deployments=(deployment("d2"),)).text()


def test_what_an_undecided_run_has_under_way_goes_with_it() -> None:
    own = deployment("d2", status=DeploymentStatus.READY, tag="run-7")
    listed = (own, SERVING)
    found = plan({"supersede": True}, deployments=listed, undecided="run-7")
    assert not found.refusals


def test_a_schema_that_cannot_be_asked_warns_and_migrates_when_told() -> None:
    unknown = plan({"migrate": True}, pending=None)
    assert unknown.migrates
    assert "migrations: not known" in unknown.text()
    assert [one.severity for one in unknown.findings] == [Severity.WARNING]


def test_without_the_watch_there_is_no_bake() -> None:
    assert plan({"monitor": False}).bake == 0
    assert "not watched" in plan({"monitor": False}).text()


HELD = AtWork(
    holder="ada run-7",
    since=datetime(2026, 1, 1, 12, tzinfo=UTC),
    task="deploy cccccccccccc",
    why="the hotfix",
)


def test_who_is_at_work_is_said_instead_of_a_way_to_go_on_with_it() -> None:
    (refusal,) = plan(undecided="run-7", lease=HELD).refusals
    assert refusal.text == (
        "ada run-7 is at work since 12:00:00 UTC (deploy cccccccccccc: the hotfix)"
    )
    assert "resume" not in refusal.remedy
    assert not plan({"supersede": True}, lease=HELD).refusals


NOT_REACHED = JournalError("nobody answers there", remedy="name one that answers")


def test_that_there_is_no_lease_to_be_had_is_said_before_a_deploy() -> None:
    (refusal,) = plan(lease=NOT_REACHED).refusals
    assert refusal.code == "no_lease"
    assert refusal.text == "there is no lease to be had: nobody answers there"
    assert refusal.remedy == "name one that answers; or go on alone with --unlocked"


@pytest.mark.parametrize(
    ("request_", "deployments"), [({"unlocked": True}, (SERVING,)), ({}, ())]
)
def test_what_goes_on_without_a_lease_says_so_before(
    request_: dict[str, Any], deployments: tuple[Deployment, ...]
) -> None:
    made = plan(request_, lease=NOT_REACHED, deployments=deployments)
    (found,) = [one for one in made.findings if one.code == "no_lease"]
    assert not made.refusals
    assert "nobody else is kept out: nobody answers there" in found.text


def test_a_commit_that_was_rolled_back_says_why() -> None:
    bad = RunState(run="run-7", closing={"cause": "3 failed rounds"})
    (refusal,) = plan(quarantined_by=bad).refusals
    assert refusal.text == (
        "this commit was rolled back by run-7 because 3 failed rounds"
    )


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"commits": (), "undone": ("1", "2")}, "it goes back 2 commits"),
        ({"commits": (), "undone": ("1",)}, "it goes back 1 commit:"),
        ({"undone": ("1",)}, "the release lacks 1 commit that the serving release has"),
        ({"own_settings": False}, "no railway.toml: defaults are used"),
    ],
    ids=str,
)
def test_what_is_surprising_about_a_commit_is_a_warning(
    facts: dict[str, Any], told: str
) -> None:
    drawn = plan(**facts)
    assert [one.severity for one in drawn.findings] == [Severity.WARNING]
    assert told in drawn.text()


def test_variables_that_have_changed_are_named() -> None:
    drawn = plan(changed_variables=("API_KEY", "MODE (new)"))
    assert "variables that differ from what serves: API_KEY, MODE (new)" in drawn.text()
    assert drawn.to_dict()["changed_variables"] == ["API_KEY", "MODE (new)"]
    assert "variables" not in plan().text()


def test_who_cannot_ask_the_database_makes_no_plan_for_a_release_to_apply() -> None:
    (refusal,) = plan({"migrate": True}, pending=None, migrates_alone=True).refusals
    assert refusal.code == "no_migration_plan"
    for remedy in ("DATABASE_PUBLIC_URL", "PM33_MIGRATE_ON_DEPLOY=expand"):
        assert remedy in refusal.remedy
    unasked = plan(pending=None, migrates_alone=True)
    assert unasked.refusals == ()
    assert "--migrate" not in unasked.text()


def test_of_several_regions_it_says_how_many_replicas_are_looked_at() -> None:
    regions = {"us-west2": 3, "europe-west4": 2}
    settings = ServiceSettings(start_command="serve", replicas=5, regions=regions)
    text = plan(settings=settings).text()
    assert "2 of 5 replicas in 2 regions, those nearest to here, healthy" in text
