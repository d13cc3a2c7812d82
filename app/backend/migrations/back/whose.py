"""Whose revisions a way down is about."""

from collections.abc import Sequence
from typing import Final

from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.sources import Source, source_named
from app.errors import PreflightError, TargetError

__all__ = ["command_down", "is_relative", "source_below"]

_BASE: Final = "base"


def is_relative(to: str) -> bool:
    """Whether a destination is counted from where the schema is. Pure."""
    return to.rpartition("@")[2].startswith("-")


def command_down(goal: str, source: str) -> str:
    """What is typed to go down to where a run was to lead. Pure."""
    if is_relative(goal):
        goal = "REVISION"  # it would be counted from another one by now
    whose = f" --source {source}" if _is_base(goal) else ""
    return f"`pm33 migrate down --to {goal}{whose}`"


def source_below(to: str, sources: Sequence[Source], name: str | None = None) -> Source:
    """The source that a destination is one of; an id is one source's alone.

    Args:
        to: as Alembic names it: an id, ``-1``, ``base``.
        sources: all of them.
        name: of the source, where somebody has said; None: the id tells.

    Raises:
        TargetError: there is no source of that name, or the destination does not tell.
        PreflightError: no source has it.
    """
    if name is not None:
        return source_named(sources, name)
    if len(sources) == 1:
        return sources[0]
    if not (is_relative(to) or _is_base(to)):
        known = [one for one in sources if _has(one, to)]
        if len(known) == 1:
            return known[0]
        if not known:
            raise PreflightError(
                f"there is no way down to {to}: no source has it",
                remedy="`pm33 migrate heads` shows the revisions of each source",
            )
    names = " or ".join(one.name for one in sources)
    raise TargetError(
        f"whose revisions are to be reversed is not clear from {to}",
        remedy=f"say it with --source {names}",
    )


def _is_base(to: str) -> bool:
    return to.rpartition("@")[2] == _BASE


def _has(source: Source, to: str) -> bool:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s
    from alembic.script.revision import RevisionError  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    scripts = ScriptDirectory.from_config(alembic_config(source))
    try:
        return any(one is not None for one in scripts.get_revisions(to))
    except (CommandError, RevisionError):
        return False
