"""What the simulator's API side stands on: processes and an edge, or something instant.

The API side owns statuses, ids, times, the cadence of the health probe and every
deadline; a ground only does what it is told, and tells what becomes of it. Seconds that
it is handed are real ones: the simulator has scaled them already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = [
    "PROBE_HOST",
    "AdjustableEdge",
    "CountingEdge",
    "EdgeRequest",
    "Ground",
    "GroundError",
    "Tell",
    "Write",
]

PROBE_HOST: Final = "healthcheck.railway.app"
"""The Host header of the platform's own health probe."""

Write = Callable[[str], None]
"""Takes one line of a log."""

Tell = Callable[[int, str], None]
"""Takes a replica's number, from 0, and what it now is.

That is a member of ``DeploymentInstanceStatus``: RUNNING, RESTARTING (it ended, and the
policy and its budget allow another start), CRASHED (they do not) or EXITED (with 0, and
the policy leaves it so).
"""


class GroundError(Exception):
    """A step of a deployment failed; the words are for its build log."""


class Ground(Protocol):
    """Where releases run.

    Every call may be cancelled: what it started is ended then. Calls about a deployment
    that the ground does not know, or no longer, do nothing.
    """

    async def build(self, deployment: str, commit: str, write: Write) -> None:
        """Makes what the commit needs in order to run.

        Raises:
            GroundError: the build failed.
        """
        ...

    async def pre_deploy(
        self,
        deployment: str,
        commit: str,
        commands: Sequence[str],
        variables: Mapping[str, str],
        write: Write,
    ) -> None:
        """Runs the commands in turn, each in a process of its own.

        ``variables`` are as for :meth:`start`.

        Raises:
            GroundError: one of them failed, with its last lines.
        """
        ...

    async def start(
        self,
        deployment: str,
        commit: str,
        settings: ServiceSettings,
        variables: Mapping[str, str],
        write: Write,
        tell: Tell,
    ) -> None:
        """Starts ``settings.replicas`` processes with PORT set; returns at once.

        They are started again by the settings' policy and within its budget, which is
        each replica's own. ``tell`` hears of every change until the deployment is
        stopped; ends that :meth:`stop` or :meth:`restart` caused are not told.

        Args:
            deployment: its id.
            commit: what was built.
            settings: as frozen when the deployment was created.
            variables: the snapshot's, and those which Railway injects into all
                containers (``RAILWAY_DEPLOYMENT_ID``, ``RAILWAY_PUBLIC_DOMAIN``…);
                PORT and RAILWAY_REPLICA_ID are the ground's to add.
            write: takes what the processes write.
            tell: takes what becomes of them.

        Raises:
            GroundError: they cannot be started.
        """
        ...

    async def probe(
        self,
        deployment: str,
        replica: int,
        path: str | None,
        timeout: float,  # noqa: ASYNC109 - one attempt's, enforced by the ground
    ) -> int | None:
        """One attempt over plain HTTP, with :data:`PROBE_HOST` and no redirects.

        Returns:
            The HTTP status; None when nothing answered within ``timeout`` seconds.
            Without a path: 200 once the process has been started.
        """
        ...

    async def switch(self, deployment: str | None) -> None:
        """Sends requests there from now on, at once and altogether.

        None: nowhere; the edge then answers 404 with its fallback header.
        """
        ...

    async def stop(self, deployment: str, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds; returns when all have ended.

        With a grace of 0 the second signal follows the first at once.
        """
        ...

    async def restart(self, deployment: str) -> None:
        """The same release and variables in new processes; budgets begin anew."""
        ...

    def url(self) -> str:
        """The edge's address, without a slash at its end."""
        ...

    async def close(self) -> None:
        """Ends everything it has started; harmless when repeated."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRequest:
    """One request that the edge has answered.

    Attributes:
        at: when, with its time zone.
        deployment: whose replica answered; None: the edge did, by its fallback.
        status: what the client saw.
        seconds: how long it took.
        replica: which one, from 0.
    """

    at: datetime
    deployment: str | None
    status: int
    seconds: float
    method: str = "GET"
    path: str = "/"
    replica: int = 0


@runtime_checkable
class CountingEdge(Protocol):
    """A ground whose edge remembers what it answered; HTTP metrics and logs read it."""

    def served(self, since: datetime, until: datetime) -> Sequence[EdgeRequest]:
        """What was answered from ``since`` to before ``until``, the oldest first."""
        ...


@runtime_checkable
class AdjustableEdge(Protocol):
    """A ground whose edge knows the under-attack mode and a domain's target port."""

    async def shield(self, *, on: bool) -> None:
        """While on, clients that are no browsers get 429."""
        ...

    async def aim(self, *, right: bool) -> None:
        """To the replicas' PORT, or to one where nobody listens: 502."""
        ...
