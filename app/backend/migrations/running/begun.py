"""The plan that a run has begun, so that a later one can go on with it.

A run that was killed leaves another schema than its plan was made for. What that was is
written down before the first statement.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from app.backend.database.schema_state import SchemaState

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Begun", "beginning_of", "read_begun"]

_THERE: Final = "select to_regclass('ops.migration_run') is not null"
# Whoever was killed may have left what nobody has written down.
_NEWEST: Final = """
    select before,
           exists (select from ops.migration_step where open)
           or exists (select from ops.migration_run other
                      where other.before -> 'plan' = newest.before -> 'plan'
                      and other.state in ('running', 'lost')) as unfinished
    from ops.migration_run newest order by started_at desc limit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a plan was made for.

    Attributes:
        plan: its hash.
        applied: the version rows of each source then.
        fingerprint: of the schema then.
        unfinished: a run of it may have left a revision half applied.
    """

    plan: str
    applied: Mapping[str, tuple[str, ...]]
    fingerprint: str
    unfinished: bool = False

    @classmethod
    def of(cls, plan: str, state: SchemaState, fingerprint: str) -> "Begun":
        """Of a plan that is begun just now."""
        applied = {one.source: one.applied for one in state.each}
        return cls(plan=plan, applied=applied, fingerprint=fingerprint)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what does not change while it is carried out."""
        return {
            "plan": self.plan,
            "applied": self.applied,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def read(cls, told: Mapping[str, Any] | None) -> "Begun | None":
        """From what :meth:`to_dict` has made; None: there was no plan."""
        if told is None:
            return None
        applied = {name: tuple(rows) for name, rows in told["applied"].items()}
        return cls(plan=told["plan"], applied=applied, fingerprint=told["fingerprint"])


def beginning_of(
    plan: str | None, state: SchemaState, fingerprint: str, newest: Begun | None
) -> Begun | None:
    """What has to be known to go on with a plan, which may have begun already. Pure.

    Args:
        plan: its hash; None: there is none.
        state: of the schema now.
        fingerprint: of the schema now.
        newest: the plan of the newest run.
    """
    if plan is None:
        return None
    if newest is not None and newest.plan == plan:
        return newest
    return Begun.of(plan, state, fingerprint)


async def read_begun(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> Begun | None:
    """The plan of the newest run, however that has ended; None: it had none.

    To be asked under the migrators' lock, when no other run begins.
    """
    if not await connection.fetchval(_THERE):
        return None
    row = await connection.fetchrow(_NEWEST)
    before = None if row is None else json.loads(row["before"])
    # Until format 2 there were the version rows alone.
    begun = Begun.read(before["plan"]) if isinstance(before, dict) else None
    if row is None or begun is None:
        return None
    return replace(begun, unfinished=row["unfinished"])
