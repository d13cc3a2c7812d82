"""One upgrade over all sources: a run for each that has something to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.backend.config.environment import get_config
from app.backend.database.revision_history import RevisionHistory
from app.backend.database.schema_state import (
    SchemaPosition,
    SchemaState,
    read_schema_state,
)
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.asking import asked
from app.backend.migrations.judgement import may_go_on, may_upgrade
from app.backend.migrations.revisions import EXPAND_HEAD, alembic_config, goal_in
from app.backend.migrations.running.events import MigrationEvent, Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.thread import run_in_thread
from app.backend.migrations.running.way import Up
from app.backend.migrations.scripts import scripts_of
from app.backend.migrations.sources import OURS, Source

if TYPE_CHECKING:
    from app.backend.migrations.running.runner import Decide, Runner

__all__ = ["Work", "is_wanted", "upgrade_sources"]


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and where it began.

    Attributes:
        plan: the hash of the plan that was agreed to; None: there is none.
    """

    target: DatabaseTarget
    revision: str
    sources: Sequence[Source]
    before: SchemaState
    plan: str | None

    @property
    def histories(self) -> list[RevisionHistory]:
        """Of each source."""
        return [one.history for one in self.sources]


async def upgrade_sources(
    work: Work,
    decide: "Callable[..., bool]",
    options: RunOptions | None,
    stop: StopSign | None,
    tell: Tell | None,
) -> SchemaState:
    """One run for each source that has something to do, ours first."""
    options = options or RunOptions.of(get_config().migrations)
    stop, tell = stop or StopSign(), tell or _ignore
    state, agreement = work.before, _Agreement(work, decide)
    for source in work.sources:
        if not is_wanted(work.revision, state, source=source):
            continue
        judged = partial(agreement, source=source)
        make = partial(_made, work, source, judged, options, stop)
        await run_in_thread(make, stop=stop, tell=tell, wait=options.wait)
        async with asked(work.target) as connection:
            state = await read_schema_state(connection, work.histories)
    return state


class _Agreement:
    """Decides for each source in turn; a plan is compared before the first that runs.

    After that the schema is another one, and so would be the plan.
    """

    def __init__(self, work: Work, decide: "Callable[..., bool]") -> None:
        self._work = work
        self._decide = decide
        self._compared = False

    def __call__(self, state: SchemaState, *found: object, source: Source) -> bool:
        if self._compared:
            return may_go_on(state, source=source, before=self._work.before)
        goes = self._decide(state, *found, source=source)
        self._compared = goes and self._work.plan is not None
        return goes


def _made(
    work: Work,
    source: Source,
    decide: "Decide",
    options: RunOptions,
    stop: StopSign,
    tell: Tell,
) -> "Runner":
    from app.backend.migrations.running.runner import Runner  # noqa: PLC0415 - 1 s

    config = alembic_config(source)
    goal = goal_in(scripts_of(config), work.revision)
    return Runner(
        config,
        work.target,
        goal or work.revision,
        decide=decide if goal else _nothing,
        options=options,
        stop=stop,
        tell=tell,
        histories=work.histories,
        way=Up(goal or work.revision, work.plan),
    )


def is_wanted(
    revision: str,
    state: SchemaState,
    *_found: object,
    source: Source = OURS,
) -> bool:
    """Whether there is something to do; without a plan, whatever the schema is."""
    own = state.of(source.name)
    reached = revision == EXPAND_HEAD and own.position is SchemaPosition.CURRENT
    return may_upgrade(own) and not reached


def _nothing(*_found: object) -> bool:
    """The destination is none of this source."""
    return False


def _ignore(_event: MigrationEvent) -> None:
    """Nobody wants to know."""
