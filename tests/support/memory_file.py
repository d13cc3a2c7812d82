"""The file of the platform that only remembers: what tests tell it, and see."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.backend.deploy.platforms.base import (
    Concern,
    Deployment,
    DeploymentStatus,
)
from app.errors import LeaseLostError, PlatformError, PlatformUnreachableError
from tests.support.memory_state import (
    EMPTY,
    Behaviour,
    behaviour_of,
    create,
    listed,
    move,
)

__all__ = ["MemoryFile"]


class MemoryFile:
    """Read and written under a lock, by any number of processes.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

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

    def fails(self, count: int) -> None:
        """So many pushes are deployed by somebody, and none of them comes up."""
        with self._state() as state:
            for _ in range(count):
                number = len(state["deployments"])
                one = create(state, f"{number:040x}", f"push-{number}")
                move(state, one.id, DeploymentStatus.FAILED, "it does not build")

    def active_commit(self) -> str | None:
        """The commit that serves."""
        active = self.active()
        return active.commit if active else None

    def forget(self, deployment: str) -> None:
        """Can no longer restore a deployment."""
        with self._state() as state:
            state["deployments"][deployment]["can_roll_back"] = False

    def worry(self, *concerns: Concern) -> None:
        """Has something to say before every deploy from now on."""
        with self._state() as state:
            state["concerns"] = [asdict(one) for one in concerns]

    def deploy_pushes(self, *, enabled: bool | None) -> None:
        """Deploys pushes by itself, or does not; None: there is no such thing."""
        with self._state() as state:
            state["autodeploy"] = enabled

    def be_shielded(self, *, shielded: bool = True) -> None:
        """Keeps machines out."""
        with self._state() as state:
            state["shielded"] = shielded

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
