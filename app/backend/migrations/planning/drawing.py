"""Draws a plan up from what was read, seen and asked. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.planning.costs import Size, cached_plans_of, duration_of
from app.backend.migrations.planning.effects import Effect, seen_effects, told_effects
from app.backend.migrations.planning.hashing import PendingWork
from app.backend.migrations.planning.plan import PlannedRevision, PlannedStatement
from app.backend.migrations.planning.survey import Sessions
from app.backend.migrations.reversibility import (
    Reversibility,
    WayBack,
    way_back_of,
    way_back_of_change,
)
from app.backend.migrations.statements import Lock

__all__ = ["Live", "draw_revision", "effects_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only the live database knows."""

    sizes: Mapping[str, Size]
    sessions: Sessions


def effects_of(work: PendingWork, traced: Iterable[Traced]) -> tuple[Effect, ...]:
    """As they were seen; where the trace failed or did not come, as they are told."""
    seen = [one for one in traced if one.statement.revision == work.revision.id]
    whole = bool(seen) and seen[-1].error is None
    if whole or work.up is None:
        return tuple(seen_effects(seen))
    return tuple(told_effects(work.up))


def draw_revision(
    work: PendingWork, effects: Sequence[Effect], live: Live
) -> PlannedRevision:
    """One revision of a plan."""
    seen = any(effect.seen for effect in effects)
    return PlannedRevision(
        revision=work.revision,
        statements=tuple(_statement(one, live) for one in effects),
        way_back=_way_back(work, effects, seen=seen),
        complete=seen or work.is_told,
    )


def _way_back(work: PendingWork, effects: Sequence[Effect], *, seen: bool) -> WayBack:
    changes = [change for effect in effects for change in effect.changes]
    nothing = not effects and work.is_told
    found = way_back_of(changes, down=work.down, nothing=nothing)
    if seen or work.is_told or found.kind is Reversibility.IRREVERSIBLE:
        return found
    why = "what it does is known to a database only"
    return WayBack(kind=Reversibility.LOSSY, why=why)


def _statement(effect: Effect, live: Live) -> PlannedStatement:
    table, lock = effect.locks[0] if effect.locks else ("", Lock.NONE)
    size = live.sizes.get(table)
    best = WayBack(kind=Reversibility.REVERSIBLE)
    ways = [way_back_of_change(change) for change in effect.changes]
    return PlannedStatement(
        statement=effect.statement,
        table=table,
        lock=lock,
        also=effect.locks[1:],
        work=effect.work,
        size=size,
        duration=duration_of(effect.work, size),
        blockers=live.sessions.blocking(effect.locks, waits=effect.waits),
        cached_plans=cached_plans_of(effect.changes),
        way_back=max(ways, key=lambda one: one.kind.rank, default=best),
    )
