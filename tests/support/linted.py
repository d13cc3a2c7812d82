"""What the linter finds in a piece of SQL, or in revisions."""

from pathlib import Path

from alembic.script import ScriptDirectory

from app.backend.migrations.analysis.findings import Finding, Severity
from app.backend.migrations.analysis.linting import SecondOpinion, lint
from app.backend.migrations.analysis.migration import of_revision, of_sql

__all__ = ["lint_revisions", "lint_sql", "rules", "serious"]


def lint_sql(
    folder: Path, sql: str, second: SecondOpinion | None = None
) -> tuple[Finding, ...]:
    """The findings of a file with this content."""
    path = folder / "some.sql"
    path.write_text(sql)
    return lint([of_sql(path)], second=second)


def lint_revisions(directory: ScriptDirectory) -> tuple[Finding, ...]:
    """The findings of all revisions, each after what it builds on."""
    walked = reversed(list(directory.walk_revisions()))
    return lint([of_revision(one) for one in walked])


def rules(findings: tuple[Finding, ...]) -> list[str]:
    """The names of the rules."""
    return [one.rule for one in findings]


def serious(findings: tuple[Finding, ...]) -> list[str]:
    """The same without advice."""
    return [one.rule for one in findings if one.severity is not Severity.INFO]
