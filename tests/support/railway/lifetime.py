"""One deployment, from its first moment until it is active or has failed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tests.support.railway.checking import HealthCheck, Probe
from tests.support.railway.containers import replica_id
from tests.support.railway.faults import Fault
from tests.support.railway.ground import GroundError
from tests.support.railway.handover import Handover
from tests.support.railway.ledger import Ledger
from tests.support.railway.lifecycle import Happening, InstanceStatus, Step
from tests.support.railway.probes import faulty
from tests.support.railway.records import Instance, Record

__all__ = ["Lifetime", "Pace"]

_FOR_EVER: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long steps take at least, in Railway's seconds: modelled, not measured.

    Attributes:
        snapshot: INITIALIZING.
        build: added to what the ground takes.
        container: from the start of a process to the first wait of the health check.
    """

    snapshot: float = 2.0
    build: float = 3.0
    container: float = 1.0


class Lifetime:
    """The steps of one deployment.

    Args:
        overtake: ends what is older and has not got so far.
        report: takes a replica's number and what it now is.
        superseded: somebody deploys this commit, meanwhile.
    """

    def __init__(
        self,
        ledger: Ledger,
        handover: Handover,
        record: Record,
        *,
        pace: Pace,
        overtake: Callable[[Record], None],
        report: Callable[[Record, int, str], None],
        superseded: Callable[[str], object],
    ) -> None:
        self._ledger = ledger
        self._handover = handover
        self._world = ledger.world
        self._record = record
        self._pace = pace
        self._overtake = overtake
        self._report = report
        self._superseded = superseded
        self._hopeless = asyncio.Event()
        self.approved = asyncio.Event()

    async def run(self) -> None:
        """All steps; ends in SUCCESS, FAILED or SKIPPED, or is cancelled."""
        record = self._record
        try:
            if await self._admitted():
                self._overtake(record)
                await self._prepare()
                await self._start()
                await self._become_healthy()
                await self._handover.go_live(record)
        except GroundError as error:
            record.build_lines.write(str(error), "error")
            self._ledger.happen(record, Happening.BROKE)
            await self._world.ground.stop(record.id, 0)

    def replica_is(self, replica: int, status: str) -> None:
        """What the ground tells of a replica."""
        self._report(self._record, replica, status)
        instances = self._record.instances
        if all(one.status is InstanceStatus.CRASHED for one in instances):
            self._hopeless.set()

    async def _admitted(self) -> bool:
        record, faults, clock = self._record, self._world.faults, self._world.clock
        with self._ledger.step(record, Step.SNAPSHOT_CODE):
            slow = faults.take(Fault.SLOW_INITIALIZING, commit=record.commit)
            await clock.sleep(slow.lasting(300.0) if slow else self._pace.snapshot)
        if faults.take(Fault.SKIPPED, commit=record.commit):
            self._ledger.happen(record, Happening.PASSED_OVER)
            return False
        if fault := faults.take(Fault.UNKNOWN_STATUS, commit=record.commit):
            record.told_status = str(fault.value or "TELEPORTING")
        if fault := faults.take(Fault.NEEDS_APPROVAL, commit=record.commit):
            self._ledger.happen(record, Happening.ASKED_APPROVAL)
            await self.approved.wait()
        elif fault := faults.take(Fault.WAITS_FOR_CHECKS, commit=record.commit):
            self._ledger.happen(record, Happening.AWAITED_CHECKS)
            await clock.sleep(fault.lasting(10.0))
            if fault.value == "failed":
                self._ledger.happen(record, Happening.PASSED_OVER)
                return False
        elif fault := faults.take(Fault.STUCK_QUEUED, commit=record.commit):
            self._ledger.happen(record, Happening.FOUND_NO_BUILDER)
            await clock.sleep(fault.lasting(_FOR_EVER))
        return True

    async def _prepare(self) -> None:
        """Build and pre-deploy command, under the statuses that belong to them."""
        early = self._world.unknowns.pre_deploy_while_building
        record = self._record
        if record.origin.image is None:
            self._ledger.happen(record, Happening.BUILD_BEGAN)
            await self._build()
            if early:
                await self._pre_deploy()
            self._ledger.happen(record, Happening.START_BEGAN)
            if not early:
                await self._pre_deploy()
        else:
            record.image = record.origin.image
            self._ledger.happen(record, Happening.START_BEGAN)
            await self._pre_deploy()

    async def _build(self) -> None:
        record, faults = self._record, self._world.faults
        with self._ledger.step(record, Step.BUILD_IMAGE):
            if fault := faults.take(Fault.SUPERSEDED, commit=record.commit):
                self._superseded(str(fault.value or "f" * 40))
            await self._world.clock.sleep(self._pace.build)
            if fault := faults.take(Fault.BUILD_FAILS, commit=record.commit):
                told = fault.value or "ERROR: failed to build: exit code: 1"
                raise GroundError(str(told))
            if record.commit is not None:
                write = record.build_lines.write
                await self._world.ground.build(record.id, record.commit, write)
        with self._ledger.step(record, Step.PUBLISH_IMAGE):
            record.image = f"sha256:{record.id.replace('-', '') * 2}"

    async def _pre_deploy(self) -> None:
        record, command = self._record, self._record.settings.pre_deploy_command
        if command is None or not record.origin.runs_pre_deploy:
            return
        with self._ledger.step(record, Step.PRE_DEPLOY_COMMAND):
            if self._world.faults.take(Fault.PRE_DEPLOY_FAILS, commit=record.commit):
                raise GroundError("pre-deploy command failed: exit code: 1")
            await self._world.ground.pre_deploy(
                record.id,
                record.commit or "",
                record.manifest["deploy"]["preDeployCommand"],
                self._variables(),
                record.deploy_lines.write,
            )

    async def _start(self) -> None:
        record, world = self._record, self._world
        if world.service.volume is not None:
            await self._make_room()
        with self._ledger.step(record, Step.CREATE_CONTAINER):
            settings = record.settings
            record.instances = [
                Instance(id=replica_id(record.id, number))
                for number in range(settings.replicas)
            ]
            await world.ground.start(
                record.id,
                record.commit or "",
                settings,
                self._variables(),
                record.deploy_lines.write,
                self.replica_is,
            )
            await world.clock.sleep(self._pace.container)

    async def _make_room(self) -> None:
        """A volume is mounted once: the old one ends before the new one starts."""
        serving = self._world.roster.serving
        if serving is not None:
            await self._handover.take_down(self._world.records[serving])

    async def _become_healthy(self) -> None:
        record, world = self._record, self._world
        if record.origin.reason == "rollback" and world.faults.take(
            Fault.ROLLBACK_FAILS, commit=record.commit
        ):
            raise GroundError("the container cannot be started")
        settings = record.settings
        path = settings.healthcheck_path
        if path is None or not record.origin.waits_for_health:
            await self._be_started(settings.replicas)
            return
        check = HealthCheck(
            path=path,
            replicas=settings.replicas,
            window=settings.healthcheck_timeout,
            probe=faulty(self._world, record, self._probe(path)),
            clock=world.clock,
            write=record.build_lines.write,
        )
        with self._ledger.step(record, Step.HEALTHCHECK) as event:
            passed = await self._unless_hopeless(check)
            event.attempt = check.attempts
            if not passed:
                raise GroundError("Deployment failed during network process")

    async def _unless_hopeless(self, check: HealthCheck) -> bool:
        """With all replicas out of budget there is nobody left to be asked."""
        passing = asyncio.ensure_future(check.passes())
        hopeless = asyncio.ensure_future(self._hopeless.wait())
        try:
            await asyncio.wait({passing, hopeless}, return_when=asyncio.FIRST_COMPLETED)
            return passing.done() and passing.result()
        finally:
            for task in (passing, hopeless):
                task.cancel()
            await asyncio.gather(passing, hopeless, return_exceptions=True)

    async def _be_started(self, replicas: int) -> None:
        probe = self._probe(None)
        for replica in range(replicas):
            if await probe(replica, self._world.clock.real(10.0)) != HTTPStatus.OK:
                raise GroundError("the container has ended")

    def _probe(self, path: str | None) -> Probe:
        async def probe(replica: int, timeout: float) -> int | None:  # noqa: ASYNC109 - enforced by the ground
            ground = self._world.ground
            return await ground.probe(self._record.id, replica, path, timeout)

        return probe

    def _variables(self) -> dict[str, str]:
        record = self._record
        return {**record.variables, **self._world.injected(record)}
