"""Which lock a statement wants, told from its first words. Pure.

The runner has to choose a lock timeout for every statement, also for one that no safe
operation made. What is not recognised is taken to be as bad as can be, which makes a
timeout too short and never too long. Judging revisions is the linter's duty.
"""

import re
from typing import Final

from app.backend.migrations.statements import Lock

__all__ = [
    "built_index",
    "is_lock",
    "lock_needed",
    "locks_nothing",
    "reads_only",
    "returns_rows",
]

_BLANK: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_LOCKS_NOTHING: Final = re.compile(
    r"(?:SHOW|SET|RESET|BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|DISCARD"
    r"|LISTEN|NOTIFY)\b",
    re.IGNORECASE,
)
_READS: Final = re.compile(r"(?:SELECT|VALUES|TABLE|EXPLAIN)\b")
_CHANGES: Final = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b")
_NAME: Final = r'(?:"(?:[^"]|"")+"|\w+)'
_TABLE: Final = rf"{_NAME}(?: ?\. ?{_NAME})?"
_TABLE_MADE: Final = r"CREATE (?:TEMP |TEMPORARY |UNLOGGED )?TABLE"
_OTHER_MADE: Final = r"(?:SCHEMA|SEQUENCE|TYPE|FUNCTION|PROCEDURE|EXTENSION)"
_RULES: Final = (
    (r"(?:INSERT|UPDATE|DELETE|MERGE|COPY|WITH)\b", Lock.ROW_EXCLUSIVE),
    (r"(?:CREATE(?: UNIQUE)?|DROP) INDEX CONCURRENTLY\b", Lock.SHARE_UPDATE_EXCLUSIVE),
    (
        r"REINDEX (?:\([^)]*\) )?(?:INDEX|TABLE) CONCURRENTLY\b",
        Lock.SHARE_UPDATE_EXCLUSIVE,
    ),
    (
        rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_TABLE} VALIDATE CONSTRAINT {_NAME}\Z",
        Lock.SHARE_UPDATE_EXCLUSIVE,
    ),
    (r"(?:ANALYZE|COMMENT ON)\b", Lock.SHARE_UPDATE_EXCLUSIVE),
    (r"CREATE(?: UNIQUE)? INDEX\b", Lock.SHARE),
    (
        rf"{_TABLE_MADE}\b(?!.*\b(?:REFERENCES|PARTITION OF|INHERITS)\b)",
        Lock.NONE,
    ),
    (
        rf"CREATE (?:OR REPLACE )?{_OTHER_MADE}\b",
        Lock.NONE,
    ),
    (rf"ALTER TYPE {_TABLE} ADD VALUE\b", Lock.NONE),
)
_LOCK: Final = re.compile(
    r"LOCK\b(?:.*\bIN (?P<mode>[A-Z ]+) MODE\b)?", re.DOTALL | re.IGNORECASE
)
# Without a table, or instead of one: there is no telling what a function locks.
_CALLS: Final = re.compile(
    rf"SELECT\b(?:(?!.*\bFROM\b).*\w ?\(|.*\bFROM (?:LATERAL )?{_TABLE} ?\()",
    re.DOTALL | re.IGNORECASE,
)
_KNOWN: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), lock) for pattern, lock in _RULES
)
_BUILT: Final = re.compile(
    rf"CREATE(?: UNIQUE)? INDEX CONCURRENTLY (?:IF NOT EXISTS )?"
    rf"(?P<index>{_NAME}) ON (?:ONLY )?(?P<table>{_TABLE})",
    re.IGNORECASE,
)


def lock_needed(sql: str) -> Lock:
    """The strongest lock on a table that others use already."""
    text = _plain(sql)
    if found := _LOCK.match(text):
        modes: list[str] = list(Lock)
        mode = (found["mode"] or "").upper()
        return Lock(mode) if mode in modes else Lock.ACCESS_EXCLUSIVE
    if reads_only(sql):
        return Lock.ACCESS_EXCLUSIVE if _CALLS.match(text) else Lock.ACCESS_SHARE
    for pattern, lock in _KNOWN:
        if pattern.match(text):
            return lock
    return Lock.ACCESS_EXCLUSIVE


def reads_only(sql: str) -> bool:
    """Whether nothing is left of it once its transaction has ended.

    A function that a SELECT calls may change something; that cannot be seen.
    """
    text = _plain(sql).upper()
    if text.startswith("WITH "):
        return not _CHANGES.search(text)
    return bool(_READS.match(text)) or is_lock(sql) or locks_nothing(sql)


def is_lock(sql: str) -> bool:
    """Whether it takes a lock and does nothing else."""
    return bool(_LOCK.match(_plain(sql)))


def locks_nothing(sql: str) -> bool:
    """Whether it is the session's and the transaction's own matter."""
    return bool(_LOCKS_NOTHING.match(_plain(sql)))


def returns_rows(sql: str) -> bool:
    """Whether somebody waits for rows of a statement that changes something."""
    return bool(re.search(r"\bRETURNING\b", _plain(sql), re.IGNORECASE))


def built_index(sql: str) -> tuple[str, str] | None:
    """Index and table, as they are written, of a CREATE INDEX CONCURRENTLY.

    The index lives in the schema of its table, and has no schema of its own.
    """
    found = _BUILT.match(_plain(sql))
    return (found["index"], found["table"]) if found else None


def _plain(sql: str) -> str:
    """Without comments, and with one blank where there were many."""
    return _BLANK.sub(" ", sql).strip().rstrip(";").rstrip()
