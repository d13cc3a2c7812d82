"""The states of a deployment and what leads from one to another: one table.

From FACTS §3 and §10. Pure; what is done about a transition is elsewhere.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = [
    "NEXT",
    "Happening",
    "ImpossibleError",
    "InstanceStatus",
    "Status",
    "Step",
    "follow",
]


class Status(StrEnum):
    """``DeploymentStatus`` of the schema."""

    INITIALIZING = "INITIALIZING"
    QUEUED = "QUEUED"
    WAITING = "WAITING"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    BUILDING = "BUILDING"
    DEPLOYING = "DEPLOYING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    SLEEPING = "SLEEPING"
    SKIPPED = "SKIPPED"
    REMOVING = "REMOVING"
    REMOVED = "REMOVED"

    @property
    def is_unfinished(self) -> bool:
        """Whether it may still become active."""
        return self in _UNFINISHED

    @property
    def is_active(self) -> bool:
        """Whether it has become active and nothing has replaced or removed it."""
        return self in _ACTIVE


_BEFORE_BUILD: Final = (
    Status.INITIALIZING,
    Status.QUEUED,
    Status.WAITING,
    Status.NEEDS_APPROVAL,
)
_UNFINISHED: Final = (*_BEFORE_BUILD, Status.BUILDING, Status.DEPLOYING)
_ACTIVE: Final = (Status.SUCCESS, Status.CRASHED, Status.SLEEPING)


class InstanceStatus(StrEnum):
    """``DeploymentInstanceStatus`` of the schema."""

    CREATED = "CREATED"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"
    CRASHED = "CRASHED"
    EXITED = "EXITED"
    STOPPED = "STOPPED"
    SKIPPED = "SKIPPED"
    REMOVING = "REMOVING"
    REMOVED = "REMOVED"

    @property
    def is_up(self) -> bool:
        """Whether there is a process, or will be one without being asked."""
        return self in {
            InstanceStatus.CREATED,
            InstanceStatus.INITIALIZING,
            InstanceStatus.RUNNING,
            InstanceStatus.RESTARTING,
            InstanceStatus.REMOVING,
        }


class Step(StrEnum):
    """``DeploymentEventStep`` of the schema, in the order in which they come."""

    SNAPSHOT_CODE = "SNAPSHOT_CODE"
    BUILD_IMAGE = "BUILD_IMAGE"
    PUBLISH_IMAGE = "PUBLISH_IMAGE"
    PRE_DEPLOY_COMMAND = "PRE_DEPLOY_COMMAND"
    CREATE_CONTAINER = "CREATE_CONTAINER"
    HEALTHCHECK = "HEALTHCHECK"
    CONFIGURE_NETWORK = "CONFIGURE_NETWORK"
    DRAIN_INSTANCES = "DRAIN_INSTANCES"


class Happening(StrEnum):
    """What may happen to a deployment."""

    FOUND_NO_BUILDER = "found no builder"
    AWAITED_CHECKS = "waits for the commit's checks"
    ASKED_APPROVAL = "waits for a person"
    PASSED_OVER = "nothing to deploy"
    BUILD_BEGAN = "build began"
    START_BEGAN = "start began"
    BROKE = "a step failed"
    PASSED = "became active"
    DROPPED = "cancelled or overtaken"
    RAN_OUT = "its restart budget is spent"
    RESTARTED = "restarted"
    FELL_ASLEEP = "fell asleep"
    WOKE = "woke"
    RETIRED = "replaced or removed"
    ENDED = "its last process has ended"


NEXT: Final[Mapping[tuple[Status, Happening], Status]] = {
    (Status.INITIALIZING, Happening.FOUND_NO_BUILDER): Status.QUEUED,
    (Status.INITIALIZING, Happening.AWAITED_CHECKS): Status.WAITING,
    (Status.INITIALIZING, Happening.ASKED_APPROVAL): Status.NEEDS_APPROVAL,
    (Status.INITIALIZING, Happening.PASSED_OVER): Status.SKIPPED,
    (Status.WAITING, Happening.PASSED_OVER): Status.SKIPPED,
    **{(one, Happening.BUILD_BEGAN): Status.BUILDING for one in _BEFORE_BUILD},
    # A rollback has its image already.
    **{(one, Happening.START_BEGAN): Status.DEPLOYING for one in _BEFORE_BUILD},
    (Status.BUILDING, Happening.START_BEGAN): Status.DEPLOYING,
    **{(one, Happening.BROKE): Status.FAILED for one in _UNFINISHED},
    (Status.DEPLOYING, Happening.PASSED): Status.SUCCESS,
    **{(one, Happening.DROPPED): Status.REMOVED for one in _UNFINISHED},
    (Status.SUCCESS, Happening.RAN_OUT): Status.CRASHED,
    (Status.SUCCESS, Happening.FELL_ASLEEP): Status.SLEEPING,
    (Status.SLEEPING, Happening.WOKE): Status.SUCCESS,
    **{(one, Happening.RESTARTED): Status.SUCCESS for one in _ACTIVE},
    **{(one, Happening.RETIRED): Status.REMOVING for one in _ACTIVE},
    (Status.REMOVING, Happening.ENDED): Status.REMOVED,
}
"""Where each happening leads; what is not in it cannot happen."""


class ImpossibleError(Exception):
    """A deployment in this state cannot have that happen to it."""


def follow(status: Status, happening: Happening) -> Status:
    """The state after.

    Raises:
        ImpossibleError: the table has no such transition.
    """
    try:
        return NEXT[status, happening]
    except KeyError:
        raise ImpossibleError(f"{happening} cannot happen in {status}") from None
