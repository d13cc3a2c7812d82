"""Which way a run goes: what it does in which order, and what that is called."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.backend.migrations.running.events import Happening
from app.backend.migrations.statements import StepExecutor

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

    from app.backend.migrations.running.gate import Gate

__all__ = ["DOWN", "Up", "Way"]

DOWN: Final = " (down)"
"""What a revision's name ends in while it is being reversed."""


class Way(Protocol):
    """Up, or down."""

    kind: str
    """Of the run, in its history."""
    completed: Happening
    """What is told of a revision that is done."""
    goes_on: str
    """What to do when a run was cut off."""
    plan: str | None
    """The hash of the plan that is carried out; None: there is none."""

    def begin(self, run: str, gate: "Gate", inner: StepExecutor) -> StepExecutor:
        """Told once, before the first try; returns what runs safe operations."""
        ...

    def steps(self, scripts: "ScriptDirectory", heads: Any) -> Iterator[Any]:
        """Alembic's steps that are missing, seen from these version rows."""
        ...

    def name(self, revision: str) -> str:
        """What a revision's statements are written down as.

        What is half done one way must not be taken for half done the other.
        """
        ...


class Up:
    """Applies what is missing.

    Args:
        goal: where to, as Alembic names it.
        plan: the hash of the plan that is carried out; None: there is none.
    """

    kind = "upgrade"
    completed = Happening.APPLIED
    goes_on = "the same `pm33 migrate up` goes on where it ended"

    def __init__(self, goal: str, plan: str | None = None) -> None:
        self._goal = goal
        self.plan = plan

    def begin(self, _run: str, _gate: "Gate", inner: StepExecutor) -> StepExecutor:
        """As :meth:`Way.begin`."""
        return inner

    def steps(self, scripts: "ScriptDirectory", heads: Any) -> Iterator[Any]:
        """As :meth:`Way.steps`."""
        # What `alembic upgrade` itself asks; there is no public way to it.
        yield from scripts._upgrade_revs(self._goal, heads)  # noqa: SLF001

    def name(self, revision: str) -> str:
        """As :meth:`Way.name`."""
        return revision
