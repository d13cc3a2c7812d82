"""Runs of the pipeline at the simulated Railway: pushes, variables, settings."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy, make_plan, resume
from app.backend.deploy.report import Ending
from app.backend.deploy.request import EMERGENCY, RollbackRequest, Variables
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from app.errors import PreflightError
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import ENVIRONMENT, HEALTH, AtRailway, at_railway

FILE = f"""
[deploy]
healthcheckPath = "{HEALTH}"
overlapSeconds = 20
drainingSeconds = 30
"""


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[RailwayDelivery]:
    """A service that one commit serves, and whose commits want to be run well."""
    clock = QuickClock()
    files = {"": FILE}
    async with at_railway(
        folder=tmp_path, clock=clock, scale=0.001, files=files
    ) as railway:
        made = opened(railway, tmp_path)
        await served(made, "one")
        yield made


async def served(delivery: RailwayDelivery, name: str) -> str:
    """A commit that serves at Railway, deployed by somebody else."""
    commit = delivery.commit(name)
    await delivery.railway.simulator.deploys(commit)
    return commit


def opened(railway: AtRailway, folder: Path) -> RailwayDelivery:
    return RailwayDelivery(folder, railway, railway.clock)


async def test_the_plan_says_before_what_was_stored_and_what_is_lost(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path, clock=QuickClock()) as railway:
        delivery = opened(railway, tmp_path)
        await served(delivery, "one")
        plan = await make_plan(delivery.request(delivery.commit("two")), delivery.tools)
    codes = {one["code"] for one in plan.to_dict()["findings"]}
    assert {"requests_will_be_lost", "autodeploy", "retention"} <= codes
    assert "requests will be lost at the switch" in plan.text()
    assert railway.simulator.changes() == []


@pytest.mark.full
async def test_a_deploy_stores_the_settings_and_holds_pushes_back(
    delivery: RailwayDelivery,
) -> None:
    railway = delivery.railway
    report = await delivery.deploy(delivery.commit("two"))
    assert report.ending is Ending.DONE, report.text()
    changes = railway.simulator.changes()
    assert (changes[0], changes[-1]) == ("AutoDeployUpdate", "AutoDeployUpdate")
    assert changes.count("ServiceInstanceUpdate") == 1
    assert railway.simulator.service.autodeploys
    assert not any("instead of" in note for note in report.notes)


@pytest.mark.full
async def test_a_push_in_the_middle_of_a_run_deploys_nothing(
    delivery: RailwayDelivery,
) -> None:
    railway = delivery.railway
    pushed: list[object] = []

    async def push(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("bake", Milestone.AFTER_INTENT):
            pushed.append(await railway.simulator.pushes("d" * 40))

    tools = replace(delivery.tools, milestone=push)
    report = await deploy(delivery.request(delivery.commit("two")), tools)
    assert report.ending is Ending.DONE, report.text()
    assert pushed == [None]
    assert await railway.simulator.pushes("d" * 40)


@pytest.mark.full
@pytest.mark.parametrize(
    "fault", [Fault.AFTER_MUTATION_TIMEOUT, Fault.TIMEOUT, Fault.SERVER_ERROR]
)
async def test_a_lost_answer_about_pushes_leaves_them_as_they_were(
    delivery: RailwayDelivery, fault: Fault
) -> None:
    railway = delivery.railway
    railway.simulator.faults.add(fault, operation="AutoDeployUpdate")
    report = await delivery.deploy(delivery.commit("two"), monitor=False)
    assert report.ending is Ending.UNBAKED, report.text()
    assert railway.simulator.service.autodeploys


@pytest.mark.full
async def test_a_run_that_was_killed_puts_pushes_back_when_it_is_resumed(
    delivery: RailwayDelivery,
) -> None:
    railway = delivery.railway

    async def die(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("deploy", Milestone.AFTER_CALL):
            raise KilledError

    tools = replace(delivery.tools, milestone=die)
    with pytest.raises(KilledError):
        await deploy(delivery.request(delivery.commit("two")), tools)
    assert not railway.simulator.service.autodeploys
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE, report.text()
    assert railway.simulator.service.autodeploys


async def rotated(delivery: RailwayDelivery) -> None:
    """Two releases, and a variable that was changed in between."""
    railway = delivery.railway
    railway.simulator.gives(SECRET_KEY="before")
    await served(delivery, "one")
    railway.simulator.gives(SECRET_KEY="after")
    await served(delivery, "two")
    old, _ = railway.simulator.deployments
    await railway.simulator.reaches(old, Status.REMOVED)


def value(delivery: RailwayDelivery) -> str | None:
    serving = delivery.railway.simulator.serving
    assert serving
    return serving.variables.get("SECRET_KEY")


@pytest.mark.full
async def test_a_rollback_that_would_revert_what_is_needed_is_refused(
    tmp_path: Path,
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = opened(railway, tmp_path)
        await rotated(delivery)
        asked = RollbackRequest(environment=ENVIRONMENT, actor="test", gate_hold=1.0)
        with pytest.raises(PreflightError, match="SECRET_KEY changed") as refused:
            await roll_back(asked, delivery.tools)
        assert "--current-variables" in refused.value.remedy
        assert "Rollback" not in railway.simulator.changes()
        assert railway.simulator.service.autodeploys


@pytest.mark.full
@pytest.mark.parametrize(
    ("flags", "after"),
    [
        ({"variables": Variables.TARGET}, "before"),
        ({"variables": Variables.CURRENT}, "after"),
        ({"reason": EMERGENCY}, "before"),
    ],
)
async def test_a_rollback_gives_the_variables_that_were_meant(
    tmp_path: Path, flags: dict[str, str], after: str
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = opened(railway, tmp_path)
        await rotated(delivery)
        asked = RollbackRequest(
            environment=ENVIRONMENT,
            actor="test",
            gate_hold=1.0,
            **flags,  # type: ignore[arg-type]
        )
        report = await roll_back(asked, delivery.tools)
        assert report.ending is Ending.RESTORED, report.text()
        assert value(delivery) == after
        assert railway.simulator.service.autodeploys
