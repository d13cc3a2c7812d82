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
from app.backend.migrations.sources import OURS, Source

if TYPE_CHECKING:
    from app.backend.migrations.running.runner import Decide, Runner

__all__ = ["Work", "is_wanted", "upgrade_sources"]


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and where it began.

    Attributes:
        planned: whether it has been agreed to, by its hash.
    """

    target: DatabaseTarget
    revision: str
    sources: Sequence[Source]
    before: SchemaState
    planned: bool

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
    state = work.before
    for source in work.sources:
        if not is_wanted(work.revision, state, source=source):
            continue
        judged = partial(decide, source=source)
        if work.planned and state is not work.before:
            judged = partial(may_go_on, source=source, before=work.before)
        make = partial(_made, work, source, judged, options, stop)
        await run_in_thread(make, stop=stop, tell=tell, wait=options.wait)
        async with asked(work.target) as connection:
            state = await read_schema_state(connection, work.histories)
    return state


def _made(
    work: Work,
    source: Source,
    decide: "Decide",
    options: RunOptions,
    stop: StopSign,
    tell: Tell,
) -> "Runner":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s

    from app.backend.migrations.running.runner import Runner  # noqa: PLC0415 - 1 s

    config = alembic_config(source)
    goal = goal_in(ScriptDirectory.from_config(config), work.revision)
    return Runner(
        config,
        work.target,
        goal or work.revision,
        decide=decide if goal else _nothing,
        options=options,
        stop=stop,
        tell=tell,
        histories=work.histories,
    )


def is_wanted(
    revision: str,
    state: SchemaState,
    _fingerprint: str = "",
    *,
    source: Source = OURS,
) -> bool:
    """Whether there is something to do; without a plan, whatever the schema is."""
    own = state.of(source.name)
    reached = revision == EXPAND_HEAD and own.position is SchemaPosition.CURRENT
    return may_upgrade(own) and not reached


def _nothing(_state: SchemaState, _fingerprint: str) -> bool:
    """The destination is none of this source."""
    return False


def _ignore(_event: MigrationEvent) -> None:
    """Nobody wants to know."""
