"""Which revisions a way down reverses."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from app.backend.database.schema_heads import REVISIONS
from app.backend.migrations.revisions import alembic_config
from app.errors import PreflightError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import Script

__all__ = ["BEDROCK", "refuse_bedrock", "scripts_before", "scripts_down"]

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
