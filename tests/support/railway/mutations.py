"""What can be changed, by the mutation's name."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.support.railway.authority import Asker, RefusedError, TokenKind
from tests.support.railway.authority import internal as problem
from tests.support.railway.conductor import Conductor
from tests.support.railway.faults import Fault
from tests.support.railway.manifest import updated
from tests.support.railway.records import Record
from tests.support.railway.views import Views
from tests.support.railway.world import Rule, World

__all__ = ["MUTATIONS"]

Arguments = Mapping[str, Any]


async def _deploy(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    asker.place(given)
    return (await _of_commit(asker, conductor, given.get("commitSha"))).id


async def _deploy_v1(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    asker.place(given)
    commit = given.get("commitSha")
    if given.get("latestCommit"):
        commit = await asker.world.repository.head()
    await _of_commit(asker, conductor, commit)
    return True


async def _of_commit(asker: Asker, conductor: Conductor, commit: str | None) -> Record:
    """Without a commit, the one that the service is tied to, or its image."""
    world = asker.world
    if (world.service.stored["source"] or {}).get("image"):
        return await conductor.deploy(None)
    if commit is None:
        commit = world.service.tied or await world.repository.head()
    elif not await world.repository.holds(commit):
        raise RefusedError("Commit not found")
    world.service.tied = commit
    return await conductor.deploy(commit)


async def _redeploy_service(
    asker: Asker, conductor: Conductor, given: Arguments
) -> Any:
    asker.place(given)
    if not asker.world.shown:
        raise problem()
    await conductor.deploy(asker.world.shown[0].commit, reason="redeploy")
    return True


async def _trigger(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    asker.place(given["input"])
    await conductor.deploy(await asker.world.repository.head())
    return True


async def _redeploy(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    target = asker.deployment(given["id"])
    with_image = bool(given.get("usePreviousImageTag"))
    if with_image and not asker.world.image_is_kept(target):
        raise problem()
    record = conductor.repeat(target, "redeploy", build=not with_image)
    return Views(asker.world).deployment(record)


async def _rollback(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    world = asker.world
    if not world.unknowns.project_token_may_roll_back:
        asker.needs(TokenKind.WORKSPACE, TokenKind.ACCOUNT)
    target = asker.deployment(given["id"])
    if world.faults.take(Fault.TARGET_AGED_OUT, commit=target.commit):
        target.kept = False
    if world.faults.take(Fault.ROLLBACK_REFUSED, commit=target.commit):
        raise problem()
    if not world.can_roll_back(target):
        raise RefusedError("Deployment cannot be rolled back to")
    conductor.roll_back(target)
    # What is to appear at once appears before the answer.
    await asyncio.sleep(0)
    return True


async def _restart(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    return _done(conductor.restart(asker.deployment(given["id"])))


async def _stop(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    return _done(conductor.stop(asker.deployment(given["id"])))


async def _cancel(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    return _done(conductor.drop(asker.deployment(given["id"])))


async def _remove(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    return _done(conductor.remove(asker.deployment(given["id"])))


async def _approve(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    return _done(conductor.approve(asker.deployment(given["id"])))


async def _update_service(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    asker.place(given)
    world, service = asker.world, asker.world.service
    before = service.stored["source"]
    service.stored = updated(service.stored, given["input"])
    changed = service.stored["source"] != before
    if changed and world.unknowns.image_source_deploys:
        await conductor.deploy(None)
    return True


async def _put_variables(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    wanted = given["input"]
    asker.place(wanted)
    service = asker.world.service
    before = {} if wanted.get("replace") else service.variables
    service.variables = {**before, **wanted["variables"]}
    service.sealed &= service.variables.keys()
    if not wanted.get("skipDeploys"):
        await _with_new_variables(asker, conductor)
    return True


async def _put_variable(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    wanted = given["input"]
    one = {wanted["name"]: wanted["value"]}
    return await _put_variables(
        asker, conductor, {"input": {**wanted, "variables": one}}
    )


async def _delete_variable(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    wanted = given["input"]
    asker.place(wanted)
    service = asker.world.service
    if wanted["name"] not in service.variables:
        raise problem()
    kept = service.variables.items()
    service.variables = {k: v for k, v in kept if k != wanted["name"]}
    service.sealed.discard(wanted["name"])
    if asker.world.unknowns.variable_delete_deploys:
        await _with_new_variables(asker, conductor)
    return True


async def _with_new_variables(asker: Asker, conductor: Conductor) -> None:
    """A change of variables deploys what is deployed, if something is."""
    serving = asker.world.roster.serving
    if serving is not None:
        commit = asker.world.records[serving].commit
        await conductor.deploy(commit, reason="redeploy")


async def _put_autodeploy(asker: Asker, _: Conductor, given: Arguments) -> Any:
    wanted = given["input"]
    asker.place(wanted)
    if not asker.world.unknowns.project_token_may_switch_autodeploy:
        asker.needs(TokenKind.WORKSPACE, TokenKind.ACCOUNT)
    asker.world.service.autodeploys = wanted["enabled"]
    return {"enabled": wanted["enabled"]}


async def _update_trigger(asker: Asker, _: Conductor, given: Arguments) -> Any:
    if given["id"] != asker.world.service.trigger:
        raise problem()
    branch = given["input"].get("branch")
    if branch is not None:
        asker.world.service.branch = branch
    return Views(asker.world).trigger()


async def _shield(asker: Asker, conductor: Conductor, given: Arguments) -> Any:
    wanted, world = given["input"], asker.world
    asker.place(wanted)
    until = None
    if wanted["enabled"]:
        seconds = wanted.get("durationSeconds")
        # 0 is how the API says: until it is turned off.
        until = int(world.clock.now().timestamp() + seconds) if seconds else 0
        if seconds:
            conductor.tasks.begin(_disarm(world, until, seconds))
    await world.shield(until)
    return Views(world).edge()


async def _disarm(world: World, until: int, seconds: float) -> None:
    """The end is a time of day, so it is not scaled."""
    await asyncio.sleep(seconds)
    if world.service.shielded_until == until:
        await world.shield(None)


async def _create_rule(asker: Asker, _: Conductor, given: Arguments) -> Any:
    wanted = given["input"]
    if not (
        asker.kind is TokenKind.PROJECT
        and asker.world.unknowns.project_token_may_set_alerts
    ):
        asker.workspace(wanted["workspaceId"])
    if wanted.get("projectId") is not None:
        asker.project(wanted["projectId"])
    rule = Rule(
        events=tuple(wanted["eventTypes"]),
        severities=tuple(wanted.get("severities") or ()),
        channels=tuple(wanted["channelConfigs"]),
        project=wanted.get("projectId"),
    )
    asker.world.rules.append(rule)
    return Views(asker.world).rule(rule)


async def _update_rule(asker: Asker, _: Conductor, given: Arguments) -> Any:
    asker.needs(TokenKind.WORKSPACE, TokenKind.ACCOUNT)
    rules, wanted = asker.world.rules, given["input"]
    for number, old in enumerate(rules):
        if old.id == given["id"]:
            rules[number] = Rule(
                events=tuple(wanted.get("eventTypes") or old.events),
                severities=tuple(wanted.get("severities") or old.severities),
                channels=tuple(wanted.get("channelConfigs") or old.channels),
                project=old.project,
                id=old.id,
            )
            return Views(asker.world).rule(rules[number])
    raise problem()


async def _delete_rule(asker: Asker, _: Conductor, given: Arguments) -> Any:
    if not asker.world.unknowns.project_token_may_set_alerts:
        asker.needs(TokenKind.WORKSPACE, TokenKind.ACCOUNT)
    rules = asker.world.rules
    left = [one for one in rules if one.id != given["id"]]
    if len(left) == len(rules):
        raise problem()
    rules[:] = left
    return True


def _done(done: bool) -> bool:  # noqa: FBT001 - what the conductor said
    if not done:
        raise problem()
    return True


MUTATIONS = {
    "serviceInstanceDeployV2": _deploy,
    "serviceInstanceDeploy": _deploy_v1,
    "serviceInstanceRedeploy": _redeploy_service,
    "environmentTriggersDeploy": _trigger,
    "deploymentRedeploy": _redeploy,
    "deploymentRollback": _rollback,
    "deploymentRestart": _restart,
    "deploymentStop": _stop,
    "deploymentCancel": _cancel,
    "deploymentRemove": _remove,
    "deploymentApprove": _approve,
    "serviceInstanceUpdate": _update_service,
    "variableCollectionUpsert": _put_variables,
    "variableUpsert": _put_variable,
    "variableDelete": _delete_variable,
    "serviceInstanceAutoDeployUpdate": _put_autodeploy,
    "deploymentTriggerUpdate": _update_trigger,
    "setServiceUnderAttackMode": _shield,
    "notificationRuleCreate": _create_rule,
    "notificationRuleUpdate": _update_rule,
    "notificationRuleDelete": _delete_rule,
}
"""Each takes who asks, the conductor and the field's arguments."""
