"""What a platform says of a deployment, and how it runs a release. Pure data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
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
        image: what was built, by digest; None: the platform does not say.
        retained_until: when the platform gives up what it would be restored from; None:
            that is not known, or does not come while it serves.
        ran_with: the settings that it was really run with; None: they are not told.
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
    image: str | None = None
    retained_until: datetime | None = None
    ran_with: "ServiceSettings | None" = None

    @property
    def can_be_built(self) -> bool:
        """Whether there is a commit to build it anew from.

        What was made of an image, or uploaded, is named by its image, or by nothing.
        """
        return bool(self.commit) and self.commit != self.image

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        until = self.retained_until
        return asdict(self) | {
            "created_at": self.created_at.isoformat(),
            "retained_until": until and until.isoformat(),
        }

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
        if until := body.get("retained_until"):
            values["retained_until"] = datetime.fromisoformat(until)
        if settings := body.get("ran_with"):
            values["ran_with"] = ServiceSettings.from_dict(settings)
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
        regions: how many of them in each region, where there are several.
        cron: the schedule of what is no service but a job; None: it is a service.
        sleeps: whether it is put to sleep while nobody asks it.
        build: what is known of how it is built, by the platform's names.
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
    regions: Mapping[str, int] = field(default_factory=dict)
    cron: str | None = None
    sleeps: bool = False
    build: Mapping[str, Any] = field(default_factory=dict)

    @property
    def probed(self) -> int:
        """How many replicas whoever asks the public address is sure to meet.

        Of several regions the nearest answers, whichever that is.
        """
        return min(self.regions.values(), default=self.replicas)

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
