"""What becomes of a deployment that is active: what its replicas do, and faults."""

from collections.abc import Callable
from typing import Final

from tests.support.railway.faults import Fault, Scripted
from tests.support.railway.handover import Tasks
from tests.support.railway.ledger import Ledger
from tests.support.railway.lifecycle import Happening, InstanceStatus, Status
from tests.support.railway.records import Record

__all__ = ["RESTARTING", "Aftermath"]

RESTARTING: Final = "Restarting the container"
"""What the log says of a replica that is started again."""


class Aftermath:
    """Follows active deployments.

    Args:
        again: Railway deploys it once more.
        remove: somebody removes it.
    """

    def __init__(
        self,
        ledger: Ledger,
        tasks: Tasks,
        *,
        again: Callable[[Record], object],
        remove: Callable[[Record], object],
    ) -> None:
        self._ledger = ledger
        self._world = ledger.world
        self._tasks = tasks
        self._again = again
        self._remove = remove
        self._seen: set[str] = set()

    def replica_is(self, record: Record, replica: int, status: str) -> None:
        """What a ground tells; a deployment without a replica left has crashed."""
        now = InstanceStatus(status)
        record.instances[replica].status = now
        if now is InstanceStatus.RESTARTING:
            record.deploy_lines.write(RESTARTING, "warn")
        self._judge(record)

    def changed(self, record: Record, status: Status) -> None:
        """A deployment has another status; with the first SUCCESS, faults begin."""
        if status is not Status.SUCCESS or record.id in self._seen:
            return
        self._seen.add(record.id)
        # Replicas may have gone before it became active.
        self._judge(record)
        for fault, follow in self._scripts.items():
            scripted = self._world.faults.take(fault, commit=record.commit)
            if scripted is not None:
                self._tasks.begin(follow(self, record, scripted))
        for fault in (Fault.ERRORS_UNDER_TRAFFIC, Fault.SLOW_UNDER_TRAFFIC):
            scripted = self._world.faults.take(fault, commit=record.commit)
            if scripted is not None:
                record.distortions[fault] = scripted.number(20)

    def _judge(self, record: Record) -> None:
        if self._ledger.status(record) is not Status.SUCCESS:
            return
        gone = [one.status is InstanceStatus.CRASHED for one in record.instances]
        over = all(gone)
        if any(gone) and not over:
            over = self._world.unknowns.crashed_by_one_replica
        if over:
            self._ledger.happen(record, Happening.RAN_OUT)

    async def _crash(self, record: Record, fault: Scripted) -> None:
        await self._world.clock.sleep(fault.lasting(0.0))
        record.deploy_lines.write("Traceback (most recent call last):", "error")
        await self._kill(record)

    async def _exhaust(self, record: Record, fault: Scripted) -> None:
        seconds = fault.lasting(0.0)
        for share in (50, 75, 95):
            await self._world.clock.sleep(seconds / 3)
            record.deploy_lines.write(f"memory {share} %", "warn")
        record.deploy_lines.write("Killed: out of memory", "error")
        await self._kill(record)

    async def _loop(self, record: Record, fault: Scripted) -> None:
        for _ in range(fault.number(3)):
            await self._world.clock.sleep(fault.lasting(5.0))
            if self._ledger.status(record) is not Status.SUCCESS:
                return
            self.replica_is(record, 0, InstanceStatus.RESTARTING)
            await self._world.clock.sleep(fault.lasting(5.0) / 5)
            if self._ledger.status(record) is Status.SUCCESS:
                self.replica_is(record, 0, InstanceStatus.RUNNING)

    async def _redeploy(self, record: Record, fault: Scripted) -> None:
        await self._world.clock.sleep(fault.lasting(0.0))
        self._again(record)

    async def _take_away(self, record: Record, fault: Scripted) -> None:
        await self._world.clock.sleep(fault.lasting(0.0))
        self._remove(record)

    async def _kill(self, record: Record) -> None:
        await self._world.ground.stop(record.id, 0)
        for replica in range(len(record.instances)):
            self.replica_is(record, replica, InstanceStatus.CRASHED)

    _scripts = {  # noqa: RUF012 - the same for all
        Fault.CRASHES: _crash,
        Fault.OUT_OF_MEMORY: _exhaust,
        Fault.CRASH_LOOP: _loop,
        Fault.REDEPLOYED: _redeploy,
        Fault.REMOVED_BY_SOMEBODY: _take_away,
    }
