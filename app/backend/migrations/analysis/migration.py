"""One migration as the rules look at it: a revision, or a file of plain SQL."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.backend.migrations.recording import Recording, read_sql, record, shown
from app.backend.migrations.statements import Statement
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.script import Script

__all__ = ["Migration", "of_revision", "of_sql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migration, recorded.

    Attributes:
        name: the revision's id, or the file's name.
        file: as it is shown.
        path: where it is read.
        phase: ``expand`` or ``contract``; empty: it has none.
        statements: in their order.
        opaque: why the rest is not known; None: that is all.
        failure: why it cannot be recorded at all; None: it can.
        line: of what made it opaque, or of the upgrade.
        way_back: whether a revision's downgrade does anything; None: it is plain SQL.
    """

    name: str
    file: str
    path: Path
    phase: str = ""
    statements: tuple[Statement, ...] = ()
    opaque: str | None = None
    failure: str | None = None
    line: int = 1
    way_back: bool | None = None


def of_sql(path: Path) -> Migration:
    """A file of plain SQL.

    Raises:
        UnreadableMigrationError: it is none.
    """
    file = shown(path)
    return Migration(name=file, file=file, path=path, statements=read_sql(path))


def of_revision(revision: "Script") -> Migration:
    """A revision; one that cannot be recorded says so, and hides no other."""
    path = Path(str(revision.module.__file__))
    phase = next((one for one in ("contract", "expand") if _is_in(revision, one)), "")
    recording = Recording(revision=revision.revision, file=shown(path), statements=())
    failure = None
    try:
        recording = record(revision)
    except MigrationError as error:
        failure = str(error)
    return Migration(
        name=revision.revision,
        file=recording.file,
        path=path,
        phase=phase,
        statements=recording.statements,
        opaque=recording.opaque,
        failure=failure,
        line=recording.line or _line_of_upgrade(revision),
        way_back=_leads_back(revision),
    )


def _is_in(revision: "Script", phase: str) -> bool:
    return phase in (revision.branch_labels or ())


def _line_of_upgrade(revision: "Script") -> int:
    code = getattr(getattr(revision.module, "upgrade", None), "__code__", None)
    return 1 if code is None else int(code.co_firstlineno)


def _leads_back(revision: "Script") -> bool:
    """A downgrade that raises says that there is no way, which is an answer, too."""
    try:
        recording = record(revision, down=True)
    except MigrationError:
        return hasattr(revision.module, "downgrade")
    return bool(recording.statements) or recording.opaque is not None
