"""A second platform: deployments are lines in a file, and survive who asks for them.

How a commit behaves is told beforehand (:class:`Behaviour`); a deployment moves on when
it is looked at, so nothing runs and nothing waits.
"""

import fcntl
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.backend.deploy.platforms.base import (
    CommandResult,
    Deployment,
    DeploymentStatus,
    LogLine,
    Platform,
    ReplicaAddress,
    ServiceSettings,
    TrafficCounters,
)
from app.errors import LeaseLostError, PlatformError, PlatformUnreachableError
from tests.support.memory_state import (
    BEGIN,
    EMPTY,
    Behaviour,
    behaviour_of,
    create,
    found,
    listed,
    move,
    serve,
)

__all__ = ["Behaviour", "MemoryPlatform"]

_UP = {DeploymentStatus.READY, DeploymentStatus.SUCCESS}


class MemoryPlatform(Platform):
    """Opened by any number of processes, each with the same file.

    Args:
        path: the file.
        switches_itself: as Railway does.
        runs_commands: as Railway does not.
    """

    name = "memory"

    def __init__(
        self, path: Path, *, switches_itself: bool = False, runs_commands: bool = True
    ) -> None:
        self._path = path
        self.switches_itself = switches_itself
        self.runs_commands = runs_commands

    # What tests do and see.

    def behave(self, commit: str, **behaviour: Any) -> None:
        """Tells how a commit behaves from now on."""
        with self._state() as state:
            state["behaviours"][commit] = asdict(Behaviour(**behaviour))

    def fail_next(self, call: str, *, after: bool) -> None:
        """Lets the next call end without an answer, done (``after``) or not."""
        with self._state() as state:
            state["faults"].setdefault(call, []).append(after)

    def refuse_next(self, call: str) -> None:
        """Refuses the next call of this name."""
        with self._state() as state:
            state["refusals"].append(call)

    def be_deaf(self, calls: int) -> None:
        """Does not answer so many calls, whatever they ask."""
        with self._state() as state:
            state["deaf"] = calls

    def be_away(self, *, away: bool = True) -> None:
        """Answers nothing at all."""
        with self._state() as state:
            state["away"] = away

    def see_epoch(self, epoch: int) -> None:
        """Somebody else was here with this epoch."""
        with self._state() as state:
            state["epoch"] = epoch

    def forget(self, deployment: str) -> None:
        """Can no longer restore a deployment."""
        with self._state() as state:
            state["deployments"][deployment]["can_roll_back"] = False

    @property
    def calls(self) -> list[list[str]]:
        """Every change that was made, in order."""
        with self._state() as state:
            return list(state["calls"])

    def given(self, **values: str | None) -> None:
        """Variables that somebody has set before; None: sealed."""
        with self._state() as state:
            state["variables"] |= values

    def active(self) -> Deployment | None:
        """What serves."""
        with self._state() as state:
            return next((one for one in listed(state) if one.active), None)

    def unfinished(self) -> list[Deployment]:
        """What neither serves nor has ended."""
        with self._state() as state:
            return [
                one for one in listed(state) if not (one.active or one.status.is_over)
            ]

    def behaviour(self, deployment: Deployment) -> Behaviour:
        """How a deployment behaves: as its commit, and by what it was given."""
        with self._state() as state:
            known = behaviour_of(state, deployment.commit)
            given = state["snapshots"][deployment.id].values()
        return replace(
            known,
            well=known.well and known.ill_with not in given,
            good=known.good and not {known.ill_with, known.bad_with} & {*given},
        )

    # The protocol.

    @override
    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        with self._change("deploy", epoch, commit) as state:
            return create(state, commit, tag)

    @override
    async def deployment(self, deployment: str) -> Deployment:
        with self._state(answering=True) as state:
            self._advance(state, deployment)
            return found(state, deployment)

    @override
    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        with self._state(answering=True) as state:
            return tuple(reversed(listed(state)))[:limit]

    @override
    async def follow(self, deployment: str) -> AsyncIterator[Deployment]:
        while True:
            state = await self.deployment(deployment)
            yield state
            if state.active or state.status.is_over:
                return

    @override
    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        with self._change("switch", epoch, deployment) as state:
            one = found(state, deployment)
            if not one.active and one.status is not DeploymentStatus.READY:
                raise PlatformError(f"{deployment} is {one.status}")
            serve(state, deployment)
            return found(state, deployment)

    @override
    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        with self._change("roll_back", epoch, target) as state:
            one = found(state, target)
            if not one.can_roll_back:
                raise PlatformError(f"{target} cannot be restored")
            given = state["snapshots"][target] if variables == "target" else None
            return create(state, one.commit, tag, rollback_of=target, given=given)

    @override
    async def cancel(self, deployment: str, *, epoch: int) -> None:
        with self._change("cancel", epoch, deployment) as state:
            one = found(state, deployment)
            if one.active:
                raise PlatformError(f"{deployment} serves")
            if not one.status.is_over:
                state["deployments"][deployment]["status"] = DeploymentStatus.CANCELLED

    @override
    async def run(
        self,
        commit: str,
        command: Sequence[str],
        *,
        epoch: int,
        timeout: float,
    ) -> CommandResult:
        with self._change("run", epoch, " ".join(command)) as state:
            code = behaviour_of(state, commit).migrates
            return CommandResult(code, "one\ntwo\nthe last line\n")

    @override
    async def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        for number in range(30)[-limit:]:
            yield LogLine(BEGIN, "1", f"line {number} of {deployment}")

    @override
    async def settings(self, commit: str) -> ServiceSettings:
        with self._state(answering=True):
            return ServiceSettings(start_command="serve", replicas=2)

    @override
    async def variables(
        self, deployment: str | None = None
    ) -> Mapping[str, str | None]:
        with self._state(answering=True) as state:
            if deployment is None:
                return dict(state["variables"])
            found(state, deployment)
            return dict(state["snapshots"][deployment])

    @override
    async def set_variables(
        self, values: Mapping[str, str | None], *, epoch: int
    ) -> None:
        with self._change("set_variables", epoch, ",".join(values)) as state:
            state["variables"] |= values
            for name in [name for name, value in values.items() if value is None]:
                del state["variables"][name]

    @override
    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        return ()

    @override
    async def traffic(self, deployment: str) -> TrafficCounters | None:
        return None

    @override
    async def url(self) -> str:
        with self._state(answering=True):
            return "http://memory.invalid"

    @override
    async def entrance(self) -> Path | None:
        return None

    @override
    async def epoch(self) -> int:
        with self._state(answering=True) as state:
            return int(state["epoch"])

    @override
    async def close(self) -> None:
        """Nothing is held."""

    # Its file.

    @contextmanager
    def _change(self, call: str, epoch: int, about: str) -> Iterator[dict[str, Any]]:
        with self._state(answering=True) as state:
            if epoch < state["epoch"]:
                raise LeaseLostError(f"{epoch} is lower than {state['epoch']}")
            if call in state["refusals"]:
                state["refusals"].remove(call)
                self._save(state)
                raise PlatformError(f"{call} is refused", remedy="try again")
            faults = state["faults"].get(call, [])
            after = faults.pop(0) if faults else None
            if after is False:
                self._save(state)
                raise PlatformUnreachableError("no answer; not done")
            state["epoch"] = epoch
            state["calls"].append([call, about])
            yield state
            if after:
                self._save(state)
                raise PlatformUnreachableError("no answer; done")

    @contextmanager
    def _state(self, *, answering: bool = False) -> Iterator[dict[str, Any]]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = EMPTY | (
                json.loads(self._path.read_text()) if self._path.exists() else {}
            )
            before = json.dumps(state)
            state = json.loads(before)
            if answering and state["deaf"]:
                state["deaf"] -= 1
                self._save(state)
                raise PlatformUnreachableError("nobody answers yet")
            if answering and state["away"]:
                raise PlatformUnreachableError("nobody answers")
            yield state
            if json.dumps(state) != before:
                self._save(state)

    def _save(self, state: Mapping[str, Any]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(state))
        draft.replace(self._path)

    def _advance(self, state: dict[str, Any], deployment: str) -> None:
        one = found(state, deployment)
        if one.status is DeploymentStatus.INITIALIZING:
            move(state, deployment, DeploymentStatus.DEPLOYING)
        elif one.status is DeploymentStatus.DEPLOYING:
            behaviour = behaviour_of(state, one.commit)
            good = behaviour.restores if one.rollback_of else behaviour.starts
            if not good:
                move(state, deployment, DeploymentStatus.FAILED, "health check failed")
            elif one.rollback_of or self.switches_itself:
                serve(state, deployment)
            else:
                move(state, deployment, DeploymentStatus.READY)
