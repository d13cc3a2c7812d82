from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.overview import Overview, look
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.run_state import RunState
from app.errors import ConfigError, DeploymentNotFoundError
from tests.support.delivery import ENVIRONMENT, Delivery

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST, SECOND = "a" * 40, "b" * 40


def deployment(name: str, commit: str, minutes: int = 0, **fields: Any) -> Deployment:
    return Deployment(
        id=name,
        commit=commit,
        status=DeploymentStatus.SUCCESS,
        created_at=BEGAN + timedelta(minutes=minutes),
        **fields,
    )


def run(name: str, commit: str, **fields: Any) -> RunState:
    return RunState(run=name, commit=commit, started_at=BEGAN, **fields)


def overview(
    deployments: tuple[Deployment, ...] = (), runs: tuple[RunState, ...] = ()
) -> Overview:
    return Overview(environment="development", deployments=deployments, runs=runs)


@pytest.mark.parametrize(
    ("made", "known"),
    [
        ({"tag": None}, {"deployment": "d-1"}),
        ({"tag": "run-1"}, {}),
        ({"tag": "run-1/deploy/2"}, {}),
    ],
    ids=["by its id", "by its tag", "by a longer tag"],
)
def test_a_deployment_stands_beside_the_run_that_made_it(
    made: dict[str, Any], known: dict[str, Any]
) -> None:
    one, by = deployment("d-1", FIRST, **made), run("run-1", FIRST, **known)
    [entry] = overview((one,), (by,)).entries

    assert (entry.deployment, entry.run) == (one, by)


def test_a_reason_without_a_remedy_is_a_note_without_one() -> None:
    assert overview().noting(ConfigError("no token")).notes == ("no token",)
    error = ConfigError("no token", remedy="set one")
    assert overview().noting(error).notes == ("no token; set one",)


def test_a_run_that_went_back_stands_beside_both_of_its_deployments() -> None:
    bad = deployment("d-2", SECOND, 1, tag="run-2")
    back = deployment("d-3", FIRST, 2, tag="run-2/back", rollback_of="d-1")
    one = run("run-2", SECOND, deployment="d-2", ended=True, outcome="rolled_back")
    known = overview((back, bad, deployment("d-1", FIRST)), (one,))

    assert [(entry.run, entry.is_way_back) for entry in known.entries] == [
        (one, True),
        (one, False),
        (None, False),
    ]
    assert known.find("run-2").deployment == bad
    assert known.find("d-3").deployment == back


def test_what_only_one_side_knows_is_shown_too() -> None:
    one, refused = deployment("d-1", FIRST), run("run-2", SECOND)
    first, second = overview((one,), (refused,)).entries

    assert (first.deployment, first.run) == (one, None)
    assert (second.deployment, second.run) == (None, refused)


def test_of_two_runs_with_one_deployment_the_newest_stands_there() -> None:
    one = deployment("d-1", FIRST)
    newer, older = (run(name, FIRST, deployment="d-1") for name in ("run-2", "run-1"))
    [entry] = overview((one,), (newer, older)).entries

    assert entry.run == newer


@pytest.mark.parametrize("name", ["d-2", "run-2", SECOND, SECOND[:7], SECOND.upper()])
def test_an_entry_is_found_by_each_of_its_names(name: str) -> None:
    known = overview(
        (deployment("d-3", FIRST, 2), deployment("d-2", SECOND, 1)),
        (run("run-2", SECOND, deployment="d-2"),),
    )
    found = known.find(name).deployment

    assert found is not None
    assert found.id == "d-2"


def test_a_commit_means_its_newest_deployment() -> None:
    known = overview((deployment("d-2", FIRST, 1), deployment("d-1", FIRST)))
    found = known.find(FIRST).deployment

    assert found is not None
    assert found.id == "d-2"


@pytest.mark.parametrize("name", ["d-9", FIRST[:6], "", "c" * 40])
def test_what_is_not_there_or_too_short_is_refused(name: str) -> None:
    known = overview((deployment("d-1", FIRST),))

    with pytest.raises(DeploymentNotFoundError) as raised:
        known.find(name)
    assert raised.value.remedy


async def test_runs_are_read_where_no_platform_can_be_asked(tmp_path: Path) -> None:
    config = read_config({"PM33_HOME": str(tmp_path)})
    begin = {"environment": "development", "commit": FIRST, "actor": "somebody"}
    await FileJournal(journal_path(tmp_path, "development")).append(
        Event("run-1", "run", 1, 1, EventKind.BEGIN, BEGAN, begin)
    )
    known = await look(config, "development", None)
    noted = known.noting(ConfigError("it is elsewhere", remedy="go there"))

    body = noted.to_dict()
    assert body["notes"] == ["it is elsewhere; go there"]
    [entry] = body["entries"]
    assert entry["deployment"] is None
    assert (entry["run"]["run"], entry["run"]["commit"]) == ("run-1", FIRST)


async def test_rows_that_cannot_be_read_are_a_note(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    config = read_config({"PM33_HOME": str(tmp_path), "DATABASE_URL": url})
    known = await look(config, "development", None)

    assert known.runs == ()
    [note] = known.notes
    assert "state database" in note


async def test_what_is_named_is_found_however_old_it_is(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    first = await delivery.good("one")
    await delivery.good("two")
    (*_, oldest) = await delivery.runs()
    config, platform = delivery.tools.config, delivery.platform
    for name in (oldest.run, "d1"):
        known = await look(config, ENVIRONMENT, platform, limit=1, named=name)
        entry = known.find(name)
        assert (entry.deployment or entry.run or RunState()).commit == first
    known = await look(config, ENVIRONMENT, platform, limit=1, named="nobody")
    with pytest.raises(DeploymentNotFoundError):
        known.find("nobody")
    assert len(known.entries) == 1


def test_refused_runs_stand_where_their_time_is() -> None:
    times = [BEGAN + timedelta(minutes=minutes) for minutes in (1, 3)]
    refused = [
        replace(run(f"run-{n}", SECOND), started_at=at) for n, at in enumerate(times)
    ]
    deployments = (deployment("d-2", FIRST, 2), deployment("d-1", FIRST))
    known = replace(overview(deployments, tuple(refused)), limit=3)

    names = [
        entry.deployment.id if entry.deployment else (entry.run or RunState()).run
        for entry in known.entries
    ]
    assert names == ["run-1", "d-2", "run-0"]
    assert known.find("d-1").deployment == deployments[1]


async def test_a_deployment_keeps_its_run_however_many_came_later(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path)
    await delivery.good("one")
    (first,) = await delivery.runs()
    file = FileJournal(journal_path(delivery.home, ENVIRONMENT))
    for number in range(60):
        at = BEGAN + timedelta(days=99, seconds=number)
        begin = {"environment": ENVIRONMENT, "commit": FIRST}
        await file.append(
            Event(f"refused-{number}", "run", 1, 9, EventKind.BEGIN, at, begin),
            Event(f"refused-{number}", "run", 1, 9, EventKind.END, at, {}),
        )
    known = await look(delivery.tools.config, ENVIRONMENT, delivery.platform, limit=5)
    assert len(known.entries) == 5
    made = known.find("d1").run
    assert made
    assert made.run == first.run


async def test_a_run_tells_what_its_own_report_told(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    known = await look(delivery.tools.config, ENVIRONMENT, delivery.platform)
    body = known.story(report.run)
    told = body["run"]

    assert report.serves
    assert told["meaning"] == report.ending.meaning
    assert told["cause"] == report.cause
    assert told["evidence"]["counts"] == report.evidence["counts"]
    assert told["log"] == list(report.log)
    assert told["way_back"]["commit"] == first
    assert told["way_back"]["restored"] == told["serving_after"] == report.serves.id
    assert told["taken_over_by"] is None
    assert body["serves"]["id"] == report.serves.id
    assert any(one["meaning"] == report.cause for one in told["steps"])

    run = known.find(report.run).run
    assert run
    shown = known.report(run).splitlines()
    kept = [line for line in report.text().splitlines() if "next: " not in line]
    assert shown == kept


async def test_a_run_that_was_pushed_out_says_by_which_and_what_for(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path)
    await delivery.good("one")
    paused = await delivery.deploy(delivery.commit("two", shared=True))
    hotfix = await delivery.deploy(
        delivery.commit("three"), supersede=True, reason="the shop is down"
    )
    known = await look(delivery.tools.config, ENVIRONMENT, delivery.platform)
    by = known.story(paused.run)["run"]["taken_over_by"]

    assert by["run"] == hotfix.run
    assert by["for"] == f"deploy {hotfix.commit[:12]}: the shop is down"


async def test_a_journal_with_a_line_that_cannot_be_read_is_a_note(
    tmp_path: Path,
) -> None:
    config = read_config({"PM33_HOME": str(tmp_path)})
    path = journal_path(tmp_path, "development")
    path.parent.mkdir()
    path.write_text("torn\n")
    known = await look(config, "development", None)

    assert known.notes == ("lines of the journal's file that cannot be read: 1",)
