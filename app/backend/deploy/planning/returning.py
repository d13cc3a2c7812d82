"""What a plan says of the way back: is there one, for how long, with what. Pure.

The codes are stable: ``no_way_back``, ``variables_would_revert``, ``unknown_way_back``,
``way_back_needs_database``.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from app.backend.deploy.planning.findings import NO_WAY_BACK, Finding, Severity
from app.backend.deploy.planning.reverting import MIGRATION_PLAN, Reverting, compare
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.report import summary_of
from app.backend.deploy.request import Variables

__all__ = [
    "NEEDS_DATABASE",
    "REVERT",
    "SAY_WHICH",
    "UNKNOWN",
    "has_to_be_said",
    "of_migration",
    "of_retention",
    "of_variables",
]

REVERT: Final = "variables_would_revert"
UNKNOWN: Final = "unknown_way_back"
NEEDS_DATABASE: Final = "way_back_needs_database"

SAY_WHICH: Final = (
    "say --restore-variables, if the old values still work, or --current-variables,"
    " which builds its commit anew with today's"
)
"""What to do where a platform cannot restore with today's variables."""

_MINUTE: Final = 60.0
_BUILT_BY: Final = timedelta(minutes=15)
"""What building, starting and switching may take before the bake begins."""


def of_retention(
    way_back: Deployment | None, *, bake: float, now: datetime
) -> list[Finding]:
    """Says so when what would be returned to may be gone before the bake has ended."""
    until = way_back.retained_until if way_back else None
    if way_back is None or until is None:
        return []
    if until > now + _BUILT_BY + timedelta(seconds=bake):
        return []
    left = max(0.0, (until - now).total_seconds()) / _MINUTE
    text = (
        f"{summary_of(way_back)}, the way back, is kept until"
        f" {until:%Y-%m-%d %H:%M %Z}, {left:.0f} min from now: it may be gone before"
        " the release has been watched to the end"
    )
    remedy = "its commit would be built anew then; a shorter --bake ends in time"
    return [Finding(Severity.WARNING, text, remedy, NO_WAY_BACK)]


def of_migration(
    way_back: Deployment | None,
    own: Mapping[str, str | None] | None,
    asked: Variables | None,
) -> list[Finding]:
    """Says so when the way back holds an old plan, and so has to ask the database.

    A plan is an order to compare the schema with what was planned. Where the database
    is away, a pre-deploy command that was given one cannot tell a rollback from a
    release that lacks its migration, and must not let the latter through.

    Args:
        way_back: what would be returned to; None: nothing.
        own: what it was given; None: nobody can tell.
        asked: which ones the way back is to have; None: nobody has said.
    """
    if (
        way_back is None
        or asked is Variables.CURRENT
        or not (own or {}).get(MIGRATION_PLAN)
    ):
        return []
    text = (
        f"{summary_of(way_back)}, the way back, was made with a migration's plan: while"
        " the database is away, it cannot come back with the variables that it had"
    )
    remedy = "its commit is built anew with today's then, which takes longer"
    return [Finding(Severity.INFO, text, remedy, NEEDS_DATABASE)]


def of_variables(
    way_back: Deployment | None,
    own: Mapping[str, str | None] | None,
    todays: Mapping[str, str | None] | None,
    asked: Variables | None,
    *,
    by_image: bool,
) -> list[Finding]:
    """Says which variables a way back would bring old values of; names, never values.

    Args:
        way_back: what would be returned to; None: nothing.
        own: what it was given; None: nobody can tell.
        todays: what the next deployment is given; None: as above.
        asked: which ones the way back is to have; None: nobody has said.
        by_image: the platform can restore it with today's; else that is a build.
    """
    if way_back is None or asked is Variables.CURRENT:
        return []
    if own is None or todays is None:
        text = (
            f"whether the way back to {summary_of(way_back)} would bring old variables"
            " back is not known"
        )
        return [Finding(Severity.WARNING, text, code=UNKNOWN)]
    found = compare(own, todays)
    return [
        *_required(way_back, found, asked, by_image=by_image),
        *_others(way_back, found),
    ]


def has_to_be_said(found: Reverting, *, by_image: bool) -> bool:
    """Whether somebody has to say which variables a way back is to have."""
    return bool(found.required) and not by_image


def _required(
    way_back: Deployment, found: Reverting, asked: Variables | None, *, by_image: bool
) -> list[Finding]:
    if not found.required:
        return []
    names = ", ".join(found.required)
    changed = f"{names} changed since {summary_of(way_back)}, the way back, was made"
    if asked is not None:
        text = f"{changed}: going back brings the old values back, as asked"
        return [Finding(Severity.WARNING, text, code=REVERT)]
    if has_to_be_said(found, by_image=by_image):
        text = f"{changed}: the platform brings it back with the old values only"
        return [Finding(Severity.ERROR, text, SAY_WHICH, REVERT)]
    text = f"{changed}: going back gives it today's values"
    remedy = "--restore-variables goes back with the old ones"
    return [Finding(Severity.WARNING, text, remedy, REVERT)]


def _others(way_back: Deployment, found: Reverting) -> list[Finding]:
    told = []
    if found.others and not found.required:
        names = ", ".join(found.others)
        text = f"going back to {summary_of(way_back)} brings old values back: {names}"
        told.append(Finding(Severity.INFO, text, code=REVERT))
    if found.sealed:
        names = ", ".join(found.sealed)
        text = f"nobody may read {names}: they may differ from what the way back had"
        told.append(Finding(Severity.INFO, text, code=UNKNOWN))
    return told
