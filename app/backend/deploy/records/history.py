"""What can be returned to: last known good, and what is shunned. All of it is pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import way_back_of

__all__ = ["goes_back", "last_known_good", "left", "quarantined", "unproven"]

_GOOD = frozenset({Ending.DONE, Ending.RESTORED})
_BAD = frozenset({Ending.ROLLED_BACK, Ending.UNVERIFIED, Ending.STRANDED})
_LEFT = frozenset({Ending.RESTORED, Ending.UNVERIFIED})
_FAIL = "fail"
_EMERGENCY = "emergency"
_BACK = "/back"
"""In the tag of what a run returns to, also where its commit is built anew."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def last_known_good(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    *,
    current_commit: str | None,
    fallen: str | None = None,
) -> Deployment | None:
    """Where a rollback from ``current_commit`` leads; None: nowhere.

    A deployment can be returned to when it has served (``succeeded``), the platform
    can bring it back (``can_roll_back``), its commit is another one, had not fallen and
    is shunned by nobody, and, where the active deployment is of ``current_commit``, it
    was first deployed before that one. A deployment that repeats another is as old as
    that: a second rollback goes further back, never forward again.

    Shunned are commits that are :func:`quarantined`, those that were :func:`left`, and
    those that the platform's own list shows to have been left.

    Of the others it is the one that served last; one whose runs have all ended without
    a good end (see :func:`unproven`) only if there is no other.

    Args:
        deployments: the platform's, in any order.
        runs: what the journals know; empty when none can be read.
        current_commit: what is to be left; None: nothing is deployed.
        fallen: the commit of a release that was down when it was replaced.
    """
    by_id = {one.id: one for one in deployments}
    shunned = {*quarantined(runs), *left(runs), *_left_behind(deployments, by_id)}
    before = _horizon(by_id, current_commit)
    unwatched = unproven(runs)
    possible = (
        one
        for one in deployments
        if one.succeeded
        and one.can_roll_back
        and one.commit not in {current_commit, fallen}
        and one.commit not in shunned
        and (before is None or _born(one, by_id) < before)
    )
    return max(
        possible,
        key=lambda one: (one.commit not in unwatched, one.created_at),
        default=None,
    )


def quarantined(runs: Iterable[RunState]) -> Mapping[str, RunState]:
    """Commits that were found bad, each with the run that says so. Pure.

    A deploy that was watched and failed, was rolled back, or left the bad one serving
    quarantines its commit. A rollback quarantines the commit that it left, if it went
    back in time, unless a run has brought that commit to a good end, no watch has found
    it bad, and it was no emergency: then somebody has only changed their mind.

    A later deploy that brings the commit to a good end lifts it. A rollback looks for
    seconds only: it does not lift what a watch has imposed, unless another deployment
    of the same commit is what it left, since then it was not the commit's fault. Runs
    that have not ended say nothing.
    """
    shunned: dict[str, RunState] = {}
    proven: set[str] = set()
    for one in _in_order(runs):
        found = _condemned(one, proven)
        if one.outcome in _GOOD and _lifts(one, shunned.get(one.commit)):
            shunned.pop(one.commit, None)
            proven.add(one.commit)
        if found is not None:
            shunned[found] = one
            proven.discard(found)
    return shunned


def left(runs: Iterable[RunState]) -> Mapping[str, RunState]:
    """Commits that somebody rolled away from, each with that run. Pure.

    They are not returned to by themselves until one is deployed again and watched to
    a good end, or is named.
    """
    gone: dict[str, RunState] = {}
    for one in _in_order(runs):
        if one.outcome in _GOOD:
            gone.pop(one.commit, None)
        found = _left_by(one)
        if found is not None:
            gone[found] = one
    return gone


def unproven(runs: Iterable[RunState]) -> frozenset[str]:
    """Commits that runs speak of, and none has brought to a good end. Pure."""
    known = {one.commit for one in runs}
    proven = {one.commit for one in runs if one.ended and one.outcome in _GOOD}
    return frozenset(known - proven)


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
        return run.commit if _is_bad(run) else None
    gone = _left_by(run)
    changed_mind = gone in proven and not _is_bad(run) and run.reason != _EMERGENCY
    return None if changed_mind else gone


def _is_bad(run: RunState) -> bool:
    """Whether a watch has found bad what it deployed, or what it left."""
    if run.kind == "rollback":
        return run.request.get("verdict") == _FAIL
    if (
        run.outcome == Ending.ROLLED_BACK
        and way_back_of(run).get("commit") == run.commit
    ):
        # The commit serves as it did before: it was not at fault.
        return False
    return run.outcome in _BAD or run.verdict == _FAIL


def _lifts(run: RunState, against: RunState | None) -> bool:
    if run.kind != "rollback" or against is None:
        return True
    return run.previous_commit == run.commit or not _is_bad(against)


def _left_by(run: RunState) -> str | None:
    """The commit that a rollback went back from; None: it did not."""
    gone = run.previous_commit
    went = run.kind == "rollback" and run.outcome in _LEFT and run.backwards
    return gone if went and gone != run.commit else None


def _in_order(runs: Iterable[RunState]) -> list[RunState]:
    """Those that have ended, and say something of a commit; the oldest first."""
    return sorted((one for one in runs if one.ended and one.commit), key=_age)


def _born(one: Deployment, by_id: Mapping[str, Deployment]) -> datetime:
    """When what it repeats was first deployed; what is forgotten was long ago."""
    seen: set[str] = set()
    while one.id not in seen:
        seen.add(one.id)
        if one.rollback_of is not None:
            original = by_id.get(one.rollback_of)
        elif _returns(one):
            original = _built_before(one, by_id.values())
        else:
            break
        if original is None:
            return _LONG_AGO
        one = original
    return one.created_at


def _returns(one: Deployment) -> bool:
    """Whether a run went back to it."""
    return one.rollback_of is not None or _BACK in (one.tag or "")


def _built_before(
    again: Deployment, deployments: Iterable[Deployment]
) -> Deployment | None:
    """The deployment whose commit was built anew in order to return to it."""
    earlier = (
        one
        for one in deployments
        if one.commit == again.commit
        and one.succeeded
        and one.created_at < again.created_at
    )
    return max(earlier, key=lambda one: one.created_at, default=None)


def _horizon(
    by_id: Mapping[str, Deployment], current_commit: str | None
) -> datetime | None:
    return max(
        (
            _born(one, by_id)
            for one in by_id.values()
            if one.active and one.commit == current_commit
        ),
        default=None,
    )


def _left_behind(
    deployments: Iterable[Deployment], by_id: Mapping[str, Deployment]
) -> frozenset[str]:
    """Commits that were serving when somebody went back, and never came again."""
    gone: set[str] = set()
    serving: Deployment | None = None
    served = (one for one in deployments if one.succeeded)
    for one in sorted(served, key=lambda one: one.created_at):
        if (
            serving is not None
            and _returns(one)
            and _born(one, by_id) < _born(serving, by_id)
        ):
            gone.add(serving.commit)
        gone.discard(one.commit)
        serving = one
    return frozenset(gone)


def _age(run: RunState) -> tuple[int, float]:
    return run.epoch, run.started_at.timestamp() if run.started_at else 0.0
