"""Everything that can go wrong, in one tree.

::

    OpsError
    ├── ConfigError                 a setting is unusable
    ├── EmbeddedPostgresError       no PostgreSQL could be found or started
    ├── CheckRegistrationError      a check was refused at start
    │   └── DuplicateCheckError
    ├── CheckFailedError            a check's own verdict, raised instead of returned
    ├── RouteTakenError             the host application already has one of our paths
    ├── MigrationError              the schema could not be brought where it should be
    │   └── SchemaIncompatibleError
    ├── OverrideError               an override could not be read or written
    └── HealthUnreachableError      nobody answered the question

Each class carries its exit code and HTTP status; each error may carry a remedy.
"""

from typing import ClassVar

__all__ = [
    "CheckFailedError",
    "CheckRegistrationError",
    "ConfigError",
    "DuplicateCheckError",
    "EmbeddedPostgresError",
    "HealthUnreachableError",
    "MigrationError",
    "OpsError",
    "OverrideError",
    "RouteTakenError",
    "SchemaIncompatibleError",
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


class EmbeddedPostgresError(OpsError):
    """No PostgreSQL could be found, prepared or started on this machine."""

    title = "No PostgreSQL"


class CheckRegistrationError(OpsError):
    """A check was refused; the message says which and why."""

    exit_code = 78
    title = "Check refused"


class DuplicateCheckError(CheckRegistrationError):
    """Two checks claim one name."""


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


class OverrideError(OpsError):
    """A health override could not be read, written or understood."""

    title = "Override refused"


class HealthUnreachableError(OpsError):
    """The health endpoint gave no answer that could be read."""

    exit_code = 3
    title = "Health not reachable"
