"""The pipeline over the platform that only remembers, with a repository and a clock."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.backend.config.environment import read_config
from app.backend.database.lease import Guard, LeaseState
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.commits.schema import Revision, SchemaReader
from app.backend.deploy.leasing import Leases
from app.backend.deploy.pipeline import deploy
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.run_state import RunState, runs_of
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Milestone, Tools, opener_of_journals
from app.backend.deploy.watching.clock import Clock
from app.errors import JournalError, LeaseHeldError, LeaseLostError
from tests.support.memory_platform import MemoryPlatform
from tests.support.memory_prober import MemoryProber

__all__ = ["ENVIRONMENT", "Delivery", "KnownSchema", "OwnLeases", "QuickClock", "git"]

ENVIRONMENT = "development"


def git(folder: Path, *arguments: str) -> str:
    """Runs git there and returns what it says."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ("git", "-C", str(folder), *identity, *arguments),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


class QuickClock(Clock):
    """Time passes when somebody waits for it, and at once."""

    def __init__(self) -> None:
        self._now = 1000.0

    @override
    def time(self) -> float:
        return self._now

    @override
    async def sleep(self, seconds: float) -> None:
        self._now += seconds
        await asyncio.sleep(0)


class OwnLeases(Leases):
    """Leases of this process.

    Attributes:
        away: the state database is down.
        lapsed: seconds since the holder before lost it without letting go.
    """

    ttl = 1.0

    def __init__(self) -> None:
        self.away = False
        self.holder: str | None = None
        self.highest = 0
        self.taken: list[str] = []
        self.lapsed = float("inf")

    @override
    async def acquire(
        self, name: str, *, holder: str, reason: str, wait: float, above: int
    ) -> Guard:
        self._check()
        if self.holder is not None:
            raise LeaseHeldError(f"{name} is held by {self.holder}")
        self.highest = max(self.highest, above) + 1
        self.holder = holder
        self.taken.append(reason)
        return _OwnGuard(self, name, self.highest, lapsed=self.lapsed)

    @override
    async def held(self, name: str) -> LeaseState | None:
        self._check()
        if self.holder is None:
            return None
        return LeaseState(
            name=name,
            epoch=self.highest,
            holder=self.holder,
            reason=self.taken[-1] if self.taken else "",
            acquired_at=datetime.now(UTC),
            expires_at=datetime.now(UTC),
            free=False,
        )

    @override
    async def take_away(self, name: str, holder: str) -> None:
        self._check()
        assert self.holder == holder
        self.holder = None

    def _check(self) -> None:
        if self.away:
            raise JournalError("the state database is away", remedy="start it")


@dataclass(frozen=True, slots=True)
class _OwnGuard(Guard):
    leases: OwnLeases
    name: str
    epoch: int
    locked: bool = True
    left: float = float("inf")
    lapsed: float = float("inf")

    @override
    def check(self) -> None:
        if self.leases.holder is None or self.leases.highest != self.epoch:
            raise LeaseLostError(f"{self.name} is another's")

    @override
    def on_lost(self, tell: Callable[[LeaseLostError], None]) -> None:
        """It is found out at the next check."""

    @override
    async def release(self) -> None:
        if self.leases.highest == self.epoch:
            self.leases.holder = None


@dataclass
class KnownSchema(SchemaReader):
    """A schema whose state is told."""

    revisions: tuple[Revision, ...] | None = ()

    @override
    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        return self.revisions

    @override
    async def plan_hash(self) -> str:
        return "a-hash"


@dataclass
class Delivery:
    """Everything that a test of the pipeline needs, in one folder.

    Attributes:
        said: every line of progress.
        commits: by their names.
    """

    folder: Path
    switches_itself: bool = False
    runs_commands: bool = True
    said: list[str] = field(default_factory=list)
    commits: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.checkout.mkdir(exist_ok=True)
        git(self.checkout, "init", "--quiet", "--initial-branch=main")
        self.leases = OwnLeases()
        self.schema = KnownSchema()
        self.platform = MemoryPlatform(
            self.folder / "platform.json",
            switches_itself=self.switches_itself,
            runs_commands=self.runs_commands,
        )
        self.home = self.folder / "home"
        self.tools = self._tools()

    def _tools(self) -> Tools:
        config = read_config({"PM33_HOME": str(self.home)})
        clock = QuickClock()
        return Tools(
            config=config,
            environment=ENVIRONMENT,
            platform=self.platform,
            repository=Repository(self.checkout),
            journals=opener_of_journals(config, ENVIRONMENT),
            leases=self.leases,
            schema=self.schema,
            prober=partial(MemoryProber, self.platform, clock=clock),
            clock=clock,
            say=self.said.append,
        )

    def renew(self) -> None:
        """As a new process would have it: nothing asked to stop."""
        self.tools = self._tools()

    def at(self, milestone: Callable[[str, Milestone], Awaitable[None]]) -> Tools:
        """The tools with somebody waiting at the milestones."""
        return replace(self.tools, milestone=milestone)

    def commit(self, name: str, **behaviour: Any) -> str:
        """A new commit, and how it behaves."""
        git(self.checkout, "commit", "--quiet", "--allow-empty", "-m", name)
        commit = self.commits[name] = git(self.checkout, "rev-parse", "HEAD")
        self.platform.behave(commit, **behaviour)
        return commit

    def request(self, commit: str, **flags: Any) -> DeployRequest:
        """To deploy a commit, with short times."""
        given = {"bake": 60.0, "gate_hold": 2.0, "monitor_interval": 5.0} | flags
        return DeployRequest(
            environment=ENVIRONMENT, commit=commit, actor="test", **given
        )

    async def deploy(self, commit: str, **flags: Any) -> RunReport:
        """Deploys it, to whatever end."""
        return await deploy(self.request(commit, **flags), self.tools)

    async def good(self, name: str) -> str:
        """Deploys a good commit and asserts that it serves."""
        commit = self.commit(name)
        report = await self.deploy(commit)
        assert report.exit_code == 0, report.text()
        return commit

    async def runs(self) -> tuple[RunState, ...]:
        """What the journal knows, the newest first."""
        file = FileJournal(journal_path(self.home, ENVIRONMENT))
        return runs_of(await file.events())
