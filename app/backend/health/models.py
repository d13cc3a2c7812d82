"""The words of the health system: statuses, failures, results, policies."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

__all__ = [
    "JITTER",
    "Check",
    "CheckPolicy",
    "CheckResult",
    "Failure",
    "ProbeFunction",
    "Status",
    "Witnessing",
]

JITTER = 0.1
"""The share of a period taken off at random, so that replicas do not ask in step."""


class Status(StrEnum):
    """What is known of a component."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"

    @property
    def severity(self) -> int:
        """Orders statuses when the worst one decides; ``skipped`` never counts."""
        return _SEVERITY[self]


_SEVERITY = {
    Status.SKIPPED: 0,
    Status.HEALTHY: 0,
    Status.DEGRADED: 1,
    Status.UNKNOWN: 2,
    Status.UNHEALTHY: 3,
}


class Failure(StrEnum):
    """Whose fault it is, and so what to do next."""

    AUTH = "auth"
    PERMISSION = "permission"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    REFUSED = "refused"
    CONFIG = "config"
    WRONG_MODE = "wrong_mode"
    VENDOR_INCIDENT = "vendor_incident"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One attempt's verdict.

    Attributes:
        status: what the attempt found.
        failure: the class of what went wrong; None when nothing did.
        message: for operators; redacted before it is kept, never public.
        remedy: what to do about it, one sentence; never public.
        data: JSON-ready facts for operators, never public.
        latency_ms: how long the component took; None: the whole attempt's time.
        transient: the fault is the world's and may pass, though its class is one that
            usually is the release's (a resolver that cannot answer right now).
        retry_after: seconds for which the component asks to be left alone; None: it
            does not say.
    """

    status: Status
    failure: Failure | None = None
    message: str = ""
    remedy: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    latency_ms: float | None = None
    transient: bool = False
    retry_after: float | None = None

    def __post_init__(self) -> None:
        # Inside the check, so that a wrong field is its own failure: later on it
        # would keep every answer from being encoded.
        Status(self.status)
        if self.failure is not None:
            Failure(self.failure)
        if self.latency_ms is not None and not math.isfinite(self.latency_ms):
            raise ValueError("latency_ms is not finite")
        if self.retry_after is not None and not math.isfinite(self.retry_after):
            raise ValueError("retry_after is not finite")
        if not isinstance(self.message, str) or not isinstance(self.remedy, str):
            raise TypeError("message and remedy are text")
        if not isinstance(self.data, Mapping):
            raise TypeError("data is no mapping")

    @classmethod
    def healthy(
        cls, *, latency_ms: float | None = None, **data: object
    ) -> "CheckResult":
        """The component does what it is for."""
        return cls(status=Status.HEALTHY, latency_ms=latency_ms, data=data)

    @classmethod
    def skipped(cls, message: str, *, remedy: str = "") -> "CheckResult":
        """The component is not configured; it never counts."""
        return cls(status=Status.SKIPPED, message=message, remedy=remedy)

    @classmethod
    def degraded(
        cls, failure: Failure, message: str, *, remedy: str = "", **data: object
    ) -> "CheckResult":
        """The component answered, but not as it should."""
        return cls(
            status=Status.DEGRADED,
            failure=failure,
            message=message,
            remedy=remedy,
            data=data,
        )

    @classmethod
    def unhealthy(
        cls, failure: Failure, message: str, *, remedy: str = "", **data: object
    ) -> "CheckResult":
        """The component gave no answer, or none that its users could work with."""
        return cls(
            status=Status.UNHEALTHY,
            failure=failure,
            message=message,
            remedy=remedy,
            data=data,
        )


ProbeFunction = Callable[[], "CheckResult | Awaitable[CheckResult | None] | None"]


class Check(Protocol):
    """Probes one component.

    ``probe`` is called with one attempt in flight at most. A coroutine function runs
    on the event loop; a plain function runs in a daemon thread of its own. It returns
    a result (None counts as healthy) or raises; ``CheckFailedError`` names its failure.

    A check may also have ``abort()``, called when an attempt has taken five times its
    timeout, to break the connection that it hangs on; and an async ``close()``, called
    once when the service stops; and ``blames``, a mapping that goes into the data of a
    timeout, which the check cannot report itself. They are looked up by name, so a
    class without them is complete.
    """

    @property
    def name(self) -> str:
        """Lower-case letters, digits and underscores; unique in the process."""
        ...

    @property
    def probe(self) -> ProbeFunction:
        """The attempt."""
        ...


@runtime_checkable
class Witnessing(Protocol):
    """A check to which this process tells more than asking would."""

    def corrected(self, result: CheckResult) -> CheckResult:
        """What another replica has found, or what is known better here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPolicy:
    """How a check is run and what its status decides; kept apart from the check.

    Attributes:
        critical: its failure makes the whole report unhealthy instead of degraded.
        shared: all replicas depend on the same component, so its failure never takes
            this replica out of rotation.
        gate: its release faults keep the startup gate closed.
        period: seconds between two attempts; up to a tenth is taken off as jitter.
        timeout: seconds until an attempt is reported as ``timeout``.
        fall: consecutive worse results before the status gets worse.
        rise: consecutive better results before it gets better.
        min_time: seconds that a status lasts at least.
        initial_delay: seconds before the first attempt.
        stale_periods: periods after which a result is too old to be believed.
        base_url: where to reach the component, if not at its usual address.
        backoff: whether it is asked more rarely while it refuses; see ``backoff.py``.
        calls: requests that one attempt makes of somebody who counts them.
        budget: requests per hour at most; 0 sets no limit.
        once_per_fleet: where it is ``shared``, too, one replica asks for all of them,
            and the others take its answer for theirs. See ``fleet.py``.
    """

    critical: bool = False
    shared: bool = False
    gate: bool = False
    period: float = 15.0
    timeout: float = 5.0
    fall: int = 2
    rise: int = 2
    min_time: float = 0.0
    initial_delay: float = 0.0
    stale_periods: float = 3.0
    base_url: str | None = None
    backoff: bool = False
    calls: int = 1
    budget: int = 0
    once_per_fleet: bool = False

    @property
    def asks_for_all(self) -> bool:
        """Whether one replica may ask for all; where nobody is asked, each is quick."""
        return self.once_per_fleet and self.shared and self.calls > 0

    @property
    def calls_per_hour(self) -> float:
        """At most, with the jitter always against us."""
        return self.calls * 3600 / (self.period * (1 - JITTER))

    @property
    def validity(self) -> float:
        """Seconds for which a result may be shown before it turns ``unknown``."""
        return self.period * self.stale_periods + self.timeout

    def validity_after(self, pause: float) -> float:
        """The same where the next attempt comes after that many seconds instead.

        Args:
            pause: as :class:`~app.backend.health.transition.CheckState` has it; what
                is not longer than the period does not count.
        """
        if pause <= self.period:
            return self.validity
        return self.validity + pause * (1 + JITTER) - self.period
