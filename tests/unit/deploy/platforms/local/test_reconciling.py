"""What the state means after the supervisor has been away, and what is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus, ServiceSettings
from app.backend.deploy.platforms.local.reconciling import (
    kept_commits,
    reconciled,
    remembered,
)
from app.backend.deploy.platforms.local.state import (
    DeploymentRecord,
    PlatformState,
    load_state,
    save_state,
)
from app.backend.processes import ProcessMark
from app.errors import PlatformError

Status = DeploymentStatus
START = datetime(2026, 1, 1, tzinfo=UTC)


def record(
    name: str, status: Status, *, succeeded: bool = False, at: int = 0
) -> DeploymentRecord:
    return DeploymentRecord(
        id=name,
        commit=f"commit-of-{name}",
        status=status,
        created_at=START + timedelta(seconds=at),
        succeeded=succeeded,
    )


def state(*records: DeploymentRecord, active: str | None) -> PlatformState:
    return PlatformState(deployments=records, active=active)


def statuses(found: PlatformState) -> dict[str, Status]:
    return {one.id: one.status for one in found.deployments}


@pytest.mark.parametrize(
    "status",
    [Status.INITIALIZING, Status.BUILDING, Status.DEPLOYING, Status.READY],
)
def test_what_was_on_its_way_has_failed(status: Status) -> None:
    left = state(
        record("old", Status.SUCCESS, succeeded=True),
        record("new", status),
        active="old",
    )

    found = reconciled(left, "old")

    assert statuses(found) == {"old": Status.SUCCESS, "new": Status.FAILED}
    assert found.deployments[1].reason
    assert found.active == "old"


def test_a_switch_that_was_made_and_not_written_down_has_happened() -> None:
    left = state(
        record("old", Status.SUCCESS, succeeded=True),
        record("new", Status.READY),
        active="old",
    )

    found = reconciled(left, "new")

    assert (found.active, found.previous) == ("new", "old")
    assert statuses(found) == {"old": Status.REMOVED, "new": Status.SUCCESS}
    assert all(one.succeeded for one in found.deployments)


def test_a_switch_that_was_made_stays_made() -> None:
    left = state(
        record("old", Status.SUCCESS, succeeded=True),
        record("new", Status.SUCCESS, succeeded=True),
        active="new",
    )

    found = reconciled(left, "new")

    assert found.active == "new"
    assert statuses(found) == {"old": Status.REMOVED, "new": Status.SUCCESS}
    assert found.deployments[0].succeeded


def test_the_state_tells_who_is_active_where_the_proxys_file_is_gone() -> None:
    left = state(record("old", Status.SUCCESS, succeeded=True), active="old")

    assert reconciled(left, None).active == "old"
    assert reconciled(left, "nobody knows").active == "old"


def test_an_active_deployment_that_had_crashed_is_tried_again() -> None:
    left = state(record("old", Status.CRASHED, succeeded=True), active="old")

    assert statuses(reconciled(left, "old")) == {"old": Status.SUCCESS}


@pytest.mark.parametrize(
    "status", [Status.FAILED, Status.CANCELLED, Status.CRASHED, Status.REMOVED]
)
def test_what_was_over_stays_as_it_was(status: Status) -> None:
    left = state(record("one", status), active=None)

    assert statuses(reconciled(left, None)) == {"one": status}


def test_a_removal_that_was_cut_off_is_complete() -> None:
    left = state(record("one", Status.REMOVING, succeeded=True), active=None)

    assert statuses(reconciled(left, None)) == {"one": Status.REMOVED}


def test_no_process_of_before_is_remembered() -> None:
    left = replace(state(active=None), children={"proxy": ProcessMark(1, 2.0)})

    assert reconciled(left, None).children == {}


def test_checkouts_stay_of_the_ten_newest_the_active_and_its_predecessor() -> None:
    records = [
        record(str(i), Status.REMOVED, succeeded=True, at=i) for i in range(1, 21)
    ]
    found = replace(state(*records, active="2"), previous="1")

    kept = kept_commits(found)

    newest = {f"commit-of-{i}" for i in range(11, 21)}
    assert kept == newest | {"commit-of-1", "commit-of-2"}


def test_the_active_deployment_is_never_forgotten() -> None:
    records = [record(str(i), Status.REMOVED, at=i) for i in range(80)]

    kept = remembered(replace(state(*records, active="3"), previous="2"))

    assert [one.id for one in kept] == ["2", "3", *(str(i) for i in range(30, 80))]


def test_what_still_has_processes_is_neither_forgotten_nor_without_a_checkout() -> None:
    over = [record(str(i), Status.FAILED, at=i) for i in range(60)]
    draining = record("draining", Status.REMOVING, succeeded=True)
    found = state(draining, *over, active=None)

    assert "draining" in {one.id for one in remembered(found)}
    assert "commit-of-draining" in kept_commits(found)


def test_the_state_comes_back_from_its_file(tmp_path: Path) -> None:
    settings = ServiceSettings(start_command="serve", replicas=3)
    one = replace(record("one", Status.SUCCESS, succeeded=True), settings=settings)
    whole = PlatformState(
        epoch=7,
        repository="/repository",
        port=8080,
        active="one",
        deployments=(one,),
        children={"proxy": ProcessMark(12, 3.5)},
    )

    save_state(tmp_path / "state.json", whole)

    assert load_state(tmp_path / "state.json") == whole


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_state_that_cannot_be_understood_is_refused(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(PlatformError, match=r"state\.json cannot be used"):
        load_state(path)
