"""A second platform: deployments are lines in a file, and survive who asks for them.

How a commit behaves is told beforehand (:class:`Behaviour`); a deployment moves on when
it is looked at, so nothing runs and nothing waits.
"""

import fcntl
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
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
from app.errors import (
    DeploymentNotFoundError,
    LeaseLostError,
    PlatformError,
    PlatformUnreachableError,
)

__all__ = ["Behaviour", "MemoryPlatform"]

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_UP = {DeploymentStatus.READY, DeploymentStatus.SUCCESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a commit does.

    Attributes:
        starts: it becomes ready.
        well: it is well before users' requests go there.
        good: it is well when they do.
        shared: what it depends on is down once users' requests go there.
        restores: it comes back when it is rolled back to.
        migrates: the exit code of its migration.
    """

    starts: bool = True
    well: bool = True
    good: bool = True
    shared: bool = False
    restores: bool = True
    migrates: int = 0


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

    @property
    def variables(self) -> dict[str, str]:
        """What the next deployment would get."""
        with self._state() as state:
            return dict(state["variables"])

    def active(self) -> Deployment | None:
        """What serves."""
        with self._state() as state:
            return next((one for one in _all(state) if one.active), None)

    def unfinished(self) -> list[Deployment]:
        """What neither serves nor has ended."""
        with self._state() as state:
            return [
                one for one in _all(state) if not (one.active or one.status.is_over)
            ]

    def behaviour(self, commit: str) -> Behaviour:
        """How a commit behaves."""
        with self._state() as state:
            return _behaviour(state, commit)

    # The protocol.

    @override
    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        with self._change("deploy", epoch, commit) as state:
            return _create(state, commit, tag)

    @override
    async def deployment(self, deployment: str) -> Deployment:
        with self._state(answering=True) as state:
            self._advance(state, deployment)
            return _one(state, deployment)

    @override
    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        with self._state(answering=True) as state:
            return tuple(reversed(_all(state)))[:limit]

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
            one = _one(state, deployment)
            if not one.active and one.status is not DeploymentStatus.READY:
                raise PlatformError(f"{deployment} is {one.status}")
            _serve(state, deployment)
            return _one(state, deployment)

    @override
    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        with self._change("roll_back", epoch, target) as state:
            one = _one(state, target)
            if not one.can_roll_back:
                raise PlatformError(f"{target} cannot be restored")
            return _create(state, one.commit, tag, rollback_of=target)

    @override
    async def cancel(self, deployment: str, *, epoch: int) -> None:
        with self._change("cancel", epoch, deployment) as state:
            one = _one(state, deployment)
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
            code = _behaviour(state, commit).migrates
            return CommandResult(code, "one\ntwo\nthe last line\n")

    @override
    async def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        for number in range(30)[-limit:]:
            yield LogLine(_BEGIN, "1", f"line {number} of {deployment}")

    @override
    async def settings(self, commit: str) -> ServiceSettings:
        with self._state(answering=True):
            return ServiceSettings(start_command="serve", replicas=2)

    @override
    async def set_variables(
        self, values: Mapping[str, str | None], *, epoch: int
    ) -> None:
        with self._change("set_variables", epoch, ",".join(values)) as state:
            merged = state["variables"] | values
            state["variables"] = {k: v for k, v in merged.items() if v is not None}

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
            state = _EMPTY | (
                json.loads(self._path.read_text()) if self._path.exists() else {}
            )
            state = json.loads(json.dumps(state))
            if answering and state["deaf"]:
                state["deaf"] -= 1
                self._save(state)
                raise PlatformUnreachableError("nobody answers yet")
            if answering and state["away"]:
                raise PlatformUnreachableError("nobody answers")
            yield state
            self._save(state)

    def _save(self, state: Mapping[str, Any]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(state))
        draft.replace(self._path)

    def _advance(self, state: dict[str, Any], deployment: str) -> None:
        one = _one(state, deployment)
        if one.status is DeploymentStatus.INITIALIZING:
            _move(state, deployment, DeploymentStatus.DEPLOYING)
        elif one.status is DeploymentStatus.DEPLOYING:
            behaviour = _behaviour(state, one.commit)
            good = behaviour.restores if one.rollback_of else behaviour.starts
            if not good:
                _move(state, deployment, DeploymentStatus.FAILED, "health check failed")
            elif one.rollback_of or self.switches_itself:
                _serve(state, deployment)
            else:
                _move(state, deployment, DeploymentStatus.READY)


_EMPTY: dict[str, Any] = {
    "epoch": 0,
    "deployments": {},
    "variables": {},
    "calls": [],
    "behaviours": {},
    "faults": {},
    "refusals": [],
    "deaf": 0,
    "away": False,
}


def _all(state: Mapping[str, Any]) -> list[Deployment]:
    return [Deployment.from_dict(one) for one in state["deployments"].values()]


def _one(state: Mapping[str, Any], deployment: str) -> Deployment:
    try:
        return Deployment.from_dict(state["deployments"][deployment])
    except KeyError:
        raise DeploymentNotFoundError(f"there is no {deployment}") from None


def _behaviour(state: Mapping[str, Any], commit: str) -> Behaviour:
    return Behaviour(**state["behaviours"].get(commit, {}))


def _create(
    state: dict[str, Any], commit: str, tag: str, rollback_of: str | None = None
) -> Deployment:
    for one in _all(state):
        if one.tag == tag:
            return one
    number = len(state["deployments"]) + 1
    created = Deployment(
        id=f"d{number}",
        commit=commit,
        status=DeploymentStatus.INITIALIZING,
        created_at=_BEGIN + timedelta(minutes=number),
        tag=tag,
        rollback_of=rollback_of,
    )
    state["deployments"][created.id] = created.to_dict()
    return created


def _move(
    state: dict[str, Any], deployment: str, status: DeploymentStatus, reason: str = ""
) -> None:
    state["deployments"][deployment] |= {"status": status, "reason": reason}


def _serve(state: dict[str, Any], deployment: str) -> None:
    for one in _all(state):
        if one.active and one.id != deployment:
            _move(state, one.id, DeploymentStatus.REMOVED)
            state["deployments"][one.id]["active"] = False
    state["deployments"][deployment] |= {
        "status": DeploymentStatus.SUCCESS,
        "active": True,
        "succeeded": True,
        "can_roll_back": True,
    }
