"""What has been deployed: the platform's word, and beside it what the journals know."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.backend.config.environment import Config
from app.backend.deploy.leasing import state_target
from app.backend.deploy.platforms.base import Deployment, Platform
from app.backend.deploy.records.account import (
    meaning_of,
    run_to_dict,
    story_to_dict,
)
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.journal import RUNS
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.journal_rows import RowsJournal
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import cause_of, evidence_of, log_of
from app.backend.deploy.report import RunReport
from app.errors import ConfigError, DeploymentNotFoundError, OpsError, PlatformError

__all__ = ["Entry", "Overview", "look"]

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
        limit: how many entries are listed; None: all. None of them is unfindable.
        trouble: why the platform could not be asked; None: it could.
        notes: what is missing here, and why.
    """

    environment: str
    deployments: tuple[Deployment, ...]
    runs: tuple[RunState, ...]
    limit: int | None = None
    trouble: OpsError | None = None
    notes: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Deployments with their runs, and runs without one; the newest first."""
        return self._all[: self.limit]

    @property
    def serves(self) -> Deployment | None:
        """What users' requests go to; None: nothing, or that is not known."""
        return next((one for one in self.deployments if one.active), None)

    @property
    def _all(self) -> tuple[Entry, ...]:
        makers = {
            one.id: [run for run in self.runs if _has_made(run, one)]
            for one in self.deployments
        }
        known = [
            Entry(one, next(iter(makers[one.id]), None)) for one in self.deployments
        ]
        told = {run.run for made in makers.values() for run in made}
        others = (run for run in self.runs if run.run not in told)
        found = (*known, *(Entry(None, run) for run in others))
        return tuple(sorted(found, key=_began, reverse=True))

    def find(self, name: str) -> Entry:
        """A run, a deployment, or the newest deployment of a commit.

        Raises:
            DeploymentNotFoundError: there is none of that name.
        """
        named = [
            entry
            for entry in self._all
            if name
            in {entry.deployment and entry.deployment.id, entry.run and entry.run.run}
        ]
        if named:
            return min(named, key=lambda entry: entry.is_way_back)
        for entry in self._all if len(name) >= _SHORTEST_COMMIT else ():
            commit = (entry.deployment or entry.run or _NONE).commit
            if commit.startswith(name.lower()):
                return entry
        raise DeploymentNotFoundError(
            f"{self.environment} knows no run, deployment or commit {name}",
            remedy="`pm33 deployments list` shows what there is",
        )

    def story(self, name: str) -> dict[str, Any]:
        """Everything that is known of what is named, and what serves; JSON-ready.

        Raises:
            DeploymentNotFoundError: there is none of that name.
        """
        entry = self.find(name)
        body = entry.to_dict()
        if entry.run is not None:
            body["run"] |= story_to_dict(entry.run, self.runs)
        return {**body, "serves": self.serves.to_dict() if self.serves else None}

    def report(self, run: RunState) -> str:
        """What its own report told, as far as it is kept, and what serves now."""
        report = RunReport(
            kind=run.kind,
            run=run.run,
            environment=run.environment,
            platform=run.platform,
            ending=Ending.UNKNOWN,
            commit=run.commit,
            serves=self.serves,
            serves_known=bool(self.deployments),
            cause=cause_of(run),
            evidence=evidence_of(run),
            log=log_of(run),
        )
        # It may not have ended at all, which a report has no word for.
        _, *lines = report.text().splitlines()
        return "\n".join([f"{run.run}: {meaning_of(run)}", *lines])

    def noting(self, error: OpsError) -> "Overview":
        """The same, with the reason for which no platform was asked."""
        return replace(self, trouble=error, notes=(_note(error), *self.notes))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "environment": self.environment,
            "entries": [entry.to_dict() for entry in self.entries],
            "notes": list(self.notes),
        }


def _note(error: OpsError) -> str:
    return "; ".join(filter(None, (str(error), error.remedy)))


_NONE = RunState()
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


async def look(
    config: Config,
    environment: str,
    platform: Platform | None,
    *,
    limit: int = 20,
    named: str | None = None,
) -> Overview:
    """Asks the platform and both journals; what cannot be asked becomes a note.

    Args:
        config: where the journals are.
        environment: whose deployments.
        platform: None: it cannot be spoken to from here.
        limit: of entries. Runs that made a listed deployment are looked for however
            old they are.
        named: a run or a deployment that is looked for however old it is.

    Raises:
        JournalError: the journal's file cannot be read.
    """
    deployments, trouble = await _ask(platform, limit, named)
    names = {named, *map(_maker, deployments)} - {None}
    runs, note = await _read(config, environment, limit, names)
    notes = [_note(trouble)] if trouble else []
    return Overview(
        environment=environment,
        deployments=tuple(deployments),
        runs=runs,
        limit=limit,
        trouble=trouble,
        notes=(*notes, *note),
    )


async def _ask(
    platform: Platform | None, limit: int, named: str | None
) -> tuple[Sequence[Deployment], OpsError | None]:
    if platform is None:
        return (), None
    try:
        found = await platform.deployments(limit)
    except PlatformError as error:
        return (), error
    if named is not None and all(one.id != named for one in found):
        # It may as well be the name of a run, or of nothing at all.
        with suppress(PlatformError):
            found = (*found, await platform.deployment(named))
    return found, None


async def _read(
    config: Config, environment: str, limit: int, named: AbstractSet[str | None]
) -> tuple[tuple[RunState, ...], Iterable[str]]:
    file = FileJournal(journal_path(config.home, environment))
    try:
        target = state_target(config)
    except ConfigError as error:
        runs, notes = await _runs(Journals(file), limit, named)
        return runs, [f"{error}; {error.remedy}", *notes]
    if target is None:
        return await _runs(Journals(file), limit, named)
    rows = RowsJournal(target, environment)
    try:
        return await _runs(Journals(file, rows), limit, named)
    finally:
        await rows.close()


async def _runs(
    journals: Journals, limit: int, named: AbstractSet[str | None]
) -> tuple[tuple[RunState, ...], Iterable[str]]:
    """The newest ones, those that are named, and what could not be read."""
    runs = await journals.runs(max(limit, RUNS))
    for name in named - {one.run for one in runs}:
        older = await journals.state(name) if name else None
        runs = (*runs, older) if older else runs
    notes = [str(journals.degraded)] if journals.degraded else []
    if journals.damaged:
        lines = ", ".join(map(str, journals.damaged))
        notes.append(f"lines of the journal's file that cannot be read: {lines}")
    return runs, notes


def _maker(one: Deployment) -> str | None:
    return (one.tag or "").partition("/")[0] or None


def _began(entry: Entry) -> datetime:
    if entry.deployment is not None:
        return entry.deployment.created_at
    return (entry.run or _NONE).started_at or _LONG_AGO


def _has_made(run: RunState, one: Deployment) -> bool:
    """Its release, or what it has returned to: a platform may know only the tag."""
    return one.id == run.deployment or _maker(one) == run.run
