"""Which revisions a way down reverses."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from app.backend.database.schema_heads import REVISIONS
from app.backend.migrations.back.whose import command_down, is_relative
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.running.history import RunState
from app.backend.migrations.running.records import RunRecord
from app.errors import PreflightError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import Script

__all__ = [
    "BEDROCK",
    "goal_of",
    "refuse_bedrock",
    "refuse_recount",
    "scripts_before",
    "scripts_down",
]

BEDROCK: Final = "0004_migration_history"
"""A run is written down in its tables, so that no run goes below it."""


def scripts_down(
    applied: Collection[str], to: str, config: "AlembicConfig | None" = None
) -> tuple["Script", ...]:
    """In the order in which they are reversed.

    Args:
        applied: the version rows.
        to: where to, as Alembic names it: an id, ``-1``, ``base``.
        config: of Alembic; None: this release's revisions.

    Raises:
        PreflightError: there is no such revision below, or one that nobody here knows.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s
    from alembic.script.revision import RevisionError  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    scripts = ScriptDirectory.from_config(config or alembic_config())
    known = {one.revision for one in scripts.walk_revisions()}
    unknown = sorted(set(applied) - known)
    if unknown:
        raise PreflightError(
            f"the database is at {', '.join(unknown)}, which this release does not"
            " have, and so cannot reverse",
            remedy="run it from the release that brought the revision",
        )
    heads = scripts.get_revisions(tuple(applied))
    current = tuple(one.revision for one in heads if one is not None)
    try:
        found = scripts.iterate_revisions(
            current or None, to, select_for_downgrade=True
        )
        return tuple(one for one in found if one is not None)
    except (CommandError, RevisionError) as error:
        raise PreflightError(
            f"there is no way down to {to}: {error}",
            remedy="name a revision below the present one; `pm33 migrate status`"
            " shows where the schema is",
        ) from error


def scripts_before(
    applied: Collection[str],
    reversed_: Iterable[str],
    config: "AlembicConfig | None" = None,
) -> tuple[str, ...]:
    """What is applied, and would not be reversed, the oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s

    scripts = ScriptDirectory.from_config(config or alembic_config())
    gone = set(reversed_)
    found = scripts.iterate_revisions(tuple(applied), "base")
    return tuple(
        one.revision for one in found if one is not None and one.revision not in gone
    )[::-1]


def goal_of(to: str, scripts: Sequence["Script"], left: Collection[str]) -> str:
    """Where a way down ends, by a name that stays: -1 is another one by then. Pure.

    Args:
        to: as it is asked for.
        scripts: that are reversed, the newest first.
        left: what stays applied.
    """
    if not (scripts and is_relative(to)):
        return to
    last = scripts[-1]
    if isinstance(last.down_revision, str):
        return last.down_revision
    if last.down_revision is not None:  # it has merged several
        return to
    labels = sorted(last.branch_labels)
    return f"{labels[0]}@base" if labels else to if left else "base"


def refuse_recount(
    to: str, last: RunRecord | None, applied: Collection[str], source: str
) -> None:
    """Refuses to count from where a way down was cut off: it would go too far. Pure.

    Args:
        to: as it is asked for.
        last: the newest run.
        applied: the version rows.
        source: whose they are.

    Raises:
        PreflightError: it is counted, and the newest run down has not come to its end.
    """
    if last is None or not is_relative(to) or last.state is RunState.DONE:
        return
    if (last.kind, last.source) != ("downgrade", source):
        return
    if set(last.before) != set(applied):
        raise PreflightError(
            f"run {last.run} was on its way down to {last.goal} when it ended;"
            f" {to} would be counted from where it came to",
            remedy=f"{command_down(last.goal, source)} goes on where it ended",
        )


def refuse_bedrock(revisions: Iterable[str]) -> None:
    """Refuses to reverse what runs themselves are written down in. Pure.

    Raises:
        PreflightError: one of them is.
    """
    below = REVISIONS[: REVISIONS.index(BEDROCK) + 1]
    rock = [one for one in revisions if one in below]
    if rock:
        raise PreflightError(
            f"{rock[0]} holds what runs are written down in; none reverses it",
            remedy=f"stop at {BEDROCK}; `alembic downgrade` goes further, and asks"
            " nothing",
        )
