"""Writes down what happens to deployments, and tells whoever wants to hear of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.railway.lifecycle import (
    Happening,
    InstanceStatus,
    Status,
    Step,
)
from tests.support.railway.records import Event, Record
from tests.support.railway.world import World

__all__ = ["Ledger", "Listener"]

Listener = Callable[[Record, Status], None]
"""Hears of each new status."""


@dataclass(slots=True)
class Ledger:
    """The one place where a status changes.

    Attributes:
        listeners: hear of every change, after it.
    """

    world: World
    listeners: list[Listener] = field(default_factory=list)

    def status(self, record: Record) -> Status:
        """Its status."""
        return self.world.status(record)

    def is_unfinished(self, record: Record) -> bool:
        """Whether it may still become active."""
        return self.status(record).is_unfinished

    def enter(self, record: Record) -> None:
        """A new deployment."""
        self.world.roster = self.world.roster.created(record.id)
        self.world.records[record.id] = record
        self._tell(record)

    def happen(self, record: Record, happening: Happening) -> None:
        """One thing happens to one deployment.

        Raises:
            ImpossibleError: it cannot.
        """
        self.world.roster = self.world.roster.after(record.id, happening)
        self._changed(record)

    def activate(self, record: Record) -> tuple[Record | None, list[Record]]:
        """It becomes active.

        Returns:
            What served until now, whose overlap begins; and what has to end at once.
        """
        before = self.world.roster.serving
        self.world.roster, over = self.world.roster.activated(record.id)
        record.succeeded = True
        self._changed(record)
        records = self.world.records
        for one in over:
            self._changed(records[one])
        return (records[before] if before else None), [records[one] for one in over]

    @contextmanager
    def step(self, record: Record, step: Step) -> Iterator[Event]:
        """One step of a deployment, and how it ends."""
        event = Event(step, self.world.clock.now())
        record.events.append(event)
        try:
            yield event
        except Exception as error:
            event.error = str(error)
            raise
        finally:
            event.completed_at = self.world.clock.now()

    def _changed(self, record: Record) -> None:
        status = self.status(record)
        record.status_at = self.world.clock.stamp()
        if status is Status.REMOVED:
            record.removed_at = record.status_at
        for instance in record.instances:
            instance.status = _INSTANCES.get(status, instance.status)
        self._tell(record)

    def _tell(self, record: Record) -> None:
        record.history.append(self.status(record))
        for listener in self.listeners:
            listener(record, self.status(record))


_INSTANCES = {
    Status.REMOVING: InstanceStatus.REMOVING,
    Status.REMOVED: InstanceStatus.REMOVED,
    Status.FAILED: InstanceStatus.STOPPED,
}
