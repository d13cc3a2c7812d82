"""What can be returned to: last known good, and what is shunned. All of it is pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState

__all__ = ["goes_back", "last_known_good", "quarantined"]

_GOOD = frozenset({Ending.DONE, Ending.RESTORED})
_BAD = frozenset({Ending.ROLLED_BACK, Ending.UNVERIFIED, Ending.STRANDED})
_LEFT = frozenset({Ending.RESTORED, Ending.UNVERIFIED})
_FAIL = "fail"


def last_known_good(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    *,
    current_commit: str | None,
) -> Deployment | None:
    """Where a rollback from ``current_commit`` leads; None: nowhere.

    A deployment can be returned to when it has served (``succeeded``), the platform
    can bring it back (``can_roll_back``), its commit is another one, that commit is
    not quarantined, and, where the active deployment is of ``current_commit``, it is
    older than that one. Of these, in this order, the newest one

    1. that a run has watched to a good end, or that no run speaks of: then the
       platform's word is all there is, and it has served;
    2. whose runs have all ended without a good end (unbaked, paused, interrupted, or
       not ended): they do not move last known good while there is one of the first;
    3. that an earlier rollback has left, as the platform's own list tells
       (``rollback_of``): the last resort of somebody without a journal.

    Args:
        deployments: the platform's, in any order.
        runs: what the journals know; empty when none can be read.
        current_commit: what is to be left; None: nothing is deployed.
    """
    shunned = quarantined(runs)
    before = _horizon(deployments, current_commit)
    unproven = _unproven(runs)
    left = _left_behind(deployments)

    def worth(one: Deployment) -> tuple[int, float]:
        rank = 2 if one.commit in left else 1 if one.commit in unproven else 0
        return rank, -one.created_at.timestamp()

    possible = (
        one
        for one in deployments
        if one.succeeded
        and one.can_roll_back
        and one.commit != current_commit
        and one.commit not in shunned
        and (before is None or one.created_at < before)
    )
    return min(possible, key=worth, default=None)


def quarantined(runs: Iterable[RunState]) -> Mapping[str, str]:
    """Commits that a run found bad or left, each with that run's id. Pure.

    A deploy that was watched and failed, was rolled back, or left the bad one serving
    quarantines its commit. A rollback quarantines the commit that it left, if it went
    back in time, unless a run has brought that commit to a good end and no watch has
    found it bad: then somebody has only changed their mind. A later run that brings
    the commit to a good end lifts it. Runs that have not ended say nothing.
    """
    shunned: dict[str, str] = {}
    proven: set[str] = set()
    for one in sorted((one for one in runs if one.ended), key=_age):
        found = _condemned(one, proven)
        if one.outcome in _GOOD:
            shunned.pop(one.commit, None)
            proven.add(one.commit)
        if found is not None:
            shunned[found] = one.run
            proven.discard(found)
    return shunned


def goes_back(
    target: Deployment, leaving: Deployment, deployments: Iterable[Deployment]
) -> bool:
    """Whether a target is older than what is left. Pure.

    A deployment that repeats another one is as old as that one.
    """
    by_id = {one.id: one for one in deployments}
    return _born(target, by_id) <= _born(leaving, by_id)


def _condemned(run: RunState, proven: Container[str]) -> str | None:
    """The commit that a run speaks against; None: it does not."""
    if run.kind != "rollback":
        bad = run.outcome in _BAD or run.verdict == _FAIL
        return run.commit if bad else None
    left = run.previous_commit
    if run.outcome not in _LEFT or not run.backwards or left in {None, run.commit}:
        return None
    changed_mind = left in proven and run.request.get("verdict") != _FAIL
    return None if changed_mind else left


def _born(one: Deployment, by_id: Mapping[str, Deployment]) -> datetime:
    seen: set[str] = set()
    while one.id not in seen:
        seen.add(one.id)
        one = by_id.get(one.rollback_of or one.id, one)
    return one.created_at


def _unproven(runs: Iterable[RunState]) -> frozenset[str]:
    known = {one.commit for one in runs}
    proven = {one.commit for one in runs if one.ended and one.outcome in _GOOD}
    return frozenset(known - proven)


def _horizon(
    deployments: Iterable[Deployment], current_commit: str | None
) -> datetime | None:
    return max(
        (
            one.created_at
            for one in deployments
            if one.active and one.commit == current_commit
        ),
        default=None,
    )


def _left_behind(deployments: Iterable[Deployment]) -> frozenset[str]:
    """Commits that were serving when somebody rolled back, and never came again."""
    left: set[str] = set()
    serving: str | None = None
    served = (one for one in deployments if one.succeeded)
    for one in sorted(served, key=lambda one: one.created_at):
        if one.rollback_of and serving is not None:
            left.add(serving)
        left.discard(one.commit)
        serving = one.commit
    return frozenset(left)


def _age(run: RunState) -> tuple[int, float]:
    return run.epoch, run.started_at.timestamp() if run.started_at else 0.0
