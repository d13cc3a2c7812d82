"""What the pipeline works with, handed in as one object."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Protocol

from app.backend.config.environment import Config
from app.backend.database.lease import Guard
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.commits.schema import CommittedSchema, SchemaReader
from app.backend.deploy.interrupt import Interrupt
from app.backend.deploy.leasing import Leases, StateLeases, state_target
from app.backend.deploy.platforms.base import Platform
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.presence import is_deserted
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.journal_rows import RowsJournal
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.watching.baseline import Probing
from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.deploy.watching.control import Control, NoControl
from app.backend.deploy.watching.probes import ROUTES, Prober
from app.errors import ConfigError

__all__ = [
    "JournalOpener",
    "Milestone",
    "ProberMaker",
    "Tools",
    "opener_of_journals",
    "tools_of",
]

JournalOpener = Callable[[Guard | None], AbstractAsyncContextManager[Journals]]
"""Opens the environment's journals; with a guard, what is written is fenced by it."""


class Milestone(StrEnum):
    """The four edges of a step at which a run may die and be resumed."""

    BEFORE_INTENT = "before-intent"
    AFTER_INTENT = "after-intent"
    AFTER_CALL = "after-call"
    AFTER_OUTCOME = "after-outcome"


class ProberMaker(Protocol):
    """Makes what looks at one deployment."""

    def __call__(
        self, deployment: str, *, url: str | None, routes: bool = True
    ) -> Probing:
        """Looks at its replicas, and where users go unless ``url`` is None.

        Args:
            deployment: the platform's id.
            url: where users go.
            routes: ask the application's own routes as well as the health page.
        """
        ...


async def _pass(_step: str, _milestone: Milestone) -> None:
    """Nobody waits at a milestone, except tests."""


def _never() -> bool:
    """It may always come back."""
    return False


def _silent(_line: str) -> None:
    """Nobody listens."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything that touches the outside world; made inside the event loop.

    Attributes:
        journals: opens them; None: to read.
        schema: tells which migrations a commit brings.
        prober: makes what looks at a deployment.
        control: looks at shared components from here.
        say: takes one line of progress; the command line writes it to stderr.
        milestone: awaited at each edge of each step; tests stop the process there.
        deserted: whether it is certain that nobody will bring a platform back that
            does not answer; it is not asked again then.
    """

    config: Config
    environment: str
    platform: Platform
    repository: Repository
    journals: JournalOpener
    leases: Leases
    schema: SchemaReader
    prober: ProberMaker
    control: Control = field(default_factory=NoControl)
    clock: Clock = field(default_factory=SystemClock)
    now: Callable[[], datetime] = _now
    say: Callable[[str], None] = _silent
    milestone: Callable[[str, Milestone], Awaitable[None]] = _pass
    interrupt: Interrupt = field(default_factory=Interrupt)
    deserted: Callable[[], bool] = _never


def tools_of(
    config: Config,
    environment: str,
    platform: Platform,
    repository: Repository,
    *,
    say: Callable[[str], None] = _silent,
) -> Tools:
    """The tools as the command line and the service use them."""
    # What is counted by the hour is looked at by few requests.
    railway = platform.watched if isinstance(platform, RailwayPlatform) else None

    def prober(deployment: str, *, url: str | None, routes: bool = True) -> Probing:
        return Prober(
            railway or platform,
            deployment,
            url=url,
            paths=(config.deployment.probe_paths or ROUTES) if routes else (),
            token=config.security.admin_token,
            reach=railway.reach if railway else None,
        )

    return Tools(
        config=config,
        environment=environment,
        platform=platform,
        repository=repository,
        journals=opener_of_journals(config, environment),
        leases=StateLeases(config),
        schema=CommittedSchema(config, repository),
        prober=prober,
        say=say,
        deserted=partial(is_deserted, config.home)
        if isinstance(platform, LocalPlatform)
        else _never,
    )


def opener_of_journals(config: Config, environment: str) -> JournalOpener:
    """Opens the file of this home, and the rows where there is a state database."""

    @asynccontextmanager
    async def opened(guard: Guard | None) -> AsyncIterator[Journals]:
        file = FileJournal(journal_path(config.home, environment))
        try:
            target = state_target(config)
        except ConfigError:  # the lease has said so already
            target = None
        rows = RowsJournal(target, environment, guard) if target else None
        try:
            yield Journals(file, rows)
        finally:
            if rows is not None:
                await rows.close()

    return opened
