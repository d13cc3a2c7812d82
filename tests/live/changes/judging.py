"""What the facts marked [?] are, by what was seen. Pure; tells no value.

Each fact has the name of its switch in the simulator's ``Unknowns``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from app.backend.deploy.platforms.railway.deployments import moment
from app.backend.deploy.platforms.railway.keys import Values, same
from app.backend.deploy.platforms.railway.manifest import values_of
from app.backend.deploy.platforms.railway.tokens import TokenKind
from tests.live.changes.evidence import FIRST, SECOND, Answer, Evidence
from tests.live.changes.overlapping import active_can, both_active, overlap_of_new

__all__ = ["FACTS", "Fact", "judged"]

_PRE_DEPLOY: Final = "PRE_DEPLOY_COMMAND"
_HEALTH: Final = "HEALTHCHECK"


@dataclass(frozen=True, slots=True)
class Fact:
    """One of them.

    Attributes:
        fact: its name.
        holds: whether it is so; None: that is not settled.
        seen: by which observation, or why it is not.
    """

    fact: str
    holds: bool | None
    seen: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


Judged = tuple[bool | None, str]


def judged(evidence: Evidence) -> tuple[Fact, ...]:
    """All of them, in a fixed order."""
    return tuple(_judged(name, judge, evidence) for name, judge in FACTS.items())


def _judged(name: str, judge: Callable[[Evidence], Judged], all_: Evidence) -> Fact:
    try:
        return Fact(name, *judge(all_))
    except _NotReachedError as error:
        why = f"{error} ({all_.stopped})" if all_.stopped else str(error)
        return Fact(name, None, why)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Fact(name, None, f"not as the schema has it ({type(error).__name__})")


class _NotReachedError(Exception):
    """What a fact is judged by did not come about."""


def _there(deployment: str | None, what: str) -> str:
    if deployment is None:
        raise _NotReachedError(f"there was no {what}")
    return deployment


def _succeeded(evidence: Evidence, deployment: str | None, what: str) -> str:
    found = _there(deployment, what)
    if "SUCCESS" not in evidence.statuses(found):
        raise _NotReachedError(f"the {what} ended {evidence.status(found) or 'unseen'}")
    return found


# The rollback.


def _rewrites(evidence: Evidence) -> Judged:
    _no_rollback_if_refused(evidence)
    back = _there(evidence.back, "rollback")
    if evidence.marker == FIRST:
        return True, "the stored marker was the target's again"
    _succeeded(evidence, back, "rollback")
    if evidence.marker == SECOND:
        return False, "the stored marker stayed as it had been set last"
    return None, "the stored marker was neither the target's nor the last one"


def _runs(step: str, what: str) -> Callable[[Evidence], Judged]:
    def judge(evidence: Evidence) -> Judged:
        _no_rollback_if_refused(evidence)
        back = _succeeded(evidence, evidence.back, "rollback")
        first = _there(evidence.first, "first deployment")
        if first not in evidence.events or back not in evidence.events:
            return None, "deploymentEvents cannot be read"
        if step not in _steps(evidence, first):
            return None, f"its target had no {what}, or does not tell of it"
        if step in _steps(evidence, back):
            return True, f"deploymentEvents of the rollback has {step}"
        return False, f"deploymentEvents has {step} for the target alone"

    return judge


def _no_rollback_if_refused(evidence: Evidence) -> None:
    answer = evidence.rollback
    if answer is not None and not answer.taken:
        raise _NotReachedError(f"there was no rollback: {answer.words}")


def _steps(evidence: Evidence, deployment: str) -> set[str]:
    return {
        str(event["step"])
        for event in evidence.events[deployment]
        if not (event.get("payload") or {}).get("skipped")
    }


def _while_building(evidence: Evidence) -> Judged:
    _there(evidence.first, "first deployment")
    for one in (evidence.second, evidence.first):
        began = _began(evidence, one)
        deploying = _deploying_since(evidence, one)
        if began is None or deploying is None:
            continue
        if began < deploying:
            return True, f"{_PRE_DEPLOY} began before the status was DEPLOYING"
        return False, f"{_PRE_DEPLOY} began once the status was DEPLOYING"
    return None, "no pre-deploy command was seen beside the status DEPLOYING"


def _began(evidence: Evidence, deployment: str | None) -> datetime | None:
    events = evidence.events.get(deployment or "", ())
    times = [moment(one["createdAt"]) for one in events if one["step"] == _PRE_DEPLOY]
    return min(times, default=None)


def _deploying_since(evidence: Evidence, deployment: str | None) -> datetime | None:
    times = [
        moment(look.nodes[deployment]["statusUpdatedAt"])
        for look in evidence.looks
        if deployment is not None
        and look.status(deployment) == "DEPLOYING"
        and look.nodes[deployment].get("statusUpdatedAt")
    ]
    return min(times, default=None)


def _reads_file(evidence: Evidence) -> Judged:
    if evidence.file is None:
        return None, evidence.file_unknown or "what the commit's file says is not known"
    _there(evidence.first, "first deployment")
    told = {
        (name, holds)
        for one in evidence.stored
        for name, holds in _by_manifest(evidence, one, evidence.file)
    }
    names = ", ".join(sorted({name for name, _ in told}))
    found = {holds for _, holds in told}
    if len(found) == 1:
        whose = "the file's" if found == {True} else "what was stored"
        return found.pop(), f"meta.serviceManifest had {whose}: {names}"
    if found:
        return None, f"the file holds in part: {names}"
    return None, "the commit's file says nothing that was stored otherwise"


def _by_manifest(
    evidence: Evidence, deployment: str, file: Values
) -> Iterator[tuple[str, bool]]:
    """Names of which file and store differ, and whether the file's was used."""
    ran, stored = values_of(evidence.meta(deployment)), evidence.stored[deployment]
    if ran is None:
        return
    for name, wanted in file.items():
        if not same(name, wanted, stored[name]):
            if same(name, wanted, ran[name]):
                yield name, True
            elif same(name, stored[name], ran[name]):
                yield name, False


def _snapshot(evidence: Evidence) -> Judged:
    _succeeded(evidence, evidence.first, "first deployment")
    if evidence.snapshot is None:
        raise _NotReachedError("it was not tried")
    return evidence.snapshot.taken, f"deploymentSnapshot: {evidence.snapshot.words}"


def _delete_deploys(evidence: Evidence) -> Judged:
    if evidence.deleted is None:
        raise _NotReachedError("no variable was deleted")
    if evidence.deleted:
        return True, "a deployment came when the marker was deleted"
    return False, "no deployment came when the marker was deleted"


# What a project's token may.


def _may(which: Callable[[Evidence], Answer | None]) -> Callable[[Evidence], Judged]:
    def judge(evidence: Evidence) -> Judged:
        if evidence.kind is not TokenKind.PROJECT:
            return None, f"the token is of the kind {evidence.kind}"
        answer = which(evidence)
        if answer is None:
            raise _NotReachedError("it was not tried")
        return answer.taken, answer.words

    return judge


def _not_tried(why: str) -> Callable[[Evidence], Judged]:
    return lambda _evidence: (None, f"not tried: {why}")


FACTS: Final[Mapping[str, Callable[[Evidence], Judged]]] = {
    "rollback_rewrites_variables": _rewrites,
    "rollback_runs_pre_deploy": _runs(_PRE_DEPLOY, "pre-deploy command"),
    "rollback_waits_for_health": _runs(_HEALTH, "health check"),
    "active_can_roll_back": active_can,
    "project_token_may_roll_back": _may(lambda evidence: evidence.rollback),
    "project_token_may_switch_autodeploy": _may(lambda evidence: evidence.autodeploy),
    "project_token_may_set_alerts": _may(lambda evidence: evidence.rule),
    "pre_deploy_while_building": _while_building,
    "overlap_of_the_new": overlap_of_new,
    "two_active_in_overlap": both_active,
    "crashed_by_one_replica": _not_tried("one replica of several would have to crash"),
    "snapshot_readable": _snapshot,
    "reads_railway_toml": _reads_file,
    "variable_delete_deploys": _delete_deploys,
    "image_source_deploys": _not_tried(
        "the service would lose its repository, which cannot be put back for sure"
    ),
}
"""Each with who judges it."""
