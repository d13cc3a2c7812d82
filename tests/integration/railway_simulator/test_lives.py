"""Deployments come, replace each other and end as Railway's do (FACTS §3 and §5)."""

import asyncio

import pytest

from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway.repository import InventedRepository
from tests.support.railway.scenes import GOOD, NEXT, staged
from tests.support.railway.waiting import until

FILE = """
[deploy]
healthcheckPath = "/from-file"
overlapSeconds = 7

[environments.production.deploy]
overlapSeconds = 9
numReplicas = 2

[environments.staging.deploy]
overlapSeconds = 8
"""


async def test_a_deployment_passes_through_its_statuses_and_steps() -> None:
    async with staged() as stage:
        record = await stage.next(Status.SUCCESS)
        assert record.history == [
            Status.INITIALIZING,
            Status.BUILDING,
            Status.DEPLOYING,
            Status.SUCCESS,
        ]
        told = await stage.caller.ask("DeploymentEvents", id=record.id)
        nodes = [edge["node"] for edge in told.data["deploymentEvents"]["edges"]]
        assert [one["step"] for one in nodes] == [
            "SNAPSHOT_CODE",
            "BUILD_IMAGE",
            "PUBLISH_IMAGE",
            "CREATE_CONTAINER",
            "HEALTHCHECK",
            "CONFIGURE_NETWORK",
        ]
        assert all(one["completedAt"] >= one["createdAt"] for one in nodes)
        # In this order: the edge never leads to what the API does not call active.
        calls = [call for call, one in stage.ground.calls if one == record.id]
        assert calls == ["build", "start", "switch"]


async def test_by_default_the_old_one_ends_at_once() -> None:
    async with staged() as stage:
        await stage.next(Status.SUCCESS)
        instance = await stage.caller.instance()
        assert [one["status"] for one in instance["activeDeployments"]] == ["SUCCESS"]
        await stage.simulator.reaches(stage.good, Status.REMOVED)
        assert (await stage.caller.deployment(stage.good))["deploymentStopped"]


@pytest.mark.parametrize("both", [True, False])
async def test_in_an_overlap_the_old_one_stays(
    both: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with staged(unknowns=Unknowns(two_active_in_overlap=both)) as stage:
        stage.simulator.stores(overlapSeconds=100, drainingSeconds=1)
        record = await stage.next(Status.SUCCESS)
        active = (await stage.caller.instance())["activeDeployments"]
        expected = [record.id, stage.good.id] if both else [record.id]
        assert [one["id"] for one in active] == expected
        assert stage.ground.target == record.id
        assert stage.ground.running == (stage.good.id, record.id)
        await stage.simulator.reaches(stage.good, Status.REMOVED)
        assert stage.good.history[-2:] == [Status.REMOVING, Status.REMOVED]


async def test_a_third_one_cuts_the_overlap_of_the_first_short() -> None:
    async with staged() as stage:
        stage.simulator.stores(overlapSeconds=10_000)
        await stage.next(Status.SUCCESS)
        await stage.simulator.deploys("c" * 40)
        await stage.simulator.reaches(stage.good, Status.REMOVED)
        active = (await stage.caller.instance())["activeDeployments"]
        assert len(active) == 2


async def test_a_newer_deployment_overtakes_an_unfinished_one() -> None:
    async with staged() as stage:
        stage.faults.add(Fault.NEVER_HEALTHY)
        older = await stage.next(Status.DEPLOYING)
        await stage.simulator.deploys("c" * 40)
        assert stage.simulator.status(older) is Status.REMOVED
        assert stage.serves() == "c" * 40
        assert older.id not in stage.ground.running


async def test_cancel_is_for_what_is_not_active_and_remove_for_what_is() -> None:
    async with staged() as stage:
        stage.faults.add(Fault.NEVER_HEALTHY)
        record = await stage.next(Status.DEPLOYING)
        ask = stage.caller.ask
        assert (await ask("Remove", id=record.id)).message
        assert (await ask("Cancel", id=record.id)).data == {"deploymentCancel": True}
        assert stage.simulator.status(record) is Status.REMOVED
        assert (await ask("Cancel", id=stage.good.id)).message
        assert (await ask("Remove", id=stage.good.id)).data == {
            "deploymentRemove": True
        }
        await stage.simulator.reaches(stage.good, Status.REMOVED)
        assert stage.ground.target is None


async def test_a_crash_loop_looks_like_success_until_its_budget_is_spent() -> None:
    async with staged() as stage:
        stage.ground.behave(NEXT, crashes_after=0.15, restarts=3)
        record = await stage.next(Status.CRASHED)
        restarting = "Restarting the container"
        lines = [one.message for one in record.deploy_lines.all()]
        assert lines.count(restarting) == 3
        assert record.history[-2:] == [Status.SUCCESS, Status.CRASHED]


async def test_what_exits_with_0_stays_success_and_is_stopped() -> None:
    async with staged() as stage:
        stage.ground.behave(NEXT, crashes_after=0.05, exits=True)
        record = await stage.next(Status.SUCCESS)
        await until(lambda: record.is_stopped, bool)
        told = await stage.caller.deployment(record)
        assert told["status"] == "SUCCESS"
        assert told["instances"][0]["status"] == "EXITED"


async def test_what_cannot_be_started_or_ends_in_its_health_check_fails() -> None:
    async with staged() as stage:
        stage.ground.behave(NEXT, starts=False)
        await stage.next(Status.FAILED)
        stage.ground.behave("c" * 40, answers=(None,), crashes_after=0.02)
        record = await stage.simulator.deploys("c" * 40)
        assert stage.simulator.status(record) is Status.FAILED
        assert stage.serves() == GOOD


async def test_a_restart_keeps_the_deployment_and_its_variables() -> None:
    async with staged() as stage:
        stage.simulator.gives(COLOUR="red")
        await stage.caller.ask("Restart", id=stage.good.id)
        await until(lambda: stage.ground.calls[-1], lambda call: call[0] == "restart")
        assert stage.simulator.deployments == (stage.good,)
        assert "COLOUR" not in stage.ground.given[stage.good.id]


async def test_what_sleeps_is_active_and_wakes_as_the_same_deployment() -> None:
    async with staged() as stage:
        stage.simulator.conductor.sleep(stage.good)
        active = (await stage.caller.instance())["activeDeployments"]
        assert [one["status"] for one in active] == ["SLEEPING"]
        stage.simulator.conductor.wake(stage.good)
        assert (await stage.caller.deployment(stage.good))["status"] == "SUCCESS"


async def test_what_has_crashed_can_be_started_again() -> None:
    async with staged() as stage:
        stage.faults.add(Fault.CRASHES)
        record = await stage.next(Status.CRASHED)
        assert (await stage.caller.ask("Restart", id=record.id)).data
        await until(lambda: record.is_stopped, lambda stopped: not stopped)
        assert (await stage.caller.deployment(record))["status"] == "SUCCESS"
        assert record.id in stage.ground.running


async def test_a_volume_is_let_go_though_its_new_deployment_is_cancelled() -> None:
    async with staged() as stage:
        stage.simulator.service.volume = "/data"
        await stage.caller.deploy(NEXT)
        record = stage.simulator.deployments[-1]
        await stage.simulator.reaches(stage.good, Status.REMOVING)
        stage.simulator.conductor.drop(record)
        assert await stage.simulator.reaches(stage.good, Status.REMOVED)


async def test_with_a_volume_there_is_a_gap() -> None:
    async with staged() as stage:
        stage.simulator.service.volume = "/data"
        await stage.next(Status.SUCCESS)
        calls = [call for call in stage.ground.calls if call[0] != "build"]
        assert calls[2:5] == [
            ("switch", None),
            ("stop", stage.good.id),
            ("start", stage.simulator.deployments[-1].id),
        ]


async def test_without_a_health_path_started_is_active() -> None:
    async with staged() as stage:
        stage.simulator.stores(healthcheckPath=None)
        stage.ground.behave(NEXT, answers=(503,))
        record = await stage.next(Status.SUCCESS)
        lines = await stage.caller.lines(record)
        assert not [line for line in lines if "Healthcheck" in line]


@pytest.mark.parametrize("early", [True, False])
async def test_the_pre_deploy_command_runs_once_with_the_variables(
    early: bool,  # noqa: FBT001 - a parameter
) -> None:
    unknowns = Unknowns(pre_deploy_while_building=early)
    async with staged(unknowns=unknowns) as stage:
        stage.simulator.stores(preDeployCommand=["pm33 migrate up"])
        stage.simulator.gives(PM33_RUN="r1")
        stage.ground.behave(NEXT, migrates=False)
        record = await stage.next(Status.FAILED)
        assert (Status.DEPLOYING in record.history) is not early
        assert stage.ground.given[record.id]["PM33_RUN"] == "r1"
        assert stage.ground.given[record.id]["RAILWAY_DEPLOYMENT_ID"] == record.id
        calls = [call for call, one in stage.ground.calls if one == record.id]
        assert calls == ["build", "pre_deploy"]
        assert stage.serves() == GOOD


async def test_settings_are_frozen_and_the_file_beats_what_is_stored() -> None:
    files = {NEXT: FILE}
    repository = InventedRepository(settings_files=files)
    async with staged(repository=repository) as stage:
        stage.faults.add(Fault.SLOW_INITIALIZING, seconds=20)
        await stage.caller.deploy(NEXT)
        await stage.caller.ask(
            "ServiceInstanceUpdate",
            **stage.caller.place,
            input={"healthcheckPath": "/later", "drainingSeconds": 30},
        )
        record = stage.simulator.deployments[-1]
        told = await stage.caller.deployment(record)
        deploy = told["meta"]["serviceManifest"]["deploy"]
        assert deploy["healthcheckPath"] == "/from-file"
        assert deploy["overlapSeconds"] == 9
        assert deploy["drainingSeconds"] is None
        assert [*deploy["multiRegionConfig"].values()] == [{"numReplicas": 2}]
        instance = await stage.caller.instance()
        assert instance["healthcheckPath"] == "/later"
        assert instance["overlapSeconds"] is None


async def test_two_deploys_at_once_leave_one_active() -> None:
    async with staged() as stage:
        ids = await asyncio.gather(*(stage.caller.deploy(NEXT) for _ in range(5)))
        assert len(set(ids)) == 5
        for record in stage.simulator.deployments:
            await stage.simulator.settled(record)
        await until(lambda: stage.ground.running, lambda running: len(running) == 1)
        statuses = [stage.simulator.status(one) for one in stage.simulator.deployments]
        assert statuses.count(Status.SUCCESS) == 1
        assert stage.ground.target == stage.ground.running[0]
