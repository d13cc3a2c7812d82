"""Deployments that come and come back, and what can be done with them."""

import asyncio
from typing import Any

from tests.support.railway.aftermath import Aftermath
from tests.support.railway.faults import Fault
from tests.support.railway.handover import Handover, Tasks
from tests.support.railway.ledger import Ledger
from tests.support.railway.lifecycle import Happening, InstanceStatus, Status
from tests.support.railway.lifetime import Lifetime, Pace
from tests.support.railway.manifest import Manifest, frozen
from tests.support.railway.records import Lines, Origin, Record, new_id
from tests.support.railway.world import World

__all__ = ["Conductor"]


class Conductor:
    """Carries deployments through their lives.

    Attributes:
        ledger: where their states are written down.
        tasks: what goes on by itself.
        pace: of the deployments that are to come.
    """

    def __init__(self, world: World, pace: Pace) -> None:
        self._world = world
        self.pace = pace
        self._lifetimes: dict[str, tuple[Lifetime, asyncio.Task[None]]] = {}
        self.ledger = Ledger(world)
        self.tasks = Tasks()
        self._handover = Handover(self.ledger, self.tasks)
        aftermath = Aftermath(
            self.ledger,
            self.tasks,
            again=lambda record: self.repeat(record, "redeploy", build=False),
            remove=self.remove,
        )
        self._report = aftermath.replica_is
        self.ledger.listeners.append(aftermath.changed)

    # Deployments that come.

    async def deploy(self, commit: str | None, *, reason: str = "deploy") -> Record:
        """A new deployment, with today's settings and variables.

        Args:
            commit: None: of an image.
            reason: ``meta.reason``.
        """
        manifest = await self._freeze(commit)
        variables = dict(self._world.service.variables)
        return self._enter(commit, Origin(reason=reason), manifest, variables)

    def repeat(
        self, target: Record, reason: str, *, build: bool = True, **origin: Any
    ) -> Record:
        """A new deployment with the settings and variables of an earlier one."""
        image = None if build else target.image
        return self._enter(
            target.commit,
            Origin(reason=reason, image=image, copy_of=target.id, **origin),
            target.manifest,
            dict(target.variables),
        )

    def roll_back(self, target: Record) -> None:
        """What ``deploymentRollback`` does once it has been accepted."""
        unknowns, faults = self._world.unknowns, self._world.faults
        if unknowns.rollback_rewrites_variables:
            self._world.service.variables = dict(target.variables)
        if faults.take(Fault.ROLLBACK_LOST, commit=target.commit):
            return
        late = faults.take(Fault.ROLLBACK_LATE, commit=target.commit)
        self.tasks.begin(self._roll_back(target, late.lasting(10.0) if late else 0.0))

    # What happens to them.

    def approve(self, record: Record) -> bool:
        """Lets it go on; False: it was not waiting for that."""
        if self.ledger.status(record) is not Status.NEEDS_APPROVAL:
            return False
        self._lifetimes[record.id][0].approved.set()
        return True

    def drop(self, record: Record) -> bool:
        """Ends it before it is active; False: it is too late for that."""
        if record.starting or not self.ledger.is_unfinished(record):
            return False
        self.ledger.happen(record, Happening.DROPPED)
        _, task = self._lifetimes[record.id]
        task.cancel()
        self.tasks.begin(self._clear(record, task))
        return True

    def remove(self, record: Record) -> bool:
        """Takes an active one down; False: it is none."""
        if not self.ledger.status(record).is_active:
            return False
        self.tasks.begin(self._handover.take_down(record))
        return True

    def stop(self, record: Record) -> bool:
        """Stops its processes; its status stays. False: it has none."""
        if not self.ledger.status(record).is_active:
            return False
        for instance in record.instances:
            instance.status = InstanceStatus.STOPPED
        grace = self._world.clock.real(record.settings.draining_seconds)
        self.tasks.begin(self._world.ground.stop(record.id, grace))
        return True

    def restart(self, record: Record) -> bool:
        """New processes of the same deployment; False: it is not active."""
        if not self.ledger.status(record).is_active:
            return False
        for instance in record.instances:
            instance.status = InstanceStatus.INITIALIZING
        self.ledger.happen(record, Happening.RESTARTED)
        self.tasks.begin(self._world.ground.restart(record.id))
        return True

    def sleep(self, record: Record) -> None:
        """Nobody has asked it for long enough."""
        self.ledger.happen(record, Happening.FELL_ASLEEP)

    def wake(self, record: Record) -> None:
        """Somebody has."""
        self.ledger.happen(record, Happening.WOKE)

    # How.

    async def _freeze(self, commit: str | None) -> Manifest:
        world = self._world
        stored, name = world.service.stored, world.environment.name
        text = await world.repository.settings_file(commit) if commit else None
        plain, overlaid = frozen(stored, None, name), frozen(stored, text, name)
        if plain == overlaid or not world.unknowns.reads_railway_toml:
            return plain
        return overlaid

    def _enter(
        self,
        commit: str | None,
        origin: Origin,
        manifest: Manifest,
        variables: dict[str, str],
    ) -> Record:
        world, now = self._world, self._world.clock.stamp()
        record = Record(
            id=new_id(),
            commit=commit,
            origin=origin,
            manifest=manifest,
            variables=variables,
            meta=self._meta(commit),
            created_at=now,
            status_at=now,
            build_lines=Lines(world.clock),
            deploy_lines=Lines(world.clock),
        )
        self.ledger.enter(record)
        lifetime = Lifetime(
            self.ledger,
            self._handover,
            record,
            pace=self.pace,
            overtake=self._overtake,
            report=self._report,
            superseded=lambda other: self.tasks.begin(self._deploy_beside(other)),
        )
        self._lifetimes[record.id] = lifetime, self.tasks.begin(lifetime.run())
        return record

    def _meta(self, commit: str | None) -> dict[str, Any]:
        world = self._world
        if commit is None:
            return {"image": (world.service.stored["source"] or {}).get("image")}
        return {
            "repo": world.repository.name,
            "branch": world.service.branch,
            "commitHash": commit,
            "commitMessage": f"Change {commit[:7]}",
            "commitAuthor": "somebody",
        }

    async def _roll_back(self, target: Record, delay: float) -> None:
        if delay:
            await self._world.clock.sleep(delay)
        self.repeat(
            target,
            "rollback",
            build=False,
            runs_pre_deploy=self._world.unknowns.rollback_runs_pre_deploy,
            waits_for_health=self._world.unknowns.rollback_waits_for_health,
        )

    async def _deploy_beside(self, commit: str) -> None:
        await self.deploy(commit)

    def _overtake(self, record: Record) -> None:
        for one in self._world.roster.overtaken_by(record.id):
            self.drop(self._world.records[one])

    async def _clear(self, record: Record, task: asyncio.Task[None]) -> None:
        await asyncio.gather(task, return_exceptions=True)
        await self._world.ground.stop(record.id, 0)
