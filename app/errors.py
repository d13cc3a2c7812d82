"""Everything that can go wrong, in one tree.

::

    OpsError
    ├── ConfigError                 a setting is unusable
    │   └── UnreadableSourceError       a source of variables is none
    ├── EmbeddedPostgresError       no PostgreSQL could be found or started
    ├── CheckRegistrationError      a check was refused at start
    │   ├── DuplicateCheckError
    │   └── CheckBudgetError            it would ask too often
    ├── CheckFailedError            a check's own verdict, raised instead of returned
    ├── VendorLimitedError          a call of a vendor would exceed its limit
    ├── RouteTakenError             the host application already has one of our paths
    ├── MigrationError              the schema could not be brought where it should be
    │   ├── SchemaIncompatibleError
    │   ├── LocksDeniedError            others had the locks; can be tried again
    │   ├── NoScratchDatabaseError      nothing to try revisions on
    │   └── UnreadableMigrationError    a file is no revision, or no SQL
    ├── OverrideError               an override could not be read or written
    ├── HeartbeatError              a job's beat could not be stored
    ├── HealthUnreachableError      nobody answered the question
    ├── TargetError                 which environment or commit is meant is not clear
    ├── PreflightError              something has to be mended before a deploy
    │   ├── NoWayBackError          there is nothing to roll back to
    │   └── DataAtRiskError         a downgrade would lose rows or values
    ├── LeaseHeldError              somebody else is at work
    ├── LeaseLostError              somebody else has taken over
    ├── InterruptedRunError         somebody has asked it to stop
    ├── PlatformError               the platform refused, or did not do it
    │   ├── PlatformUnreachableError    it did not answer; nothing is known
    │   │   └── RateLimitedError            it takes no more for now; nothing was done
    │   ├── NotAuthorizedError          the token may not, or there is no such id
    │   └── DeploymentNotFoundError
    └── JournalError                what a run did cannot be written down or read

Each class carries its exit code and HTTP status; each error may carry a remedy.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

__all__ = [
    "CheckBudgetError",
    "CheckFailedError",
    "CheckRegistrationError",
    "ConfigError",
    "DataAtRiskError",
    "DeploymentNotFoundError",
    "DuplicateCheckError",
    "EmbeddedPostgresError",
    "HealthUnreachableError",
    "HeartbeatError",
    "InterruptedRunError",
    "JournalError",
    "LeaseHeldError",
    "LeaseLostError",
    "LocksDeniedError",
    "MigrationError",
    "NoScratchDatabaseError",
    "NoWayBackError",
    "NotAuthorizedError",
    "OpsError",
    "OverrideError",
    "PlatformError",
    "PlatformUnreachableError",
    "PreflightError",
    "RateLimitedError",
    "RouteTakenError",
    "SchemaIncompatibleError",
    "TargetError",
    "UnreadableMigrationError",
    "UnreadableSourceError",
    "VendorLimitedError",
]


class OpsError(Exception):
    """The root of the tree.

    Attributes:
        exit_code: what the command line exits with.
        http_status: what an endpoint answers with.
        title: the short, stable name of the problem (RFC 9457 ``title``).
        remedy: what the reader can do about it, in one sentence.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    title: ClassVar[str] = "Operation failed"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(OpsError):
    """A setting without which there is nothing sensible to do (sysexits EX_CONFIG)."""

    exit_code = 78
    title = "Configuration unusable"


class UnreadableSourceError(ConfigError):
    """A source of variables cannot be used as one: the question has to be mended.

    Args:
        message: every fault, one a line; no value.
        remedy: what to do.
        spots: where the faults are, each with its own words.
    """

    exit_code = 2
    title = "Variables cannot be read"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        spots: Sequence[tuple[object, str]] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.spots = tuple(spots)


class EmbeddedPostgresError(OpsError):
    """No PostgreSQL could be found, prepared or started on this machine."""

    title = "No PostgreSQL"


class CheckRegistrationError(OpsError):
    """A check was refused; the message says which and why."""

    exit_code = 78
    title = "Check refused"


class DuplicateCheckError(CheckRegistrationError):
    """Two checks claim one name."""


class CheckBudgetError(CheckRegistrationError):
    """A check would ask more often than its budget allows."""


class CheckFailedError(OpsError):
    """Raised by a check to name its failure instead of returning a result.

    Args:
        message: what happened, for operators only; it is redacted before it is kept.
        failure: one of the classes of ``app.backend.health.models.Failure``.
        remedy: what to do about it.
        answered: whether the component answered; it then counts as degraded.
    """

    http_status = 503
    title = "Check failed"

    def __init__(
        self,
        message: str,
        *,
        failure: str = "internal",
        remedy: str = "",
        answered: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.failure = failure
        self.answered = answered


class VendorLimitedError(OpsError):
    """A call of a vendor would exceed its limit, and was not made.

    Args:
        message: which limit of whom.
        remedy: what to do about it.
        retry_after: seconds after which the call may be made, for ``Retry-After``.
    """

    http_status = 503
    title = "Vendor limit reached"

    def __init__(
        self, message: str, *, remedy: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class RouteTakenError(OpsError):
    """The host application already serves a path that belongs to PM33 Ops."""

    exit_code = 78
    title = "Path already taken"


class MigrationError(OpsError):
    """The schema could not be brought to where this release needs it."""

    title = "Migration failed"


class SchemaIncompatibleError(MigrationError):
    """A contract revision has removed what this release uses."""

    exit_code = 5
    title = "Schema incompatible"


class NoScratchDatabaseError(MigrationError):
    """No database could be made to try revisions on."""

    title = "No scratch database"


class UnreadableMigrationError(MigrationError):
    """A file is no revision, or no SQL: the question has to be mended."""

    exit_code = 2
    http_status = 422
    title = "Migration cannot be read"


class LocksDeniedError(MigrationError):
    """The locks were not to be had within the budget; it can be tried again."""

    http_status = 503
    title = "Locks not granted, try again"


class OverrideError(OpsError):
    """A health override could not be read, written or understood."""

    title = "Override refused"


class HeartbeatError(OpsError):
    """A job has said that it has run, and that could not be stored."""

    http_status = 503
    title = "Heartbeat not stored"


class HealthUnreachableError(OpsError):
    """The health endpoint gave no answer that could be read."""

    exit_code = 3
    title = "Health not reachable"


class TargetError(OpsError):
    """Which environment, branch or commit is meant cannot be told."""

    exit_code = 2
    http_status = 422
    title = "Target not clear"


class PreflightError(OpsError):
    """Something has to be mended first; nothing has been touched."""

    exit_code = 5
    http_status = 409
    title = "Refused before it began"


class NoWayBackError(PreflightError):
    """No earlier deployment can be returned to."""

    title = "Nothing to roll back to"


class DataAtRiskError(PreflightError):
    """A downgrade would lose rows or values, and nobody has accepted that.

    Args:
        message: each loss on a line of its own.
        remedy: what to do.
        report: the same, JSON-ready; empty: the message says all.
    """

    title = "Data at risk"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        report: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.report = dict(report or {})


class LeaseHeldError(OpsError):
    """Another run holds the lease; the message says who, since when, and why."""

    exit_code = 4
    http_status = 409
    title = "Somebody else is at work"


class LeaseLostError(OpsError):
    """The lease ran out, or a higher epoch was seen: another run has taken over."""

    exit_code = 75
    http_status = 409
    title = "Lease lost"


class InterruptedRunError(OpsError):
    """Somebody has asked a run to stop, at a moment when it could."""

    exit_code = 130
    http_status = 409
    title = "Interrupted"


class JournalError(OpsError):
    """A journal cannot be read or written."""

    exit_code = 5
    http_status = 503
    title = "Journal unusable"


class PlatformError(OpsError):
    """The platform refused a request, or could not do what it was asked."""

    http_status = 502
    title = "Platform failed"


class PlatformUnreachableError(PlatformError):
    """The platform did not answer; what it did is not known."""

    exit_code = 3
    http_status = 503
    title = "Platform not reachable"


class RateLimitedError(PlatformUnreachableError):
    """The platform takes no more requests for now; this one it did not look at.

    Args:
        message: which of its limits, as far as it says.
        remedy: what to do about it.
        retry_after: seconds after which the request may be made again.
    """

    title = "Platform's limit reached"

    def __init__(
        self, message: str, *, remedy: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class NotAuthorizedError(PlatformError):
    """The credentials are not valid, or may not do this, or there is no such thing.

    Railway does not tell these three apart.
    """

    exit_code = 5
    http_status = 403
    title = "Not authorized"


class DeploymentNotFoundError(PlatformError):
    """The platform knows no such deployment."""

    exit_code = 5
    http_status = 404
    title = "No such deployment"
