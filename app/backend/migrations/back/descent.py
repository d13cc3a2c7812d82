"""The way down for the runner: reverses revisions, each with its keeper before it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.runtime.migration import MigrationStep

from app.backend.migrations.back.keeper import Acceptance, Keeper, KeepingExecutor
from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.running.events import Happening
from app.backend.migrations.running.way import DOWN
from app.backend.migrations.statements import StepExecutor

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

    from app.backend.migrations.running.gate import Gate

__all__ = ["Down"]


class Down:
    """A :class:`~app.backend.migrations.running.way.Way`.

    It goes by the revisions that were asked about, not by a goal: ``-1`` would be
    another one after each try.

    Args:
        command: what is typed to go on with it.
        reverses: in the order in which they are reversed.
        acceptance: None: nothing may be lost.
    """

    kind = "downgrade"
    completed = Happening.REVERSED
    plan: str | None = None

    def __init__(
        self, command: str, reverses: Sequence[Reverse], acceptance: Acceptance | None
    ) -> None:
        self.goes_on = f"{command} goes on where it ended"
        self._reverses = reverses
        self._acceptance = acceptance
        self._keeper: Keeper | None = None

    def begin(self, run: str, gate: "Gate", inner: StepExecutor) -> StepExecutor:
        """As :meth:`Way.begin`."""
        self._keeper = Keeper(run, gate, self._acceptance)
        return KeepingExecutor(inner, self._keeper, _connection)

    def steps(self, scripts: "ScriptDirectory", heads: Any) -> Iterator[Any]:
        """As :meth:`Way.steps`."""
        applied = {
            one.revision for one in scripts.iterate_revisions(heads or "base", "base")
        }
        for reverse in self._reverses:
            if reverse.id not in applied:
                continue
            script = scripts.get_revision(reverse.id)
            step = MigrationStep.downgrade_from_script(scripts.revision_map, script)
            yield self._kept(step, reverse)

    def name(self, revision: str) -> str:
        """As :meth:`Way.name`."""
        return f"{revision}{DOWN}"

    def _kept(self, step: Any, reverse: Reverse) -> Any:
        downgrade, keeper = step.migration_fn, self._keeper

        def first_keep(**given: Any) -> None:
            if keeper is not None:
                keeper.begin(_connection(), reverse)
            downgrade(**given)

        step.migration_fn = first_keep
        return step


def _connection() -> Any:
    return context.get_context().connection
