"""What the pipeline needs of a platform, and nothing that only one of them has.

Two implementations: ``local`` runs commits as processes of this machine, ``railway``
speaks to Railway's API. What both must do is in the contract tests.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.deployment import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)

__all__ = [
    "CommandResult",
    "Concern",
    "Deployment",
    "DeploymentStatus",
    "LogLine",
    "Platform",
    "ReplicaAddress",
    "RequestsMade",
    "ServiceSettings",
    "TrafficCounters",
]


@dataclass(frozen=True, slots=True)
class ReplicaAddress:
    """Where one replica can be asked past the proxy."""

    replica: str
    socket: Path


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a deployment wrote."""

    at: datetime
    replica: str
    text: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command in a release's checkout ended."""

    code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficCounters:
    """What the proxy has answered from one deployment since it began to serve.

    Attributes:
        requests: all answers.
        errors: answers with 5xx, and requests without any answer.
        bounds: upper bounds of the latency histogram in seconds, ascending.
        buckets: answers by latency, one count for each bound and one beyond.
    """

    requests: int = 0
    errors: int = 0
    bounds: tuple[float, ...] = field(default=())
    buckets: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsMade:
    """What the platform's API has been asked, where it counts that.

    Attributes:
        made: requests of this process.
        left: how many more it takes until ``resets_at``; None: it has not said.
        limit: how many it takes in an hour; None: it has not said.
        resets_at: when it begins to count anew; None: it has not said.
    """

    made: int
    left: int | None = None
    limit: int | None = None
    resets_at: datetime | None = None


class Platform(Protocol):
    """A platform, opened for one service of one environment.

    Every call has a deadline of its own. Calls that change something take the epoch
    of the caller's lease; a platform that can, refuses an epoch lower than one it has
    seen with :class:`~app.errors.LeaseLostError`. None of them is repeated by the
    platform: after an ambiguous end, ask what has come of it.

    Raises (every method):
        PlatformUnreachableError: no answer; what was asked may have been done.
        PlatformError: refused; the message says why.
        DeploymentNotFoundError: there is no such deployment.

    Attributes:
        name: ``local`` or ``railway``.
        switches_itself: traffic moves as soon as the platform's own health check has
            passed; :meth:`switch` then only finds that it has.
        runs_commands: :meth:`run` is there.
        restores_with_todays: :meth:`roll_back` takes ``current`` variables; elsewhere
            only a commit that is built anew gets them.
        longest_change: seconds for which a change may be under way after it was sent,
            on a platform that cannot refuse a lower epoch: none is begun with less of
            a lease left, and a successor waits for as long. 0: it refuses them.
    """

    name: str
    switches_itself: bool
    runs_commands: bool
    restores_with_todays: bool
    longest_change: float

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        """Begins to bring a commit up beside what serves; returns at once.

        Asked again with the same tag, it returns what the first call created.
        """
        ...

    async def deployment(self, deployment: str) -> Deployment:
        """One deployment as it is now."""
        ...

    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        """The newest first; what serves is among them, however old it is."""
        ...

    def follow(self, deployment: str) -> AsyncIterator[Deployment]:
        """Its state now, and every time it changes, until it is over or it serves."""
        ...

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:
        """Sends users' requests there; harmless when they go there already.

        Raises:
            PlatformError: it is not ready to serve.
        """
        ...

    async def roll_back(
        self, target: str, *, tag: str, epoch: int, variables: str = "target"
    ) -> Deployment:
        """Begins to bring an earlier deployment back, as a new deployment.

        The switch belongs to it. Asked again with the same tag, it returns what the
        first call created.

        Args:
            target: the deployment to repeat.
            tag: the run that asks.
            epoch: of the caller's lease.
            variables: ``target``: those it had, as Railway does; ``current``: today's.
        """
        ...

    async def cancel(self, deployment: str, *, epoch: int) -> None:
        """Ends a deployment that does not serve; harmless when it is over."""
        ...

    async def run(
        self,
        commit: str,
        command: Sequence[str],
        *,
        epoch: int,
        timeout: float,  # noqa: ASYNC109 - enforced where the command runs
    ) -> CommandResult:
        """Runs a command in a commit's checkout, with the platform's variables."""
        ...

    def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """The newest lines, the oldest of them first; then new ones if asked.

        Values that it was given and that are secrets are hidden in them, as far as
        they can be read.
        """
        ...

    async def http_logs(
        self, deployment: str, *, failed: bool = False, limit: int = 20
    ) -> Sequence[LogLine] | None:
        """The newest requests to it, the oldest of them first; None: not logged.

        Secrets are hidden as in :meth:`logs`.

        Args:
            deployment: that has answered, or should have.
            failed: only those that were answered with 5xx.
            limit: lines at most.
        """
        ...

    async def settings(self, commit: str) -> ServiceSettings:
        """How a commit would be run here."""
        ...

    async def variables(
        self, deployment: str | None = None
    ) -> Mapping[str, str | None]:
        """What the next deployment would be given, or what this one was given.

        What the platform adds to every release is among it. A value is None where the
        variable is set and nobody may read it ("sealed").

        Raises:
            ConfigError: what is set cannot be read as variables.
        """
        ...

    async def set_variables(
        self, values: Mapping[str, str | None], *, epoch: int
    ) -> None:
        """Changes variables of the next deployment, and starts none; None removes."""
        ...

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        """Where its replicas can be asked themselves; empty where that is hidden."""
        ...

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """What the proxy has counted; None where it does not count."""
        ...

    async def url(self) -> str:
        """Where users go, without a slash at its end."""
        ...

    async def entrance(self) -> Path | None:
        """A socket on which the proxy takes probes as it takes users' requests.

        It leaves them out of what it counts. None: there is only the address.
        """
        ...

    async def epoch(self) -> int:
        """The highest epoch it has seen; 0 where it keeps none."""
        ...

    async def concerns(self, commit: str) -> Sequence[Concern]:
        """What only the platform knows of a deploy of this commit, before it begins."""
        ...

    async def autodeploy(self) -> bool | None:
        """Whether it deploys pushes by itself; None: there is no such thing here."""
        ...

    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:  # noqa: FBT001 - a switch has two positions
        """Turns that on or off; harmless when it is so already.

        Raises:
            PlatformError: there is no such thing here, or it cannot be turned.
        """
        ...

    async def silence(self, deployment: str) -> float | None:
        """Seconds since what is under way has last shown that it gets on.

        It may cost a request, and is asked where it would be given up. None: it shows
        nothing of the kind.
        """
        ...

    async def shielded(self) -> bool:
        """Whether it keeps machines out for now, so that probes say nothing."""
        ...

    async def requests(self) -> RequestsMade | None:
        """What its API has been asked; None where nobody counts. Asks nothing."""
        ...

    async def close(self) -> None:
        """Lets go of connections; harmless when repeated."""
        ...
