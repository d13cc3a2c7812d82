"""What of a half-applied revision is done already, and need not be done again. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from app.backend.migrations.running.history import Committed, digest_of
from app.backend.migrations.running.masking import masked
from app.errors import MigrationError

__all__ = ["Ledger"]

# SQLAlchemy looks first whether such a thing is there, and then says nothing of it.
_ASKED_FIRST: Final = re.compile(
    r"\s*(?:CREATE\s+(?:TYPE|SCHEMA|EXTENSION|SEQUENCE)\b|.*\bIF\s+NOT\s+EXISTS\b)",
    re.IGNORECASE | re.DOTALL,
)


class Ledger:
    """The statements of one revision that earlier runs had committed, in their order.

    Args:
        revision: whose they are.
        committed: the oldest first.
    """

    def __init__(self, revision: str, committed: Sequence[Committed] = ()) -> None:
        self._revision = revision
        self._left = list(committed)

    def holds(self, statement: str) -> bool:
        """Whether this statement, which is the revision's next one, is done already.

        Raises:
            MigrationError: the revision goes on otherwise than it had begun.
        """
        digest = digest_of(statement)
        for index, one in enumerate(self._left):
            if one.digest == digest:
                self._pass(index, statement)
                del self._left[0]
                return True
        self._pass(len(self._left), statement)
        return False

    def _pass(self, count: int, statement: str) -> None:
        for one in self._left[:count]:
            if not _ASKED_FIRST.match(one.statement):
                raise MigrationError(
                    f"{self._revision} is half applied, and is not as it was when it"
                    f" began: {_short(one.statement)!r} is done, and now comes"
                    f" {_short(statement)!r}",
                    remedy="give the revision back what is done (`pm33 migrate history`"
                    " shows it), and mend only what comes after",
                )
        del self._left[:count]


def _short(statement: str) -> str:
    return " ".join(masked(statement).split())[:80]
