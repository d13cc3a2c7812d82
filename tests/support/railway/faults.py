"""Everything that can be made to go wrong, by name (FACTS §10, "Fault injection")."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Fault", "Faults", "Scripted"]


class Fault(StrEnum):
    """One thing that goes wrong.

    Where ``seconds`` or ``value`` mean something, the fault's own words say what;
    seconds are Railway's. A fault about a deployment takes the next one that comes to
    its point, or the next of a ``commit``; one about the API takes the next request, or
    the next of an ``operation``; one about webhooks the next, or the next of a
    ``commit``, or of a type, which is its ``operation``.
    """

    BUILD_FAILS = "build_fails"
    """The build ends with an error; ``value`` is what it says."""
    PRE_DEPLOY_FAILS = "pre_deploy_fails"
    """The pre-deploy command ends with an error; it is not run again."""
    NEVER_HEALTHY = "never_healthy"
    """The health probe never gets an answer."""
    HEALTH_STATUS = "health_status"
    """The health probe is answered with ``value`` (308, 503, …) every time."""
    HEALTH_SLOW = "health_slow"
    """No answer to the health probe for ``seconds`` (20), then the release's own."""
    HEALTH_FLAPS = "health_flaps"
    """The health probe is answered 503, not at all, 503, and then by the release."""
    CRASHES = "crashes"
    """``seconds`` (0) after it became active all its replicas are out of budget."""
    CRASH_LOOP = "crash_loop"
    """From then on every ``seconds`` (5) a replica is started again, and says so, while
    the deployment stays SUCCESS; ``value`` times (3)."""
    OUT_OF_MEMORY = "out_of_memory"
    """Memory grows, as log lines tell; after ``seconds`` (0) the replicas are killed
    and out of budget."""
    ERRORS_UNDER_TRAFFIC = "errors_under_traffic"
    """What the edge counts for this deployment is 500; probes see nothing of it."""
    SLOW_UNDER_TRAFFIC = "slow_under_traffic"
    """What the edge counts for this deployment takes ``value`` (20) times as long."""
    WRONG_TARGET_PORT = "wrong_target_port"
    """The domain leads to a port where nobody listens; the deploy is green."""
    STUCK_QUEUED = "stuck_queued"
    """QUEUED for ``seconds`` (for ever)."""
    SLOW_INITIALIZING = "slow_initializing"
    """INITIALIZING for ``seconds`` (300)."""
    SKIPPED = "skipped"
    """The watch patterns do not match."""
    WAITS_FOR_CHECKS = "waits_for_checks"
    """WAITING for ``seconds`` (10), then SKIPPED if ``value`` is "failed"."""
    NEEDS_APPROVAL = "needs_approval"
    """Waits until somebody approves."""
    SUPERSEDED = "superseded"
    """Somebody deploys the commit ``value`` (another) while this one is being built."""
    REDEPLOYED = "redeployed"
    """``seconds`` (0) after it became active, Railway deploys it again of its own
    accord."""
    REMOVED_BY_SOMEBODY = "removed_by_somebody"
    """``seconds`` (0) after it became active, somebody removes it."""
    ROLLBACK_REFUSED = "rollback_refused"
    """The rollback is answered with an error; nothing is created."""
    ROLLBACK_FAILS = "rollback_fails"
    """The rollback is accepted, and its deployment ends FAILED."""
    ROLLBACK_LATE = "rollback_late"
    """The rollback is accepted; its deployment appears ``seconds`` (10) later."""
    ROLLBACK_LOST = "rollback_lost"
    """The rollback is accepted, and no deployment ever appears."""
    TARGET_AGED_OUT = "target_aged_out"
    """The target's image goes between the last look at it and the rollback."""
    DOWN = "down"
    """The API does not answer: connections are closed without a byte."""
    SERVER_ERROR = "server_error"
    """HTTP status ``value`` (502) with an HTML body; nothing is done."""
    AFTER_MUTATION_TIMEOUT = "after_mutation_timeout"
    """The mutation takes effect; its answer never comes."""
    AFTER_MUTATION_ERROR = "after_mutation_error"
    """The mutation takes effect; its answer is HTTP status ``value`` (504), or an error
    of those words in an HTTP 200."""
    AFTER_MUTATION_CUT = "after_mutation_cut"
    """The mutation takes effect; its answer is cut in the middle."""
    TIMEOUT = "timeout"
    """No answer, and nothing is done."""
    SLOW = "slow"
    """It is done at once; the answer comes after ``seconds`` (5)."""
    LATE = "late"
    """The request is taken; it is done, and answered, ``seconds`` (20) later, whether
    anybody waits for that any more or not."""
    CUT = "cut"
    """The connection is reset in the middle of the answer."""
    DATA_NULL = "data_null"
    """``data: null`` without errors; a mutation takes effect."""
    SAYS_FALSE = "says_false"
    """The mutation's answer is ``false`` without errors; nothing is done."""
    PARTIAL_DATA = "partial_data"
    """The first field of the answer is null and has an error; the others are there."""
    PROBLEM = "problem"
    """HTTP 200 with "Problem processing request"; nothing is done."""
    NOT_AUTHORIZED = "not_authorized"
    """HTTP 200 with "Not Authorized"; nothing is done."""
    TWO_FACTOR = "two_factor"
    """HTTP 200 with "Two Factor Authentication Required"; nothing is done."""
    TOO_QUICKLY = "too_quickly"
    """HTTP 200 with "… too quickly"; nothing is done."""
    DEPLOY_LIMIT = "deploy_limit"
    """HTTP 200 with "Service deployment rate limit exceeded"; nothing is done."""
    RATE_LIMITED = "rate_limited"
    """HTTP 429 with JSON and ``Retry-After: value`` (1); nothing is done."""
    EDGE_LIMITED = "edge_limited"
    """HTTP 429 with the text "error code: 1015"; nothing is done."""
    EDGE_REFUSED = "edge_refused"
    """HTTP 403 with the text "error code: 1010"; nothing is done."""
    LOG_LINES_TWICE = "log_lines_twice"
    """Every log line is told twice."""
    LOG_LINES_MISSING = "log_lines_missing"
    """Every second log line is left out."""
    CLOCK_SKEW = "clock_skew"
    """Railway's clock is ``seconds`` (120) ahead of everybody's."""
    UNKNOWN_STATUS = "unknown_status"
    """The deployment's status is told as ``value`` (``TELEPORTING``)."""
    STALE_READS = "stale_reads"
    """The newest deployment is missing in lists."""
    WEBHOOKS_TWICE = "webhooks_twice"
    """Every webhook is delivered twice."""
    WEBHOOKS_LATE = "webhooks_late"
    """Webhooks are delivered ``seconds`` (10) later, so out of order with others."""


@dataclass(slots=True, kw_only=True)
class Scripted:
    """A fault that a test has asked for.

    Attributes:
        operation: the GraphQL operation, or type of webhook, that it is for; None: any.
        commit: the commit whose deployment it is for; None: any.
        left: how often it still happens; None: for ever.
        hits: how often it has happened.
        lands: what it holds back is done, or answered, once this is set, if not before.
    """

    fault: Fault
    operation: str | None = None
    commit: str | None = None
    seconds: float | None = None
    value: str | int | None = None
    left: int | None = 1
    hits: int = 0
    lands: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def lasting(self, default: float) -> float:
        """Its seconds."""
        return default if self.seconds is None else self.seconds

    def number(self, default: int) -> int:
        """Its value, as a number."""
        return default if self.value is None else int(self.value)

    def _is_for(self, operation: str | None, commit: str | None) -> bool:
        return (
            self.left != 0
            and self.operation in {None, operation}
            and self.commit in {None, commit}
        )

    def matches(self, fault: Fault, operation: str | None, commit: str | None) -> bool:
        """Whether it is one for this moment."""
        return self.fault is fault and self._is_for(operation, commit)


@dataclass(slots=True)
class Faults:
    """What is scripted; the first that was added comes first."""

    scripted: list[Scripted] = field(default_factory=list)

    def add(
        self,
        fault: Fault | str,
        *,
        operation: str | None = None,
        commit: str | None = None,
        seconds: float | None = None,
        value: str | int | None = None,
        times: int | None = 1,
    ) -> Scripted:
        """From now on, as often as told; ``times=None``: until :meth:`clear`."""
        one = Scripted(
            fault=Fault(fault),
            operation=operation,
            commit=commit,
            seconds=seconds,
            value=value,
            left=times,
        )
        self.scripted.append(one)
        return one

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.scripted.clear()

    def take(
        self, fault: Fault, *, operation: str | None = None, commit: str | None = None
    ) -> Scripted | None:
        """The one that happens now, if one does; it is used up by that."""
        found = self.look(fault, operation=operation, commit=commit)
        if found is not None:
            found.hits += 1
            if found.left is not None:
                found.left -= 1
        return found

    def look(
        self, fault: Fault, *, operation: str | None = None, commit: str | None = None
    ) -> Scripted | None:
        """The one that would happen now; it is not used up."""
        for one in self.scripted:
            if one.matches(fault, operation, commit):
                return one
        return None
