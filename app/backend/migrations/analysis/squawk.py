"""squawk's opinion of the same statements, where it is installed.

Its wheel is one binary of 24 MB, which lints 500 files in one call. It parses all of
PostgreSQL's grammar, which our rules do not, so it is heard where they know nothing. It
does not know which tables are new, what was validated before, or what shares a
transaction: of the labelled cases it misses 37 of 80 unsafe ones and flags 14 of 47
safe ones, and so is not asked about what our rules judge themselves.
"""

import json
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from app.backend.migrations.analysis.linting import Opinion
from app.backend.migrations.analysis.migration import Migration
from app.errors import MigrationError

__all__ = ["Squawk"]

_DEADLINE: Final = 60.0
_FOUND: Final = 1
# The runner sets the timeouts, and how a type is called is everybody's own taste.
_STYLE: Final = (
    *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity"),
    *("prefer-robust-stmts", "prefer-text-field", "prefer-timestamp-tz"),
    *("prefer-repack", "ban-char-field", "identifier-too-long"),
    *("require-enum-value-ordering", "require-table-schema"),
    *("require-timeout-settings", "require-lock-timeout", "require-statement-timeout"),
)
# What our rules judge as well, with the transaction and the new tables in mind.
_JUDGED: Final = frozenset(
    {
        *("adding-field-with-default", "adding-foreign-key-constraint"),
        *("adding-not-nullable-field", "adding-required-field"),
        *("adding-serial-primary-key-field", "ban-add-column", "ban-add-enum-value"),
        *("ban-alter-domain-with-add-constraint", "ban-alter-generated-expression"),
        *("ban-alter-identity", "ban-alter-policy-condition", "ban-alter-policy-roles"),
        *("ban-alter-row-level-security", "ban-alter-sequence-values"),
        *("ban-concurrent-index-creation-in-transaction", "ban-create-policy"),
        *("ban-create-domain-with-constraint", "ban-disable-trigger"),
        *("ban-drop-column", "ban-drop-constraint", "ban-drop-database"),
        *("ban-drop-default", "ban-drop-domain", "ban-drop-extension"),
        *("ban-drop-function", "ban-drop-generated-expression", "ban-drop-index"),
        *("ban-drop-not-null", "ban-drop-policy", "ban-drop-schema"),
        *("ban-drop-sequence", "ban-drop-table", "ban-drop-trigger", "ban-drop-type"),
        *("ban-drop-view", "ban-new-write-restriction", "ban-replace-view-function"),
        *("ban-replica-identity", "ban-set-default", "ban-set-schema"),
        *("ban-truncate-cascade", "changing-column-type"),
        *("constraint-missing-not-valid", "disallowed-unique-constraint"),
        *("renaming-column", "renaming-object", "renaming-table"),
        *("require-concurrent-index-creation", "require-concurrent-index-deletion"),
        *("require-concurrent-partition-detach", "require-concurrent-reindex"),
    }
)


@dataclass(frozen=True, slots=True)
class Squawk:
    """An installed squawk.

    Attributes:
        program: its binary.
    """

    program: str

    @classmethod
    def find(cls) -> "Squawk | None":
        """The one beside this Python, else the one on the path; None: there is none."""
        beside = Path(sys.executable).with_name("squawk")
        program = str(beside) if beside.is_file() else shutil.which("squawk")
        return None if program is None else cls(program)

    def opinions(
        self, migrations: Sequence[Migration]
    ) -> tuple[tuple[Opinion, ...], ...]:
        """What it says of each migration's statements.

        Raises:
            MigrationError: it has no answer, or none in time.
        """
        if not migrations:
            return ()
        # A folder of its own: squawk reads the settings of the one it is started in.
        with TemporaryDirectory(prefix="pm33-squawk-") as folder:
            scripts = [_Script(one) for one in migrations]
            for place, script in enumerate(scripts):
                text = script.text.encode()
                Path(folder, f"{place}.sql").write_bytes(text)
            found = self._run(folder, [f"{place}.sql" for place in range(len(scripts))])
        said: list[list[Opinion]] = [[] for _ in scripts]
        for one in found:
            place = int(str(one["file"]).removesuffix(".sql"))
            said[place] += scripts[place].opinion(one)
        return tuple(tuple(dict.fromkeys(one)) for one in said)

    def _run(self, folder: str, files: Sequence[str]) -> list[dict[str, Any]]:
        command = [self.program, "--reporter", "json", "--exclude", ",".join(_STYLE)]
        try:
            done = subprocess.run(  # noqa: S603 - its own arguments only
                [*command, *files],
                cwd=folder,
                env={"SQUAWK_DISABLE_GITHUB_ANNOTATIONS": "1"},
                capture_output=True,
                timeout=_DEADLINE,
                check=False,
            )
            if done.returncode in (0, _FOUND):
                found: list[dict[str, Any]] = json.loads(done.stdout)
                return found
            why = done.stderr.decode(errors="replace").strip()
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            why = str(error)
        raise MigrationError(
            f"squawk has no answer: {why}",
            remedy="install the squawk-cli of requirements-dev.txt, or none",
        )


class _Script:
    """A migration written so that each line is one statement's alone."""

    def __init__(self, migration: Migration) -> None:
        self._starts: list[int] = []
        lines: list[str] = []
        transaction: int | None = None
        for one in migration.statements:
            if one.transaction != transaction:
                lines += ["COMMIT;"] * (transaction is not None)
                lines += ["BEGIN;"] * (one.transaction is not None)
                transaction = one.transaction
            self._starts.append(len(lines))
            # A safe operation's steps are safe, and their place is all that is needed.
            lines += [] if one.directive else f"{one.sql}\n;".split("\n")
        lines += ["COMMIT;"] * (transaction is not None)
        self.text = "\n".join([*lines, ""])

    def opinion(self, found: dict[str, Any]) -> Iterator[Opinion]:
        """What one of its findings says of a statement; lines are counted from 0."""
        place = bisect_right(self._starts, int(found["line"])) - 1
        rule = str(found["rule_name"])
        if place >= 0 and rule != "unused-ignore":
            words = str(found["message"]).rstrip(".")
            yield Opinion(place, rule, words, judged=rule in _JUDGED)
