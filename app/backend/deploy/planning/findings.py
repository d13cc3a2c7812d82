"""What was found when everything was looked at, and what follows from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.planning.at_work import AtWork
from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)
from app.backend.deploy.platforms.settings_file import SETTINGS_FILE
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import blame_of
from app.backend.deploy.report import summary_of
from app.backend.deploy.request import DeployRequest
from app.errors import JournalError

__all__ = [
    "AT_WORK",
    "NO_LEASE",
    "NO_PLAN",
    "NO_WAY_BACK",
    "SERVICE_DOWN",
    "Finding",
    "Severity",
    "Survey",
    "findings_of",
    "is_down",
    "run_of_tag",
    "under_way",
]

AT_WORK: Final = "at_work"
"""The code of the finding that somebody else holds the lease."""
NO_WAY_BACK: Final = "no_way_back"
"""The code of the finding that nothing could be returned to, or not for long enough."""
NO_LEASE: Final = "no_lease"
"""The code of the finding that nobody can be kept out, or nobody can deploy."""
SERVICE_DOWN: Final = "service_down"
"""The code of the finding that what users' requests go to, or went to, has crashed."""

NO_PLAN: Final = "no_migration_plan"
"""The code of the finding that a release's pre-deploy command would get no plan."""


class Severity(StrEnum):
    """What a finding does to the deploy: nothing, nothing, refuses it."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the reader should know before it begins.

    Attributes:
        code: its short, stable name, where others refer to it.
    """

    severity: Severity
    text: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found when everything was looked at.

    Attributes:
        deployments: of the platform, the newest first.
        commits: what the release has that the serving one has not.
        pending: expand revisions that the database lacks; None: not known.
        migrates_alone: the platform lets only the release itself migrate, by a plan
            that is made here.
        settings: how the commit would be run.
        settings_now: how the serving commit is run; None: not known.
        way_back: last known good, seen from the new commit.
        undone: what the serving release has that this one has not.
        changed_variables: names whose values differ from what serves was given, each
            with how; values are not among them.
        own_settings: whether the commit says how it is run.
        quarantined_by: the run that found this commit bad; None: none has.
        undecided: a run of this environment that has not ended.
        lease: who holds the environment's, or why that cannot be told; None: nobody.
        journal_trouble: why earlier runs are not known, or only in part.
    """

    platform: str
    url: str
    subject: str
    deployments: Sequence[Deployment]
    commits: Sequence[str]
    pending: Sequence[Revision] | None
    settings: ServiceSettings
    migrates_alone: bool = False
    settings_now: ServiceSettings | None = None
    way_back: Deployment | None = None
    undone: Sequence[str] = ()
    changed_variables: Sequence[str] = ()
    own_settings: bool = True
    quarantined_by: RunState | None = None
    undecided: str | None = None
    lease: AtWork | JournalError | None = None
    journal_trouble: str = ""


def run_of_tag(tag: str | None) -> str | None:
    """The run that a deployment's tag names; None without a tag."""
    return tag.partition("/")[0] if tag else None


def is_down(one: Deployment) -> bool:
    """Whether users' requests go to a release that has ended by itself."""
    return one.active and one.status is DeploymentStatus.CRASHED


def under_way(deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """Deployments that may come to serve by themselves."""
    return tuple(one for one in deployments if one.status in _UNDER_WAY)


_UNDER_WAY = frozenset(
    {
        DeploymentStatus.QUEUED,
        DeploymentStatus.WAITING,
        DeploymentStatus.NEEDS_APPROVAL,
        DeploymentStatus.INITIALIZING,
        DeploymentStatus.BUILDING,
        DeploymentStatus.DEPLOYING,
        DeploymentStatus.READY,
    }
)


def findings_of(
    request: DeployRequest, facts: Survey, serving: Deployment | None
) -> list[Finding]:
    """What the reader should know, and what has to be mended first."""
    found = [
        *_in_the_way(request, facts),
        *_of_the_schema(request, facts),
        *_of_the_commit(facts),
    ]
    if facts.journal_trouble:
        found.append(Finding(Severity.WARNING, facts.journal_trouble))
    found += _of_the_way_back(request, facts, serving)
    if serving is not None and serving.commit == request.commit:
        found.append(Finding(Severity.INFO, "this commit serves already"))
    return found


def _of_the_way_back(
    request: DeployRequest, facts: Survey, serving: Deployment | None
) -> list[Finding]:
    past = next((one for one in facts.deployments if one.succeeded), None)
    found = []
    if serving is None and past is None:
        text = "nothing serves yet, so there is no way back"
        return [Finding(Severity.INFO, text, code=NO_WAY_BACK)]
    down = past if serving is None else serving
    if down is not None and (serving is None or is_down(serving)):
        text = f"nothing serves well: {down.id}, which served last, is {down.status}"
        found.append(Finding(Severity.WARNING, text, code=SERVICE_DOWN))
    if facts.way_back is None and request.way_back is None:
        text = "there is no deployment that could be returned to"
        remedy = "if it turns bad, it can only be replaced"
        found.append(Finding(Severity.WARNING, text, remedy, NO_WAY_BACK))
    return found


def _in_the_way(request: DeployRequest, facts: Survey) -> list[Finding]:
    found = []
    if isinstance(facts.lease, JournalError):
        found.append(_no_lease(request, facts, facts.lease))
    if isinstance(facts.lease, AtWork):
        found.append(_busy(facts.lease, supersedes=request.supersede))
    elif facts.undecided and not request.supersede:
        found.append(
            Finding(
                Severity.ERROR,
                f"the run {facts.undecided} has not ended",
                "go on with it by `pm33 deploy resume`, or take over with --supersede",
            )
        )
    by = facts.quarantined_by
    if by is not None and not request.reason:
        because = f" because {why}" if (why := blame_of(by)) else ""
        found.append(
            Finding(
                Severity.ERROR,
                f"this commit was rolled back by {by.run}{because}",
                "deploy another one, or say with --reason why it is good now",
            )
        )
    found += [
        _unfinished(one, cancels=request.supersede)
        for one in under_way(facts.deployments)
        # What an unended run has left is that run's, and goes with it.
        if not (facts.undecided and run_of_tag(one.tag) == facts.undecided)
    ]
    return found


def _busy(found: AtWork, *, supersedes: bool) -> Finding:
    if supersedes:
        told = f"{found.text}; it is pushed out if it only watches"
        return Finding(Severity.WARNING, told, code=AT_WORK)
    return Finding(
        Severity.ERROR,
        found.text,
        "wait for it to end; --supersede takes over if it only watches",
        AT_WORK,
    )


def _no_lease(request: DeployRequest, facts: Survey, why: JournalError) -> Finding:
    """What taking it will come to; a first deploy goes on, having nothing to lose."""
    if request.unlocked or not any(one.succeeded for one in facts.deployments):
        told = f"it goes on without a lease, so that nobody else is kept out: {why}"
        return Finding(Severity.WARNING, told, why.remedy, NO_LEASE)
    told = f"there is no lease to be had: {why}"
    remedy = f"{why.remedy}; or go on alone with --unlocked"
    return Finding(Severity.ERROR, told, remedy, NO_LEASE)


def _of_the_commit(facts: Survey) -> list[Finding]:
    found = []
    count = len(facts.undone)
    commits = "1 commit" if count == 1 else f"{count} commits"
    if facts.undone and not facts.commits:
        told = f"it goes back {commits}: they serve now, and would serve no longer"
        found.append(Finding(Severity.WARNING, told))
    elif facts.undone:
        told = f"the release lacks {commits} that the serving release has"
        found.append(Finding(Severity.WARNING, told))
    if not facts.own_settings:
        told = f"no {SETTINGS_FILE}: defaults are used"
        found.append(
            Finding(Severity.WARNING, told, f"commit a {SETTINGS_FILE} to be sure")
        )
    return found


def _unfinished(one: Deployment, *, cancels: bool) -> Finding:
    text = f"{summary_of(one)} is under way, {one.status}"
    if cancels:
        return Finding(Severity.WARNING, f"{text}; it is cancelled")
    return Finding(
        Severity.ERROR,
        text,
        f"wait for it, or end it with `pm33 deployments cancel {one.id}`"
        " or --supersede",
    )


def _of_the_schema(request: DeployRequest, facts: Survey) -> list[Finding]:
    if facts.pending is None and facts.migrates_alone:
        return [_unplanned(refused=request.migrate)]
    if facts.pending is None:
        return [
            Finding(
                Severity.WARNING,
                "the database could not be asked which migrations are pending",
                "" if request.migrate else "run with --migrate if it brings any",
            )
        ]
    if facts.pending and not request.migrate:
        files = ", ".join(one.file for one in facts.pending)
        return [
            Finding(
                Severity.ERROR,
                f"the release needs migrations that are not applied: {files}",
                "look at them, then run with --migrate",
            )
        ]
    return []


def _unplanned(*, refused: bool) -> Finding:
    """Who cannot ask the database makes no plan, and a release without one refuses."""
    text = "the database could not be asked from here which migrations are pending"
    if refused:
        text += ", so that there can be no plan for the release to apply"
    return Finding(
        Severity.ERROR if refused else Severity.WARNING,
        text,
        "set DATABASE_PUBLIC_URL, if it has an address outside of the platform's"
        f" network{', or leave --migrate away' if refused else ''};"
        " PM33_MIGRATE_ON_DEPLOY=expand among the service's variables lets releases"
        " apply what they bring without a plan",
        NO_PLAN,
    )
