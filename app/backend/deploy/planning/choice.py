"""Which deployment a rollback returns to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.history import last_known_good, quarantined
from app.backend.deploy.records.run_state import RunState
from app.errors import NoWayBackError, TargetError

__all__ = ["Choice", "choose"]

_ABBREVIATION = 7


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
    named: str | None = None,
    may_rebuild: bool = False,
    desperate: bool = False,
) -> Choice:
    """Chooses what to return to.

    Args:
        deployments: the platform's, in any order.
        runs: what the journals know; empty when none can be read.
        leaving: the commit that is to serve no longer; None: nothing serves.
        named: a run of ours, the platform's id, or a commit; None: last known good.
        may_rebuild: deploy a commit anew that the platform cannot restore.
        desperate: what is quarantined is better than nothing.

    Raises:
        TargetError: what is named is nothing, or more than one thing.
        NoWayBackError: there is nothing, or nothing that could be restored.
    """
    if named is None:
        try:
            return _last_known_good(deployments, runs, leaving, may_rebuild=may_rebuild)
        except NoWayBackError:
            shunned = quarantined(runs)
            if not (desperate and shunned):
                raise
        choice = _last_known_good(deployments, (), leaving, may_rebuild=may_rebuild)
        by = shunned.get(choice.target.commit, "an earlier run")
        return replace(choice, why=f"though {by} has left it: nothing is known better")
    target = _named(deployments, runs, named)
    if target.active:
        raise NoWayBackError(
            f"{named} is what serves now",
            remedy="name an earlier one; `pm33 deployments` lists them",
        )
    if target.can_roll_back:
        return Choice(target, rebuild=False, why=f"named as {named}")
    if may_rebuild:
        return Choice(target, rebuild=True, why=f"named as {named}, built anew")
    raise NoWayBackError(
        f"the platform can no longer restore {target.id}",
        remedy="let its commit be built anew with --allow-rebuild",
    )


def _last_known_good(
    deployments: Sequence[Deployment],
    runs: Sequence[RunState],
    leaving: str | None,
    *,
    may_rebuild: bool,
) -> Choice:
    found = last_known_good(deployments, runs, current_commit=leaving)
    if found is not None:
        return Choice(found, rebuild=False, why="last known good")
    restorable = [replace(one, can_roll_back=True) for one in deployments]
    built = last_known_good(restorable, runs, current_commit=leaving)
    if built is None:
        raise NoWayBackError(
            "no earlier deployment has served that could be returned to",
            remedy="deploy a commit that is good with `pm33 deploy --commit`",
        )
    if not may_rebuild:
        raise NoWayBackError(
            f"the platform can no longer restore {built.id}, the last known good",
            remedy="let its commit be built anew with --allow-rebuild",
        )
    return Choice(built, rebuild=True, why="last known good, built anew")


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
        raise TargetError(
            f"{named} is no run, no deployment and no deployed commit",
            remedy="`pm33 deployments` lists them; a commit needs 7 digits",
        )
    if len({one.commit for one in matching}) > 1:
        raise TargetError(
            f"{named} is the beginning of several commits",
            remedy="give more digits of it",
        )
    # Of several deployments of one commit the newest good one; what serves counts
    # last, so that a commit's earlier deployment can be returned to.
    return min(matching, key=_rank)


def _rank(one: Deployment) -> tuple[bool, bool, bool, float]:
    good = one.succeeded, one.can_roll_back
    return one.active, not good[0], not good[1], -one.created_at.timestamp()
