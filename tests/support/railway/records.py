"""What the simulator remembers of one deployment."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from app.backend.deploy.platforms.base import ServiceSettings
from tests.support.railway.clock import Clock
from tests.support.railway.lifecycle import InstanceStatus, Status, Step
from tests.support.railway.manifest import Manifest, run_by

__all__ = ["Event", "Instance", "Line", "Lines", "Origin", "Record", "new_id"]

_LINES_KEPT: Final = 20_000


def new_id() -> str:
    """As Railway's are."""
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log; its time and number are unlike those of any other."""

    at: datetime
    number: int
    message: str
    severity: str = "info"


class Lines:
    """A log, of which the newest lines are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: deque[Line] = deque(maxlen=_LINES_KEPT)
        self._count = 0

    def write(self, message: str, severity: str = "info") -> None:
        """One more line."""
        at = self._clock.now()
        if self._lines:
            at = max(at, self._lines[-1].at)
        self._count += 1
        self._lines.append(Line(at, self._count, message, severity))

    def all(self) -> tuple[Line, ...]:
        """The oldest first."""
        return tuple(self._lines)


@dataclass(slots=True)
class Instance:
    """One replica's process."""

    id: str = field(default_factory=new_id)
    status: InstanceStatus = InstanceStatus.CREATED


@dataclass(slots=True)
class Event:
    """One step of a deployment, and how it ended."""

    step: Step
    created_at: datetime
    id: str = field(default_factory=new_id)
    completed_at: datetime | None = None
    error: str | None = None
    attempt: int | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a deployment comes from.

    Attributes:
        reason: ``meta.reason``.
        image: the digest that it starts with; None: it has to be built.
        copy_of: whose settings and variables it repeats.
        runs_pre_deploy: whether the pre-deploy command is for it.
        waits_for_health: whether the health check is.
    """

    reason: str = "deploy"
    image: str | None = None
    copy_of: str | None = None
    runs_pre_deploy: bool = True
    waits_for_health: bool = True


@dataclass(slots=True, kw_only=True)
class Record:
    """One deployment; its status is the roster's.

    Attributes:
        manifest: settings, frozen when it was created.
        variables: its snapshot, frozen as well; sealed ones included.
        meta: what else ``meta`` shows.
        history: every status that it has had.
        image: the digest, once there is one.
        removed_at: since when its image's retention runs.
        kept: whether its image may be there at all.
        shown: whether lists and reads have it yet.
        distortions: how the edge's counts of it are bent.
        told_status: what the API says its status is, if not what it is.
        starting: the switch to it has begun, so nothing can drop it any more.
    """

    id: str
    commit: str | None
    origin: Origin
    manifest: Manifest
    variables: Mapping[str, str] = field(repr=False)
    meta: Mapping[str, Any] = field(repr=False)
    created_at: datetime
    status_at: datetime
    build_lines: Lines = field(repr=False)
    deploy_lines: Lines = field(repr=False)
    snapshot: str = field(default_factory=new_id)
    image: str | None = None
    removed_at: datetime | None = None
    kept: bool = True
    succeeded: bool = False
    stopped: bool = False
    shown: bool = True
    starting: bool = False
    told_status: str | None = None
    distortions: dict[str, int] = field(default_factory=dict)
    history: list[Status] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)

    @property
    def settings(self) -> ServiceSettings:
        """How it is run."""
        return run_by(self.manifest, self.variables)

    @property
    def is_stopped(self) -> bool:
        """``deploymentStopped``: no instance is up, or none is there yet."""
        return not any(one.status.is_up for one in self.instances)
