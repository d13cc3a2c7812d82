"""How each fault of a deployment shows."""

from datetime import datetime, timedelta

from tests.support.railway.faults import Fault
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.lifecycle import Status
from tests.support.railway.records import Record
from tests.support.railway.scenes import GOOD, NEXT, Scene, Stage
from tests.support.railway.waiting import until

__all__ = ["SCENES"]

OTHER = "c" * 40


async def _fails(stage: Stage, fault: Fault) -> None:
    """It ends FAILED, with its reason in the build log; the old one serves."""
    stage.simulator.stores(preDeployCommand=["pm33 migrate up"])
    value = 308 if fault is Fault.HEALTH_STATUS else None
    stage.faults.add(fault, seconds=1000.0, value=value)
    record = await stage.next(Status.FAILED, Status.SUCCESS)
    told = await stage.caller.deployment(record)
    assert told["status"] == "FAILED"
    assert told["deploymentStopped"]
    assert not told["canRollback"]
    lines = await stage.caller.lines(record)
    assert any(_REASONS[fault] in line for line in lines), lines
    assert stage.serves() == GOOD
    assert stage.ground.running == (stage.good.id,)


_REASONS = {
    Fault.BUILD_FAILS: "failed to build",
    Fault.PRE_DEPLOY_FAILS: "pre-deploy command failed",
    Fault.NEVER_HEALTHY: "Attempt #1 failed with service unavailable.",
    Fault.HEALTH_STATUS: "Attempt #1 failed with status 308.",
    Fault.HEALTH_SLOW: "1/1 replicas never became healthy!",
}


async def _flaps(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    record = await stage.next(Status.FAILED, Status.SUCCESS)
    lines = await stage.caller.lines(record)
    assert stage.simulator.status(record) is Status.SUCCESS
    assert sum("Attempt #" in line for line in lines) == 3


async def _crashes(stage: Stage, fault: Fault) -> None:
    """Active, and then out of its budget: nothing else takes its place."""
    stage.faults.add(fault, seconds=2.0)
    record = await stage.next(Status.CRASHED)
    told = await stage.caller.deployment(record)
    assert [one["status"] for one in told["instances"]] == ["CRASHED"]
    assert told["deploymentStopped"]
    active = (await stage.caller.instance())["activeDeployments"]
    assert [one["id"] for one in active] == [record.id]
    if fault is Fault.OUT_OF_MEMORY:
        lines = await stage.caller.lines(record, "DeploymentLogs")
        assert "Killed: out of memory" in lines


async def _crash_loop(stage: Stage, fault: Fault) -> None:
    scripted = stage.faults.add(fault, seconds=5.0, value=4)
    record = await stage.next(Status.SUCCESS)
    restarts = "Restarting the container"
    await until(
        lambda: [one.message for one in record.deploy_lines.all()].count(restarts),
        lambda count: count == scripted.number(0),
    )
    assert (await stage.caller.deployment(record))["status"] == "SUCCESS"


async def _regresses(stage: Stage, fault: Fault) -> None:
    """Only what users asked for is bad; the health check has passed."""
    stage.faults.add(fault, value=50)
    record = await stage.next(Status.SUCCESS)
    begin = stage.simulator.world.clock.now()
    stage.ground.traffic = [
        EdgeRequest(at=begin, deployment=record.id, status=200, seconds=0.01)
        for _ in range(10)
    ]
    by_status, p99 = await _metrics(stage, begin)
    if fault is Fault.ERRORS_UNDER_TRAFFIC:
        assert by_status == {500: 10.0}
        assert p99 == 10
    else:
        assert by_status == {200: 10.0}
        assert p99 == 500


async def _metrics(stage: Stage, begin: datetime) -> tuple[dict[int, float], float]:
    window = {
        "startDate": begin.isoformat(),
        "endDate": (begin + timedelta(minutes=1)).isoformat(),
    }
    place = stage.caller.place
    told = await stage.caller.ask("HttpMetricsByStatus", **place, **window)
    counts = {
        one["statusCode"]: sum(sample["value"] for sample in one["samples"])
        for one in told.data["httpMetricsGroupedByStatus"]
    }
    told = await stage.caller.ask("HttpDuration", **place, **window)
    (sample,) = told.data["httpDurationMetrics"]["samples"]
    return counts, sample["p99"]


async def _wrong_port(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, value=9999)
    await stage.next(Status.SUCCESS)
    (domain,) = (await stage.caller.instance())["domains"]["serviceDomains"]
    assert domain["targetPort"] == 9999
    assert not stage.ground.aimed


async def _queued(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    record = await stage.next(Status.QUEUED)
    assert (await stage.caller.deployment(record))["deploymentStopped"]
    await stage.caller.ask("Cancel", id=record.id)
    assert (await stage.caller.deployment(record))["status"] == "REMOVED"


async def _initializing(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=20.0)
    await stage.caller.deploy(NEXT)
    record = stage.simulator.deployments[-1]
    begin = stage.simulator.world.clock.elapsed()
    told = await stage.caller.deployment(record)
    assert (told["status"], told["instances"]) == ("INITIALIZING", [])
    assert told["deploymentStopped"]
    await stage.simulator.reaches(record, Status.BUILDING)
    assert stage.simulator.world.clock.elapsed() - begin > 10


async def _skipped(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    record = await stage.next(Status.SKIPPED)
    assert (await stage.caller.deployment(record))["status"] == "SKIPPED"
    assert ("build", record.id) not in stage.ground.calls
    assert stage.serves() == GOOD


async def _checks(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=1.0)
    await stage.simulator.settled(await stage.next(Status.WAITING))
    assert stage.serves() == NEXT
    stage.faults.add(fault, seconds=1.0, value="failed")
    await stage.caller.deploy(OTHER)
    record = stage.simulator.deployments[-1]
    await stage.simulator.reaches(record, Status.SKIPPED)
    assert stage.serves() == NEXT


async def _approval(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    record = await stage.next(Status.NEEDS_APPROVAL)
    assert stage.simulator.conductor.approve(record)
    await stage.simulator.settled(record)
    assert stage.serves() == NEXT


async def _superseded(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, value=OTHER)
    record = await stage.next(Status.REMOVED)
    assert not (await stage.caller.deployment(record))["canRollback"]
    other = stage.simulator.deployments[-1]
    await stage.simulator.settled(other)
    assert stage.serves() == OTHER


async def _redeployed(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=1.0)
    record = await stage.next(Status.SUCCESS)
    await stage.simulator.reaches(record, Status.REMOVED)
    first, second, *_ = await stage.caller.deployments()
    assert second["id"] == record.id
    assert first["meta"]["reason"] == "redeploy"
    assert first["meta"]["commitHash"] == NEXT
    assert stage.serves() == NEXT


async def _removed(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=1.0)
    await stage.next(Status.REMOVED)
    assert (await stage.caller.instance())["activeDeployments"] == []
    assert stage.ground.target is None


async def _unknown_status(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    record = await stage.next(Status.SUCCESS)
    assert (await stage.caller.deployment(record))["status"] == "TELEPORTING"


async def _refused(stage: Stage, fault: Fault) -> None:
    """The rollback is an error, and nothing has been created by it."""
    await stage.next(Status.SUCCESS)
    stage.faults.add(fault)
    before = stage.simulator.deployments
    assert (await stage.caller.deployment(stage.good))["canRollback"]
    told = await stage.caller.ask("Rollback", id=stage.good.id)
    assert told.status == 200
    assert told.message
    assert stage.simulator.deployments == before
    kept = (await stage.caller.deployment(stage.good))["canRollback"]
    assert kept is (fault is Fault.ROLLBACK_REFUSED)


async def _back(stage: Stage, fault: Fault, seconds: float = 10.0) -> Record | None:
    """Rolls back; what the simulator has created at once."""
    await stage.next(Status.SUCCESS)
    stage.faults.add(fault, seconds=seconds)
    before = len(stage.simulator.deployments)
    told = await stage.caller.ask("Rollback", id=stage.good.id)
    assert told.data == {"deploymentRollback": True}
    created = stage.simulator.deployments[before:]
    return created[0] if created else None


async def _rollback_fails(stage: Stage, fault: Fault) -> None:
    record = await _back(stage, fault)
    assert record is not None
    await stage.simulator.reaches(record, Status.FAILED)
    assert stage.serves() == NEXT


async def _rollback_late(stage: Stage, fault: Fault) -> None:
    assert await _back(stage, fault, seconds=20.0) is None
    assert len(await stage.caller.deployments()) == 2
    await until(stage.serves, lambda commit: commit == GOOD)
    assert len(await stage.caller.deployments()) == 3


async def _rollback_lost(stage: Stage, fault: Fault) -> None:
    assert await _back(stage, fault) is None
    await stage.simulator.world.clock.sleep(30)
    assert len(await stage.caller.deployments()) == 2


SCENES: dict[Fault, Scene] = {
    **dict.fromkeys(_REASONS, _fails),
    Fault.HEALTH_FLAPS: _flaps,
    Fault.CRASHES: _crashes,
    Fault.OUT_OF_MEMORY: _crashes,
    Fault.CRASH_LOOP: _crash_loop,
    Fault.ERRORS_UNDER_TRAFFIC: _regresses,
    Fault.SLOW_UNDER_TRAFFIC: _regresses,
    Fault.WRONG_TARGET_PORT: _wrong_port,
    Fault.STUCK_QUEUED: _queued,
    Fault.SLOW_INITIALIZING: _initializing,
    Fault.SKIPPED: _skipped,
    Fault.WAITS_FOR_CHECKS: _checks,
    Fault.NEEDS_APPROVAL: _approval,
    Fault.SUPERSEDED: _superseded,
    Fault.REDEPLOYED: _redeployed,
    Fault.REMOVED_BY_SOMEBODY: _removed,
    Fault.UNKNOWN_STATUS: _unknown_status,
    Fault.ROLLBACK_REFUSED: _refused,
    Fault.TARGET_AGED_OUT: _refused,
    Fault.ROLLBACK_FAILS: _rollback_fails,
    Fault.ROLLBACK_LATE: _rollback_late,
    Fault.ROLLBACK_LOST: _rollback_lost,
}
