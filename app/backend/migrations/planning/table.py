"""A plan for people to read. Pure."""

from collections.abc import Iterator
from typing import Final

from app.backend.migrations.changes import Work
from app.backend.migrations.planning.costs import CachedPlans, Size
from app.backend.migrations.planning.plan import (
    Plan,
    PlannedRevision,
    PlannedStatement,
)
from app.backend.migrations.reversibility import Reversibility

__all__ = ["render"]

_WIDTH: Final = 100
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000


def render(plan: Plan) -> str:
    """The whole plan; its last line has the number of revisions and the hash."""
    lines = [line for one in plan.revisions for line in _revision(one)]
    for finding in plan.findings:
        where = f"{finding.file}:{finding.line}"
        lines.append(f"{finding.severity} {where} {finding.rule}: {finding.why}")
        lines.append(f"    safe: {finding.safe}")
    if plan.untraced_because:
        lines.append(f"not tried on a scratch database: {plan.untraced_because}")
    lines.append(f"{len(plan.revisions)} pending, plan {plan.hash}")
    return "\n".join(lines)


def _revision(planned: PlannedRevision) -> Iterator[str]:
    one, back = planned.revision, planned.way_back
    yield f"{one.phase} {one.file}: {one.message}"
    yield f"  {back.kind}{f', {back.why}' if back.why else ''}"
    if not planned.complete:
        yield "  what it does depends on the database; these are not all"
    for statement in planned.statements:
        yield f"  {_short(statement.statement.sql)}"
        for note in _notes(statement):
            yield f"      {note}"


def _notes(one: PlannedStatement) -> Iterator[str]:
    also = "".join(f", {lock} on {table}" for table, lock in one.also)
    if one.table:
        yield f"{one.lock} on {one.table}{_sized(one.size)}{also}"
    if one.work is not Work.NONE:
        yield f"{one.work}, {one.duration}"
    if one.way_back.kind is not Reversibility.REVERSIBLE:
        why = f", {one.way_back.why}" if one.way_back.why else ""
        yield f"{one.way_back.kind}{why}"
    if one.cached_plans is CachedPlans.STARS:
        yield "prepared statements with * fail once on each connection"
    if one.cached_plans is CachedPlans.ALL:
        yield "prepared statements that name the column fail once on each connection"
    for blocker in one.blockers:
        what = (
            f"{blocker.lock} on {blocker.table}" if blocker.table else "a transaction"
        )
        yield (
            f"in the way now: pid {blocker.pid} ({blocker.application or 'no name'},"
            f" {blocker.state or 'no state'}) with {what} for {blocker.seconds:.0f} s"
        )


def _sized(size: Size | None) -> str:
    if size is None:
        return ""
    amount = float(size.bytes)
    unit = 0
    while amount >= _THOUSAND and unit < len(_UNITS) - 1:
        amount, unit = amount / _THOUSAND, unit + 1
    rows = "" if size.rows is None else f", {size.rows:,} rows"
    return f" ({amount:.3g} {_UNITS[unit]}{rows})"


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
