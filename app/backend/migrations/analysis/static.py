"""The static layers over what somebody names: revisions, files of SQL."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.backend.migrations.analysis.findings import Finding
from app.backend.migrations.analysis.linting import SecondOpinion, lint
from app.backend.migrations.analysis.migration import (
    Migration,
    of_revision,
    of_sql,
)
from app.backend.migrations.analysis.squawk import Squawk
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.scripts import loaded, scripts_of
from app.errors import MigrationError, TargetError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

__all__ = ["static_findings"]


def static_findings(
    revisions: Sequence[str],
    files: Sequence[Path],
    *scripts: "ScriptDirectory",
    tried: Mapping[str, Sequence[Finding]] = MappingProxyType({}),
) -> tuple[tuple[Finding, ...], str]:
    """What the static layers find; no database is needed.

    Args:
        revisions: as Alembic names them, ``heads`` and beginnings of ids included;
            none and no file either: all of them.
        files: of plain SQL, each one migration.
        scripts: where the revisions are, in their order; none: this project's.
        tried: what was found on a scratch database, by file.

    Returns:
        The findings, and a remark about what was not looked at; empty: there is none.

    Raises:
        TargetError: a revision is not there.
        UnreadableMigrationError: a file is none, or not SQL; or a revision cannot be
            loaded.
    """
    plain = [of_sql(path) for path in files]
    found = _all(scripts) if revisions or not files else []
    names = _names(revisions, scripts) if revisions else {one.name for one in found}
    asked = names | {one.name for one in plain}
    second, remark = _second()

    def chosen(one: Migration) -> bool:
        return one.name in asked

    everything = [*found, *plain]
    try:
        return lint(everything, chosen=chosen, second=second, tried=tried), remark
    except MigrationError as error:
        # Only the second opinion raises; what it would have said is not known.
        return lint(everything, chosen=chosen, tried=tried), str(error)


def _second() -> tuple[SecondOpinion | None, str]:
    squawk = Squawk.find()
    if squawk is None:
        return None, "squawk is not installed, so there is no second opinion"
    return squawk.opinions, ""


def _scripts(
    scripts: "Sequence[ScriptDirectory]",
) -> "Sequence[ScriptDirectory]":
    return [loaded(one) for one in scripts] or [scripts_of(alembic_config())]


def _all(scripts: "Sequence[ScriptDirectory]") -> list[Migration]:
    """All revisions, each after what it builds on."""
    walked = [
        revision
        for one in _scripts(scripts)
        for revision in reversed(list(one.walk_revisions()))
    ]
    return [of_revision(one) for one in walked]


def _names(revisions: Sequence[str], scripts: "Sequence[ScriptDirectory]") -> set[str]:
    names: set[str] = set()
    for name in revisions:
        names |= _found(name, _scripts(scripts))
    return names


def _found(name: str, scripts: "Sequence[ScriptDirectory]") -> set[str]:
    """What a name means to each source; an id is one source's alone."""
    from alembic.util import CommandError  # noqa: PLC0415 - 0.5 s

    found: set[str] = set()
    why = "there is no such revision"
    for one in scripts:
        try:
            found |= {each.revision for each in one.get_revisions(name) if each}
        except CommandError as error:
            why = str(error)
    if not found:
        raise _missing(name, why)
    return found


def _missing(name: str, why: str) -> TargetError:
    return TargetError(
        f"{name} names no revision: {why}",
        remedy="`pm33 migrate heads` shows them",
    )
