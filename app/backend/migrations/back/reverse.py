"""A revision that is to be reversed: what both its directions say. Pure, once read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.backend.migrations.changes import Change, ChangeKind
from app.backend.migrations.recording import Recording, record, shown
from app.backend.migrations.texts.statement import read_statement
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.script import Script

__all__ = ["CONTRACT", "Reverse", "read_reverse"]

CONTRACT: Final = "contract"

_K = ChangeKind
# What an upgrade may leave behind without doing harm, so that it needs no downgrade:
# an enum keeps its values, and rows are a matter of their own.
_STAYS: Final = frozenset(
    {
        *(_K.ENUM_VALUE_ADDED, _K.ROWS_INSERTED, _K.ROWS_CHANGED),
        *(_K.ROWS_DELETED, _K.ROWS_FILLED),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """One revision on the way back.

    Attributes:
        file: as it is shown.
        labels: the branches that it belongs to.
        message: the first line of what it says about itself.
        up: its upgrade; None: it cannot be read at all.
        down: its downgrade; None: it cannot be read at all.
        unreadable: why its downgrade cannot be read.
    """

    id: str
    file: str
    labels: frozenset[str]
    message: str
    up: Recording | None
    down: Recording | None
    unreadable: str = ""

    @property
    def is_contract(self) -> bool:
        """Whether it removed what an earlier release used."""
        return CONTRACT in self.labels

    @property
    def changes(self) -> tuple[Change, ...]:
        """What its upgrade has done, as far as that is known."""
        if self.up is None:
            return ()
        told = (
            read_statement(one.sql).changes
            for one in self.up.statements
            # A safe operation fills what was empty; that may stay.
            if one.directive is None or not one.sql.startswith("DO ")
        )
        return tuple(change for several in told for change in several)

    @property
    def irreversible(self) -> str:
        """Why there is no way back from it at all; empty: there is one."""
        if self.down is None:
            return self.unreadable
        if self.down.opaque is not None:
            return f"what its downgrade does cannot be told: {self.down.opaque}"
        if self.down.statements:
            return ""
        asks = self.up is None or self.up.opaque is not None
        if asks or any(one.kind not in _STAYS for one in self.changes):
            return "it has no downgrade"
        return ""


def read_reverse(script: "Script") -> Reverse:
    """Has both directions of a revision recorded; takes some milliseconds."""
    up, _ = _recorded(script, down=False)
    down, why = _recorded(script, down=True)
    return Reverse(
        id=script.revision,
        file=shown(Path(str(script.module.__file__))),
        labels=frozenset(script.branch_labels),
        message=(script.doc or "").partition("\n")[0],
        up=up,
        down=down,
        unreadable=why,
    )


def _recorded(script: "Script", *, down: bool) -> tuple[Recording | None, str]:
    try:
        return record(script, down=down), ""
    except MigrationError as error:
        cause = error.__cause__ or error
        return None, f"its downgrade raises {type(cause).__name__}: {cause}"
