"""Replicas are kept running, whatever goes wrong around them."""

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.replica import Replica
from app.backend.deploy.platforms.local.replicas import ReplicaSet
from app.backend.processes import ProcessMark
from app.errors import PlatformError
from tests.support.processes import eventually

SETTINGS = ServiceSettings(start_command="sleep 60", restart_retries=2)


@dataclass
class Machine:
    """Starts replicas; fails as often as it is told to."""

    failures: list[Exception] = field(default_factory=list)
    full: bool = False
    lines: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refuse_lost: int = 0
    children: list[Child] = field(default_factory=list)

    async def start(self) -> Child:
        if self.failures:
            raise self.failures.pop(0)
        child = await Child.start(
            ("sleep", "60"), env=dict(os.environ), cwd=Path(), write=self.lines.append
        )
        self.children.append(child)
        return child

    def note(self, _name: str, _mark: ProcessMark | None) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")

    def tell(self, reason: str) -> None:
        if self.refuse_lost:
            self.refuse_lost -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        self.lost.append(reason)

    def replicas(self) -> tuple[Replica, ReplicaSet]:
        replica = Replica(
            *("one", Path("/nowhere"), SETTINGS),
            start=self.start,
            write=self.lines.append,
            note=self.note,
        )
        return replica, ReplicaSet([replica], SETTINGS, self.tell)


async def meanwhile(running: ReplicaSet, true: Callable[[], bool]) -> None:
    running.start()
    try:
        await eventually(true)
    finally:
        await running.end(0)


def too_many() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


async def test_a_disk_that_is_full_does_not_end_the_care_for_a_replica() -> None:
    machine = Machine(full=True)
    _, running = machine.replicas()

    def again() -> bool:
        if len(machine.children) == 1:
            with suppress(ProcessLookupError):
                os.kill(machine.children[0].mark.pid, signal.SIGKILL)
        return len(machine.children) == 2

    await meanwhile(running, again)

    assert any("restart 1 of 2" in line for line in machine.lines)
    assert not machine.lost


async def test_a_start_that_fails_for_a_moment_costs_one_restart() -> None:
    machine = Machine(failures=[too_many(), RuntimeError("a mistake of ours")])
    replica, running = machine.replicas()

    await meanwhile(running, lambda: replica.running)

    assert replica.gave_up is None
    assert machine.lines[0] == (
        "[platform] it cannot be run: Too many open files; restart 1 of 2 in 0.1 s"
    )
    assert "cannot be looked after: RuntimeError; restart 2" in machine.lines[1]


async def test_starts_that_keep_failing_spend_the_budget_and_say_why() -> None:
    machine = Machine(failures=[too_many() for _ in range(3)], refuse_lost=1)
    replica, running = machine.replicas()

    await meanwhile(running, lambda: bool(machine.lost))

    assert replica.gave_up is not None
    assert "exit code 126 after 2 restarts" in replica.gave_up
    assert "Too many open files" in machine.lost[0]


async def test_a_refusal_before_ready_has_a_remedy() -> None:
    machine = Machine(failures=[too_many() for _ in range(3)])
    _, running = machine.replicas()
    running.start()
    try:
        async with asyncio.timeout(20):
            await running.become_healthy(lambda: None)
    except PlatformError as error:
        refused = error
    finally:
        await running.end(0)

    assert "deployment's log" in refused.remedy
