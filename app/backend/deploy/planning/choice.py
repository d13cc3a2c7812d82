"""Which deployment a rollback returns to. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.records.history import (
    last_known_good,
    left,
    quarantined,
    unproven,
)
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import blame_of, cause_of
from app.errors import NoWayBackError

__all__ = ["Choice", "choose", "is_restorable"]

_ABBREVIATION = 7
_SHORT = 12
_TAKEN_AWAY = {DeploymentStatus.REMOVING, DeploymentStatus.REMOVED}


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a rollback goes.

    Attributes:
        target: the deployment that is to serve again.
        rebuild: the platform cannot restore it; its commit is deployed anew.
        why: how it was chosen, for the reader.
    """

    target: Deployment
    rebuild: bool
    why: str


def choose(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    *,
    leaving: str | None,
    now: datetime,
    named: str | None = None,
    may_rebuild: bool = False,
    fallen: str | None = None,
) -> Choice:
    """Chooses what to return to.

    Args:
        deployments: the platform's, in any order.
        runs: what the journals know; empty when none can be read.
        leaving: the commit that is to serve no longer; None: nothing serves. What has
            served last and was not removed has crashed or ended then, and is left.
        now: by what it is said how long ago something was left.
        named: a run of ours, the platform's id, or a commit; None: last known good.
        may_rebuild: deploy a commit anew that the platform cannot restore.
        fallen: the commit of a release that was down when it was replaced.

    Raises:
        NoWayBackError: there is nothing, or nothing that could be restored; what is
            named is nothing, or more than one thing.
    """
    if leaving is None:
        leaving = _fallen(deployments)
    if named is None:
        return _last_known_good(
            deployments, runs, leaving, now, may_rebuild=may_rebuild, fallen=fallen
        )
    target = _named(deployments, runs, named)
    if target.active:
        raise NoWayBackError(
            f"{named} is what serves now",
            remedy="name an earlier one; `pm33 deployments` lists them",
        )
    if target.can_roll_back:
        return Choice(target, rebuild=False, why=f"named as {named}")
    if not target.succeeded:
        raise NoWayBackError(
            f"{target.id} never served: {_ended_how(target, runs)}",
            remedy="name one that has served; `pm33 deployments` lists them",
        )
    if not target.can_be_built:
        raise NoWayBackError(
            f"the platform can no longer restore {target.id}, which was made of no"
            " commit, so that it cannot be built anew either",
            remedy="deploy a commit that is good with `pm33 deploy --commit`",
        )
    if may_rebuild:
        return Choice(target, rebuild=True, why=f"named as {named}, built anew")
    raise NoWayBackError(
        f"the platform can no longer restore {target.id}",
        remedy="let its commit be built anew with --allow-rebuild",
    )


def is_restorable(choose: Callable[[], Choice]) -> bool:
    """Whether something is chosen that need not be built anew; older ones may be."""
    try:
        return not choose().rebuild
    except NoWayBackError:
        return False


def _last_known_good(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    leaving: str | None,
    now: datetime,
    *,
    may_rebuild: bool,
    fallen: str | None,
) -> Choice:
    known_good = partial(
        last_known_good, runs=runs, current_commit=leaving, fallen=fallen
    )
    found = known_good(deployments)
    if found is not None:
        return Choice(found, rebuild=False, why=_worth(found, runs))
    restorable = [replace(one, can_roll_back=one.can_be_built) for one in deployments]
    built = known_good(restorable)
    if built is None:
        raise _nowhere(deployments, runs, leaving, now)
    if not may_rebuild:
        raise NoWayBackError(
            f"the platform can no longer restore {built.id}, the {_worth(built, runs)}",
            remedy="let its commit be built anew with --allow-rebuild",
        )
    return Choice(built, rebuild=True, why=f"{_worth(built, runs)}, built anew")


def _fallen(deployments: Sequence[Deployment]) -> str | None:
    """The commit of what served last, if nothing but its own end has ended it."""
    served = [one for one in deployments if one.succeeded]
    last = max(served, key=_created, default=None)
    return None if last is None or last.status in _TAKEN_AWAY else last.commit


def _worth(target: Deployment, runs: Sequence[RunState]) -> str:
    if target.commit in unproven(runs):
        return "last that has served, though nobody has watched it"
    return "last known good"


def _nowhere(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    leaving: str | None,
    now: datetime,
) -> NoWayBackError:
    """Names what served last before, since somebody may mean that all the same."""
    served = sorted((one for one in deployments if one.succeeded), key=_created)
    gone = [
        (one, after.created_at)
        for one, after in pairwise(served)
        if one.commit not in {leaving, after.commit}
    ]
    if not gone:
        return NoWayBackError(
            "no earlier deployment has served that could be returned to",
            remedy="deploy a commit that is good with `pm33 deploy --commit`",
        )
    last, at = gone[-1]
    commit = last.commit[:_SHORT]
    by = quarantined(runs).get(last.commit) or left(runs).get(last.commit)
    why = (blame_of(by) if by else "") or "no reason is known"
    told = f", by {by.run}: {why}" if by else ""
    return NoWayBackError(
        f"there is nothing older to go back to; {commit} ({last.id}) was left"
        f" {_lasting(now - at)} ago{told}",
        remedy=f"name it with --target {commit if last.can_be_built else last.id}, or"
        " deploy a commit that is good",
    )


def _ended_how(target: Deployment, runs: Sequence[RunState]) -> str:
    by = next((one for one in runs if one.deployment == target.id), None)
    return target.reason or (cause_of(by) if by else "") or f"it is {target.status}"


def _lasting(time: timedelta) -> str:
    seconds = max(0.0, time.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _created(one: Deployment) -> datetime:
    return one.created_at


def _named(
    deployments: Sequence[Deployment], runs: Sequence[RunState], named: str
) -> Deployment:
    by_id = {one.id: one for one in deployments}
    if named in by_id:
        return by_id[named]
    of_run = next((run.deployment for run in runs if run.run == named), None)
    if of_run is not None and of_run in by_id:
        return by_id[of_run]
    tagged = [one for one in deployments if one.tag == named]
    if tagged:
        return tagged[0]
    return _by_commit(deployments, named)


def _by_commit(deployments: Sequence[Deployment], named: str) -> Deployment:
    matching = [one for one in deployments if one.commit.startswith(named.lower())]
    if len(named) < _ABBREVIATION or not matching:
        raise NoWayBackError(
            f"{named} is no run, no deployment and no deployed commit",
            remedy="`pm33 deployments` lists them; a commit needs 7 digits",
        )
    if len({one.commit for one in matching}) > 1:
        raise NoWayBackError(
            f"{named} is the beginning of several commits",
            remedy="give more digits of it",
        )
    # Of several deployments of one commit the newest good one; what serves counts
    # last, so that a commit's earlier deployment can be returned to.
    return min(matching, key=_rank)


def _rank(one: Deployment) -> tuple[bool, bool, bool, float]:
    good = one.succeeded, one.can_roll_back
    return one.active, not good[0], not good[1], -one.created_at.timestamp()
