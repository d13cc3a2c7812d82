"""Rollbacks, variables and what else the service has (FACTS §2 and §4)."""

from dataclasses import replace

from tests.support.railway.authority import TokenKind
from tests.support.railway.caller import calling
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import PLANS
from tests.support.railway.records import Record
from tests.support.railway.scenes import GOOD, NEXT, Stage, staged
from tests.support.railway.waiting import until


async def turned_back(stage: Stage) -> Record:
    """The deployment that a rollback to the good one has created, once it is over."""
    told = await stage.caller.ask("Rollback", id=stage.good.id)
    assert told.data == {"deploymentRollback": True}
    record = stage.simulator.deployments[-1]
    await stage.simulator.settled(record)
    return record


async def test_a_rollback_is_a_new_deployment_of_the_old_image() -> None:
    async with staged() as stage:
        stage.simulator.gives(COLOUR="red")
        await stage.next(Status.SUCCESS)
        assert (await stage.caller.deployment(stage.good))["canRollback"]
        record = await turned_back(stage)
        told = await stage.caller.deployment(record)
        good = await stage.caller.deployment(stage.good)
        assert record.history == [
            Status.INITIALIZING,
            Status.DEPLOYING,
            Status.SUCCESS,
        ]
        assert told["createdAt"] > good["createdAt"]
        for name in ("imageDigest", "commitHash", "serviceManifest"):
            assert told["meta"][name] == good["meta"][name]
        assert record.variables == stage.good.variables
        assert "COLOUR" not in stage.ground.given[record.id]
        assert stage.serves() == GOOD


async def test_an_image_is_kept_for_the_plans_time_from_its_removal() -> None:
    async with staged() as stage:
        await stage.next(Status.SUCCESS)
        await stage.simulator.reaches(stage.good, Status.REMOVED)
        assert (await stage.caller.deployment(stage.good))["canRollback"]
        stage.simulator.world.plan = replace(PLANS["PRO"], retention=0.0)
        assert not (await stage.caller.deployment(stage.good))["canRollback"]
        assert (await stage.caller.ask("Rollback", id=stage.good.id)).message
        told = await stage.caller.ask("Redeploy", id=stage.good.id)
        assert told.data["deploymentRedeploy"]["status"] == "INITIALIZING"


async def test_what_never_became_active_cannot_be_rolled_back_to() -> None:
    async with staged() as stage:
        stage.ground.behave(NEXT, answers=(503,))
        record = await stage.next(Status.FAILED)
        assert not (await stage.caller.deployment(record))["canRollback"]
        assert (await stage.caller.ask("Rollback", id=record.id)).message


async def test_variables_deploy_unless_that_is_skipped() -> None:
    async with staged() as stage:
        place = {**stage.caller.place, "projectId": stage.simulator.project.id}
        given = {**place, "variables": {"COLOUR": "red"}}
        ask = stage.caller.ask
        quiet = {**given, "skipDeploys": True}
        assert (await ask("VariableCollectionUpsert", input=quiet)).data
        assert len(stage.simulator.deployments) == 1
        assert (await ask("VariableCollectionUpsert", input=given)).data
        assert len(stage.simulator.deployments) == 2
        told = await ask("Variables", **place)
        assert told.data["variables"]["COLOUR"] == "red"
        assert told.data["variables"]["RAILWAY_SERVICE_NAME"] == "web"
        assert (await ask("VariableDelete", input={**place, "name": "COLOUR"})).data
        assert "COLOUR" not in stage.simulator.service.variables


async def test_what_is_sealed_is_given_to_releases_and_told_to_nobody() -> None:
    async with staged() as stage:
        stage.simulator.gives(sealed=True, PASSWORD="p")
        record = await stage.next(Status.SUCCESS)
        assert stage.ground.given[record.id]["PASSWORD"] == "p"
        place = {**stage.caller.place, "projectId": stage.simulator.project.id}
        told = await stage.caller.ask("Variables", **place)
        assert "PASSWORD" not in told.data["variables"]
        told = await stage.caller.ask("DeploymentSnapshot", deploymentId=record.id)
        assert "PASSWORD" not in told.data["deploymentSnapshot"]["variables"]
        names = {"environmentId": place["environmentId"]}
        names["projectId"] = place["projectId"]
        told = await stage.caller.ask("VariableNames", **names)
        (edge,) = told.data["environment"]["variables"]["edges"]
        assert (edge["node"]["name"], edge["node"]["isSealed"]) == ("PASSWORD", True)


async def test_a_snapshot_is_what_the_deployment_was_given() -> None:
    async with staged() as stage:
        stage.simulator.gives(PM33_RUN="r1")
        record = await stage.next(Status.SUCCESS)
        stage.simulator.gives(PM33_RUN="r2")
        told = await stage.caller.ask("DeploymentSnapshot", deploymentId=record.id)
        assert told.data["deploymentSnapshot"]["variables"]["PM33_RUN"] == "r1"


async def test_autodeploy_deploys_what_is_pushed_until_it_is_switched_off() -> None:
    async with staged() as stage:
        assert await stage.simulator.pushes(NEXT)
        place = {**stage.caller.place, "projectId": stage.simulator.project.id}
        told = await stage.caller.ask(
            "AutoDeployUpdate", input={**place, "enabled": False}
        )
        assert told.data
        told = await stage.caller.ask("AutoDeploy", **place)
        assert not told.data["serviceInstanceAutoDeployStatus"]["enabled"]
        assert await stage.simulator.pushes("c" * 40) is None


async def test_the_under_attack_mode_is_the_edges() -> None:
    async with staged() as stage:
        wanted = {**stage.caller.place, "enabled": True, "durationSeconds": 1}
        told = await stage.caller.ask("ShieldUpdate", input=wanted)
        ends = told.data["setServiceUnderAttackMode"]["underAttackModeUntil"]
        assert ends >= int(stage.simulator.world.clock.now().timestamp())
        assert stage.ground.shielded
        await until(lambda: stage.ground.shielded, lambda on: not on)
        wanted = {**stage.caller.place, "enabled": True}
        told = await stage.caller.ask("ShieldUpdate", input=wanted)
        assert told.data["setServiceUnderAttackMode"]["underAttackModeUntil"] == 0
        assert stage.ground.shielded
        wanted = {**stage.caller.place, "enabled": False}
        await stage.caller.ask("ShieldUpdate", input=wanted)
        assert not stage.ground.shielded
        edge = (await stage.caller.instance())["edgeConfig"]
        assert edge["underAttackModeUntil"] is None


async def test_alerts_need_more_than_a_projects_token() -> None:
    async with staged() as stage:
        wanted = {
            "workspaceId": stage.simulator.world.workspace.id,
            "projectId": stage.simulator.project.id,
            "eventTypes": ["Deployment.failed"],
            "channelConfigs": [{"type": "webhook", "url": "https://example.com"}],
        }
        told = await stage.caller.ask("NotificationRuleCreate", input=wanted)
        assert told.message == "Not Authorized"
        async with calling(stage.simulator, TokenKind.ACCOUNT) as account:
            assert (await account.ask("NotificationRuleCreate", input=wanted)).data
            told = await account.ask(
                "NotificationRules", workspaceId=wanted["workspaceId"]
            )
            (rule,) = told.data["notificationRules"]
            assert rule["eventTypes"] == wanted["eventTypes"]
            assert rule["channels"][0]["config"] == wanted["channelConfigs"][0]
