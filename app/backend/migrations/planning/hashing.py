"""The name of a plan: what would be run, and the schema that it was made for."""

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.backend.migrations.recording import Recording, record
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    PendingRevision,
    pending_scripts,
    to_pending,
)
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import Script

__all__ = ["PendingWork", "joined_hash", "pending_work", "plan_hash_of", "read_work"]


# Without any other module there is neither a clock nor chance in a revision.
_OTHER_IMPORT: Final = re.compile(
    rb"^\s*(?:import|from)\s+"
    rb"(?!(?:alembic|sqlalchemy|collections\.abc|typing|__future__)\b)",
    re.MULTILINE,
)
# Their order is another one in each process (PYTHONHASHSEED), and two recordings of
# one process cannot show it.
_UNORDERED: Final = frozenset({"set", "frozenset", "hash", "id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWork:
    """A revision that is not applied yet, with what it says of itself.

    Attributes:
        up: what its upgrade would send; None: it cannot be told.
        down: whether its downgrade does anything.
        steady: whether it says the same each time; literal times, random values and
            sets make it say something else.
    """

    revision: PendingRevision
    up: Recording | None
    down: bool = True
    steady: bool = True

    @property
    def is_told(self) -> bool:
        """Whether every statement is known without a database."""
        return self.up is not None and self.up.opaque is None


def pending_work(
    applied: Collection[str],
    destination: str = EXPAND_HEAD,
    config: "AlembicConfig | None" = None,
) -> tuple[PendingWork, ...]:
    """What an upgrade would run, with what it says of itself; takes a moment."""
    return tuple(
        read_work(script, to_pending(script))
        for script in pending_scripts(applied, destination, config)
    )


def read_work(script: "Script", revision: PendingRevision) -> PendingWork:
    """Has a revision say what it would do, without a database."""
    down = _goes_back(script)
    try:
        up = record(script)
        steady = not _is_unordered(revision.source) and (
            not _OTHER_IMPORT.search(revision.source) or _same(up, record(script))
        )
    except MigrationError:
        return PendingWork(revision=revision, up=None, down=down)
    return PendingWork(revision=revision, up=up, down=down, steady=steady)


def plan_hash_of(
    applied: Iterable[str], work: Iterable[PendingWork], fingerprint: str
) -> str:
    """SHA-256, as hex, of what was planned. Pure.

    It covers the version rows, the id and the statements of each pending revision in
    their order, and the schema; never sizes, blockers or a trace, so that a container
    that has no scratch database comes to the same. A revision whose statements are
    not all known without a database, or not the same each time, counts by its source.

    Args:
        applied: the rows of the version table.
        work: what is pending.
        fingerprint: of the schema.
    """
    pending = [[one.revision.id, *_digest(one)] for one in work]
    text = json.dumps([sorted(applied), pending, fingerprint])
    return hashlib.sha256(text.encode()).hexdigest()


def joined_hash(parts: Iterable[str]) -> str:
    """Names a plan over several sources by their names; over one: by its own. Pure."""
    first, *others = parts
    if not others:
        return first
    return hashlib.sha256(json.dumps([first, *others]).encode()).hexdigest()


def _same(one: Recording, other: Recording) -> bool:
    said = [statement.sql for statement in one.statements]
    return said == [statement.sql for statement in other.statements]


def _is_unordered(source: bytes) -> bool:
    """Whether sets, or names of the process's own, may shape what a revision says."""
    return any(
        isinstance(node, ast.Set | ast.SetComp)
        or (isinstance(node, ast.Name) and node.id in _UNORDERED)
        for node in ast.walk(ast.parse(source))
    )


def _digest(work: PendingWork) -> tuple[str, object]:
    if work.up is None or not (work.is_told and work.steady):
        return "source", hashlib.sha256(work.revision.source).hexdigest()
    statements = [
        [one.sql, one.transaction, one.directive] for one in work.up.statements
    ]
    return "statements", statements


def _goes_back(script: "Script") -> bool:
    """A downgrade that raises says that there is none."""
    try:
        down = record(script, down=True)
    except MigrationError:
        return False
    return bool(down.statements) or down.opaque is not None
