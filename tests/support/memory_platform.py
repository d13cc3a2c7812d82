"""A second platform: deployments are lines in a file, and survive who asks for them.

How a commit behaves is told beforehand (:class:`Behaviour`); a deployment moves on when
it is looked at, so nothing runs and nothing waits.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.backend.deploy.platforms.base import (
    CommandResult,
    Concern,
    Deployment,
    DeploymentStatus,
    LogLine,
    Platform,
    ReplicaAddress,
    RequestsMade,
    ServiceSettings,
    TrafficCounters,
)
from app.errors import PlatformError
from tests.support.memory_file import MemoryFile
from tests.support.memory_state import (
    BEGIN,
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


class MemoryPlatform(MemoryFile, Platform):
    """Opened by any number of processes, each with the same file.

    Args:
        path: the file.
        switches_itself: as Railway does.
        runs_commands: as Railway does not.
        longest_change: as of a platform that keeps no epoch.
        restores_with_todays: as Railway does not.
    """

    name = "memory"

    def __init__(
        self,
        path: Path,
        *,
        switches_itself: bool = False,
        runs_commands: bool = True,
        longest_change: float = 0.0,
        restores_with_todays: bool = True,
    ) -> None:
        super().__init__(path)
        self.switches_itself = switches_itself
        self.runs_commands = runs_commands
        self.longest_change = longest_change
        self.restores_with_todays = restores_with_todays

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
            found = tuple(reversed(listed(state)))
        return (*found[:limit], *(one for one in found[limit:] if one.active))

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
            if variables != "target" and not self.restores_with_todays:
                raise PlatformError("it is restored with its own variables only")
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
    async def http_logs(
        self, deployment: str, *, failed: bool = False, limit: int = 20
    ) -> Sequence[LogLine] | None:
        return None

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
    async def concerns(self, commit: str) -> Sequence[Concern]:
        with self._state(answering=True) as state:
            return tuple(Concern(**one) for one in state["concerns"])

    @override
    async def autodeploy(self) -> bool | None:
        with self._state(answering=True) as state:
            found: bool | None = state["autodeploy"]
            return found

    @override
    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:
        with self._change("set_autodeploy", epoch, str(enabled)) as state:
            state["autodeploy"] = enabled

    @override
    async def silence(self, deployment: str) -> float | None:
        return None

    @override
    async def shielded(self) -> bool:
        with self._state(answering=True) as state:
            return bool(state["shielded"])

    @override
    async def requests(self) -> RequestsMade | None:
        return None

    @override
    async def close(self) -> None:
        """Nothing is held."""

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
