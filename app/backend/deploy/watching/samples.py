"""What one probe has found of a release: data, made by the prober, judged elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.backend.deploy.platforms.base import DeploymentStatus, TrafficCounters
from app.backend.health.models import Status

__all__ = [
    "CheckReading",
    "Expected",
    "Outcome",
    "ProbeKind",
    "Round",
    "Sample",
    "Source",
    "same_commit",
]

_ABBREVIATION = 7


class ProbeKind(StrEnum):
    """What was asked."""

    HEALTH = "health"
    ROUTE = "route"
    TRAFFIC = "traffic"
    PLATFORM = "platform"
    NETWORK = "network"


class Outcome(StrEnum):
    """What one probe says by itself; the detector weighs it.

    ``NO_ANSWER``: no whole answer came back; the release's fault or the network's.
    ``DISCARDED``: a cache answered, or a limiter: it says nothing of the release.
    ``OWN_ERROR``: this machine could not ask.
    """

    OK = "ok"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_ANSWER = "no_answer"
    DISCARDED = "discarded"
    OWN_ERROR = "own_error"


class Source(StrEnum):
    """Which way was asked: as users do, or past the proxy."""

    PUBLIC = "public"
    REPLICA = "replica"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to answer."""

    deployment: str
    commit: str


@dataclass(frozen=True, slots=True)
class CheckReading:
    """One check's newest result, whatever hysteresis makes of it.

    Attributes:
        status: ``unknown`` when there is no result, or none that can be believed.
        looked: when the check ran, on this process's monotonic clock; None: never.
    """

    name: str
    status: Status
    critical: bool
    shared: bool
    looked: float | None = None

    @property
    def bad(self) -> bool:
        """Whether it keeps its users from working."""
        return self.status in {Status.UNHEALTHY, Status.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One probe's finding.

    Attributes:
        at: monotonic seconds at which the probe began.
        path: the path that was asked for; empty where there is none.
        replica: which replica answered, as far as the answer or its socket says.
        deployment: which deployment answered, as far as the answer says.
        commit: which commit answered, as far as the answer says.
        code: the HTTP status of a whole answer.
        reason: what was wrong, in words without any secret; empty when nothing was.
        latency: seconds until the whole answer was there.
        checks: what a health body reported.
        born: since when this process's checks have been known, on the service's
            clock; it moves when the process is started anew.
        seen: the newest look in a health body, on the service's clock.
        status: what the platform says of the deployment; and
        active: whether it says that users' requests go there.
        counters: what the proxy has counted.
    """

    at: float
    kind: ProbeKind
    outcome: Outcome
    source: Source = Source.PUBLIC
    path: str = ""
    replica: str | None = None
    deployment: str | None = None
    commit: str | None = None
    code: int | None = None
    reason: str = ""
    latency: float | None = None
    checks: tuple[CheckReading, ...] = ()
    born: datetime | None = None
    seen: datetime | None = None
    status: DeploymentStatus | None = None
    active: bool | None = None
    counters: TrafficCounters | None = None

    @property
    def shared_bad(self) -> frozenset[str]:
        """The shared checks that are bad."""
        return frozenset(one.name for one in self.checks if one.shared and one.bad)

    @property
    def key(self) -> str:
        """Whose behaviour it shows: a replica's, or that of all together."""
        return self.replica or str(self.source)

    @property
    def place(self) -> str:
        """What it can be compared with from before the deploy."""
        return f"{self.source}:{self.path}"

    def serves(self, expected: Expected) -> bool | None:
        """Whether the right release has answered; None: the answer does not say."""
        if self.deployment is not None and self.deployment != expected.deployment:
            return False
        if self.commit is not None:
            same = same_commit(self.commit, expected.commit)
            return (
                None if same is None and self.deployment is None else same is not False
            )
        return None if self.deployment is None else True

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is empty is left out."""
        facts: Mapping[str, Any] = {
            "kind": self.kind,
            "outcome": self.outcome,
            "source": self.source,
            "path": self.path,
            "replica": self.replica,
            "deployment": self.deployment,
            "commit": self.commit,
            "code": self.code,
            "reason": self.reason,
            "latency": None if self.latency is None else round(self.latency, 4),
            "shared_bad": sorted(self.shared_bad),
            "status": self.status,
        }
        return {
            name: value for name, value in facts.items() if value not in (None, "", [])
        }


Round = tuple[Sample, ...]
"""Everything that was asked at one time."""


def same_commit(one: str, other: str) -> bool | None:
    """Whether two ids mean one commit; None: one of them is unknown, or is no commit.

    An abbreviation has to have seven digits, git's own least.
    """
    short, long = sorted((one.lower(), other.lower()), key=len)
    if short in {"", "unknown"} or long == "unknown":
        return None
    if any(":" in each or "/" in each for each in (short, long)):
        # What was made of no commit is named by its image.
        return None
    return short == long or (len(short) >= _ABBREVIATION and long.startswith(short))
