"""What a revision does, statement by statement, and what each one locks. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

__all__ = [
    "EXECUTOR",
    "SERVER_VERSION",
    "Lock",
    "Presence",
    "Statement",
    "Step",
    "StepExecutor",
]

EXECUTOR: Final = "pm33_executor"
"""The option of Alembic's migration context that holds a :class:`StepExecutor`."""
SERVER_VERSION: Final = "pm33_server_version"
"""The option that says for which ``server_version_num`` to render without a database.

None: for the oldest one, whose way is right on every later one, too.
"""


class Lock(StrEnum):
    """PostgreSQL's table-level lock modes, the weakest first.

    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
    """

    NONE = "none"
    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    EXCLUSIVE = "EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @property
    def strength(self) -> int:
        """Its rank; a stronger lock has a higher one."""
        return tuple(Lock).index(self)

    @property
    def blocks_writes(self) -> bool:
        """Whether it conflicts with INSERT, UPDATE and DELETE."""
        return self.strength >= Lock.SHARE.strength

    @property
    def blocks_reads(self) -> bool:
        """Whether it conflicts with SELECT."""
        return self is Lock.ACCESS_EXCLUSIVE


class Presence(StrEnum):
    """What the catalogue says of the thing that a step makes."""

    ABSENT = "absent"
    INVALID = "invalid"
    VALID = "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement of a safe operation, run outside of any other's transaction.

    Attributes:
        sql: exactly one statement, without a semicolon at its end.
        table: whose lock matters, with its schema where one was given.
        lock: the strongest one that it takes there.
        also: other tables that it locks, each with the mode.
        long: it scans or builds, so that it has no statement timeout.
        ask: a query of one row and one text: ``absent``, ``invalid`` or ``valid``. A
            valid thing is left alone. None: the statement can be repeated as it is.
        clean: what takes an invalid one away first; None: the statement mends it.
    """

    sql: str
    table: str
    lock: Lock
    also: tuple[tuple[str, Lock], ...] = ()
    long: bool = False
    ask: str | None = None
    clean: "Step | None" = None


class StepExecutor(Protocol):
    """Runs the steps of safe operations; the migration context carries one."""

    def run(self, step: Step, *, directive: str) -> None:
        """Runs it in a transaction of its own, or records it.

        Args:
            step: what to run.
            directive: the operation that it belongs to, as in ``safe_create_index``.
        """
        ...

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        """Calls ``work`` until it returns None; each call is one transaction.

        Args:
            work: does one batch over the context's connection; the rows it changed.
            directive: as above.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a revision, as it was rendered without a database.

    Attributes:
        sql: the statement, without a semicolon at its end.
        revision: whose it is; of a plain SQL file: the file's name.
        file: where the revision stands, as it is shown.
        line: of the call in that file, or of the statement in a SQL file.
        transaction: those with the same number share a transaction; None: it runs
            outside of one.
        step: what the safe operation says of it; None: it comes from anywhere else.
        directive: the safe operation's name.
        was: what the revision says was there before, which the statement does not: a
            column's type, or ``foreign key`` for a constraint that is dropped.
    """

    sql: str
    revision: str
    file: str
    line: int
    transaction: int | None
    step: Step | None = None
    directive: str | None = None
    was: str | None = None
