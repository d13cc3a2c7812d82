"""What has been deployed: the platform's word, and beside it what the journals know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.backend.config.environment import Config
from app.backend.deploy.leasing import state_target
from app.backend.deploy.platforms.base import Deployment, Platform
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.journal_rows import RowsJournal
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.errors import ConfigError, DeploymentNotFoundError, OpsError, PlatformError

__all__ = ["Entry", "Overview", "look", "run_to_dict"]

_SHORTEST_COMMIT = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """A deployment and the run that made it; one of the two may be unknown."""

    deployment: Deployment | None
    run: RunState | None

    @property
    def is_way_back(self) -> bool:
        """Whether the run has failed, and this is what it has returned to."""
        if self.deployment is None or self.run is None:
            return False
        return self.deployment.commit != self.run.commit

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "deployment": self.deployment.to_dict() if self.deployment else None,
            "run": run_to_dict(self.run) if self.run else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One environment.

    Attributes:
        deployments: of the platform, the newest first.
        runs: of the journals, the newest first.
        trouble: why the platform could not be asked; None: it could.
        notes: what is missing here, and why.
    """

    environment: str
    deployments: tuple[Deployment, ...]
    runs: tuple[RunState, ...]
    trouble: OpsError | None = None
    notes: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Each deployment with its run, then runs whose deployment is not known."""
        makers = {
            one.id: [run for run in self.runs if _has_made(run, one)]
            for one in self.deployments
        }
        known = [
            Entry(one, next(iter(makers[one.id]), None)) for one in self.deployments
        ]
        told = {run.run for made in makers.values() for run in made}
        others = (run for run in self.runs if run.run not in told)
        return (*known, *(Entry(None, run) for run in others))

    def find(self, name: str) -> Entry:
        """A run, a deployment, or the newest deployment of a commit.

        Raises:
            DeploymentNotFoundError: there is none of that name.
        """
        named = [
            entry
            for entry in self.entries
            if name
            in {entry.deployment and entry.deployment.id, entry.run and entry.run.run}
        ]
        if named:
            return min(named, key=lambda entry: entry.is_way_back)
        for entry in self.entries if len(name) >= _SHORTEST_COMMIT else ():
            commit = (entry.deployment or entry.run or _NONE).commit
            if commit.startswith(name.lower()):
                return entry
        raise DeploymentNotFoundError(
            f"{self.environment} knows no run, deployment or commit {name}",
            remedy="`pm33 deployments list` shows what there is",
        )

    def noting(self, error: OpsError) -> "Overview":
        """The same, with the reason for which no platform was asked."""
        note = f"{error}; {error.remedy}"
        return replace(self, trouble=error, notes=(note, *self.notes))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "environment": self.environment,
            "entries": [entry.to_dict() for entry in self.entries],
            "notes": list(self.notes),
        }


_NONE = RunState()


async def look(
    config: Config, environment: str, platform: Platform | None, *, limit: int = 20
) -> Overview:
    """Asks the platform and both journals; what cannot be asked becomes a note.

    Args:
        config: where the journals are.
        environment: whose deployments.
        platform: None: it cannot be spoken to from here.
        limit: of deployments, and of runs.

    Raises:
        JournalError: the journal's file cannot be read.
    """
    deployments, trouble = await _ask(platform, limit)
    runs, note = await _read(config, environment, limit)
    notes = [f"{trouble}; {trouble.remedy}"] if trouble else []
    return Overview(
        environment=environment,
        deployments=tuple(deployments),
        runs=runs,
        trouble=trouble,
        notes=(*notes, *note),
    )


async def _ask(
    platform: Platform | None, limit: int
) -> tuple[Sequence[Deployment], OpsError | None]:
    if platform is None:
        return (), None
    try:
        return await platform.deployments(limit), None
    except PlatformError as error:
        return (), error


async def _read(
    config: Config, environment: str, limit: int
) -> tuple[tuple[RunState, ...], Iterable[str]]:
    file = FileJournal(journal_path(config.home, environment))
    try:
        target = state_target(config)
    except ConfigError as error:
        return await Journals(file).runs(limit), [f"{error}; {error.remedy}"]
    if target is None:
        return await Journals(file).runs(limit), []
    rows = RowsJournal(target, environment)
    try:
        journals = Journals(file, rows)
        runs = await journals.runs(limit)
    finally:
        await rows.close()
    return runs, [str(journals.degraded)] if journals.degraded else []


def run_to_dict(run: RunState) -> dict[str, Any]:
    """A run as it is shown; JSON-ready."""
    return {
        "run": run.run,
        "kind": run.kind,
        "environment": run.environment,
        "platform": run.platform,
        "commit": run.commit,
        "previous_commit": run.previous_commit,
        "deployment": run.deployment,
        "actor": run.actor,
        "reason": run.reason,
        "epoch": run.epoch,
        "ended": run.ended,
        "outcome": run.outcome,
        "verdict": run.verdict,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "steps": [
            {"name": step.name, "status": step.status, "attempt": step.attempt}
            for step in run.steps.values()
        ],
    }


def _has_made(run: RunState, one: Deployment) -> bool:
    """Its release, or what it has returned to: a platform may know only the tag."""
    return one.id == run.deployment or (one.tag or "").partition("/")[0] == run.run
