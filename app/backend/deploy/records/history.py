"""What can be returned to: last known good, and what is shunned. All of it is pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.run_state import RunState

__all__ = ["last_known_good", "quarantined"]

# The words of app.backend.deploy.report.Ending that say what a release is worth.
_GOOD = frozenset({"done", "restored"})
_BAD = frozenset({"rolled_back", "unverified", "stranded"})
_LEFT = frozenset({"restored", "unverified"})


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

    A deploy or a monitor that ended with its release rolled back, or with the bad one
    still serving, quarantines its commit; a rollback quarantines the commit that it
    left. A later run that brings the commit to a good end lifts that. Runs that have
    not ended say nothing.
    """
    shunned: dict[str, str] = {}
    for one in sorted(runs, key=_age):
        if not one.ended:
            continue
        if one.outcome in _GOOD:
            shunned.pop(one.commit, None)
        if one.kind != "rollback" and one.outcome in _BAD:
            shunned[one.commit] = one.run
        left = one.previous_commit
        if one.kind == "rollback" and one.outcome in _LEFT and left != one.commit:
            shunned |= {left: one.run} if left else {}
    return shunned


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
