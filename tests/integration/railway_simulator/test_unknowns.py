"""Both answers to each open question of FACTS ([?]) can be had, and show."""

from dataclasses import fields
from typing import Any

import pytest

from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway.repository import InventedRepository
from tests.support.railway.scenes import GOOD, NEXT, Stage, staged
from tests.support.railway.waiting import until

FILE = '[deploy]\nhealthcheckPath = "/from-file"\n'


async def _back(stage: Stage) -> str:
    await stage.next(Status.SUCCESS)
    await stage.caller.ask("Rollback", id=stage.good.id)
    record = stage.simulator.deployments[-1]
    await stage.simulator.settled(record)
    return record.id


async def _rewrites(stage: Stage) -> bool:
    stage.simulator.gives(COLOUR="red")
    await _back(stage)
    return "COLOUR" not in stage.simulator.service.variables


async def _pre_deploys(stage: Stage) -> bool:
    stage.simulator.stores(preDeployCommand=["pm33 migrate up"])
    stage.good = await stage.simulator.deploys(GOOD)
    return ("pre_deploy", await _back(stage)) in stage.ground.calls


async def _waits(stage: Stage) -> bool:
    await stage.next(Status.SUCCESS)
    stage.ground.behave(GOOD, answers=(503,))
    await stage.caller.ask("Rollback", id=stage.good.id)
    record = stage.simulator.deployments[-1]
    return await stage.simulator.settled(record) is Status.FAILED


async def _active_can(stage: Stage) -> bool:
    told = await stage.caller.ask("Rollback", id=stage.good.id)
    shown = (await stage.caller.deployment(stage.good))["canRollback"]
    assert shown is ("errors" not in told.body)
    return bool(shown)


async def _may_roll_back(stage: Stage) -> bool:
    await stage.next(Status.SUCCESS)
    told = await stage.caller.ask("Rollback", id=stage.good.id)
    return "errors" not in told.body


async def _may_switch(stage: Stage) -> bool:
    wanted = {**_place(stage), "enabled": False}
    told = await stage.caller.ask("AutoDeployUpdate", input=wanted)
    assert stage.simulator.service.autodeploys is ("errors" in told.body)
    return "errors" not in told.body


async def _may_alert(stage: Stage) -> bool:
    wanted = {
        "workspaceId": stage.simulator.world.workspace.id,
        "eventTypes": ["Deployment.failed"],
        "channelConfigs": [{}],
    }
    told = await stage.caller.ask("NotificationRuleCreate", input=wanted)
    return "errors" not in told.body


async def _early(stage: Stage) -> bool:
    stage.simulator.stores(preDeployCommand=["pm33 migrate up"])
    stage.ground.behave(NEXT, migrates=False)
    record = await stage.next(Status.FAILED)
    return Status.DEPLOYING not in record.history


async def _overlap_of_the_new(stage: Stage) -> bool:
    stage.simulator.stores(overlapSeconds=10_000)
    await stage.next(Status.SUCCESS)
    return len(stage.simulator.world.roster.active) == 2


async def _shows_two(stage: Stage) -> bool:
    stage.simulator.stores(overlapSeconds=10_000)
    await stage.simulator.deploys(GOOD)
    await stage.next(Status.SUCCESS)
    return len((await stage.caller.instance())["activeDeployments"]) == 2


async def _one_is_enough(stage: Stage) -> bool:
    stage.simulator.stores(numReplicas=2)
    record = await stage.next(Status.SUCCESS)
    stage.ground.tell(record.id, 0, "CRASHED")
    return stage.simulator.status(record) is Status.CRASHED


async def _readable(stage: Stage) -> bool:
    identity = stage.good.id
    told = await stage.caller.ask("DeploymentSnapshot", deploymentId=identity)
    return "errors" not in told.body


async def _reads_file(stage: Stage) -> bool:
    manifest = (await stage.caller.deployment(stage.good))["meta"]["serviceManifest"]
    return bool(manifest["deploy"]["healthcheckPath"] == "/from-file")


async def _delete_deploys(stage: Stage) -> bool:
    stage.simulator.gives(COLOUR="red")
    wanted = {**_place(stage), "name": "COLOUR"}
    assert (await stage.caller.ask("VariableDelete", input=wanted)).data
    return len(stage.simulator.deployments) == 2


async def _image_deploys(stage: Stage) -> bool:
    source = {"source": {"image": "shop@sha256:1"}}
    told = await stage.caller.ask(
        "ServiceInstanceUpdate", **stage.caller.place, input=source
    )
    assert told.data
    return len(stage.simulator.deployments) == 2


def _place(stage: Stage) -> dict[str, str]:
    return {**stage.caller.place, "projectId": stage.simulator.project.id}


SHOWS: dict[str, Any] = {
    "rollback_rewrites_variables": _rewrites,
    "rollback_runs_pre_deploy": _pre_deploys,
    "rollback_waits_for_health": _waits,
    "active_can_roll_back": _active_can,
    "project_token_may_roll_back": _may_roll_back,
    "project_token_may_switch_autodeploy": _may_switch,
    "project_token_may_set_alerts": _may_alert,
    "pre_deploy_while_building": _early,
    "overlap_of_the_new": _overlap_of_the_new,
    "two_active_in_overlap": _shows_two,
    "crashed_by_one_replica": _one_is_enough,
    "snapshot_readable": _readable,
    "reads_railway_toml": _reads_file,
    "variable_delete_deploys": _delete_deploys,
    "image_source_deploys": _image_deploys,
}


@pytest.mark.parametrize("so", [True, False])
@pytest.mark.parametrize("name", SHOWS)
async def test_an_open_question_can_be_answered_either_way(
    name: str,
    so: bool,  # noqa: FBT001 - a parameter
) -> None:
    repository = InventedRepository(settings_files={GOOD: FILE})
    unknowns = Unknowns(**{name: so})
    async with staged(unknowns=unknowns, repository=repository) as stage:
        assert await SHOWS[name](stage) is so
        stage.simulator.stores(source=None)
        await until(lambda: stage.simulator.world.roster.unfinished, lambda u: not u)


def test_every_open_question_is_shown() -> None:
    assert SHOWS.keys() == {one.name for one in fields(Unknowns)}
