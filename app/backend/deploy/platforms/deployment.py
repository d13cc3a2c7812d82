"""What a platform says of a deployment, and how it runs a release. Pure data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["Deployment", "DeploymentStatus", "ServiceSettings"]


class DeploymentStatus(StrEnum):
    """A deployment's state; Railway's words (``../railway/FACTS.md`` §3), and one more.

    ``READY`` is the local platform's: healthy, and waiting for the switch.
    ``UNKNOWN`` is what a platform said that nobody has seen before: never a success.
    """

    QUEUED = "QUEUED"
    WAITING = "WAITING"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    INITIALIZING = "INITIALIZING"
    BUILDING = "BUILDING"
    DEPLOYING = "DEPLOYING"
    READY = "READY"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    SKIPPED = "SKIPPED"
    SLEEPING = "SLEEPING"
    CANCELLED = "CANCELLED"
    REMOVING = "REMOVING"
    REMOVED = "REMOVED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_over(self) -> bool:
        """Whether it can no longer come to serve without being asked again."""
        return self in _OVER


_OVER = frozenset(
    {
        DeploymentStatus.FAILED,
        DeploymentStatus.CRASHED,
        DeploymentStatus.SKIPPED,
        DeploymentStatus.CANCELLED,
        DeploymentStatus.REMOVING,
        DeploymentStatus.REMOVED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One run of a release, as the platform tells it.

    Attributes:
        id: the platform's own.
        commit: the whole commit id.
        created_at: with its time zone.
        active: whether users' requests go there now.
        succeeded: whether it has ever served.
        can_roll_back: whether the platform could return to it.
        tag: the run that asked for it, where the platform can keep that; what an
            earlier attempt has created is found by it.
        rollback_of: the deployment that this one repeats.
        reason: the platform's words on how it ended, or on what it waits for; no
            secrets.
    """

    id: str
    commit: str
    status: DeploymentStatus
    created_at: datetime
    active: bool = False
    succeeded: bool = False
    can_roll_back: bool = False
    tag: str | None = None
    rollback_of: str | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"created_at": self.created_at.isoformat()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "Deployment":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            KeyError, ValueError: it is none.
        """
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in body.items() if name in known}
        values["created_at"] = datetime.fromisoformat(body["created_at"])
        values["status"] = DeploymentStatus(body["status"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How a platform runs a release; ``railway.toml`` holds them for a commit.

    Attributes:
        start_command: what starts one replica.
        pre_deploy_command: runs once in the new release before it starts; None: none.
        healthcheck_path: asked until it answers 200; None: listening is enough.
        healthcheck_timeout: seconds until the deployment has failed without that.
        overlap_seconds: how long the old release is kept after the switch.
        draining_seconds: from SIGTERM to SIGKILL.
        restart_policy: ``ON_FAILURE``, ``ALWAYS`` or ``NEVER``.
        restart_retries: restarts of a replica until the deployment has crashed.
        replicas: how many processes.
    """

    start_command: str
    pre_deploy_command: str | None = None
    healthcheck_path: str | None = None
    healthcheck_timeout: float = 300.0
    overlap_seconds: float = 0.0
    draining_seconds: float = 0.0
    restart_policy: str = "ON_FAILURE"
    restart_retries: int = 10
    replicas: int = 1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "ServiceSettings":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            TypeError: it is none.
        """
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in body.items() if name in known})
