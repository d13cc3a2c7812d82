"""What the platform that only remembers keeps in its file, and how that changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.errors import DeploymentNotFoundError

__all__ = [
    "BEGIN",
    "EMPTY",
    "Behaviour",
    "behaviour_of",
    "create",
    "found",
    "listed",
    "move",
    "serve",
]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a commit does.

    Attributes:
        starts: it becomes ready.
        well: it is well before users' requests go there.
        good: it is well when they do.
        shared: what it depends on is down once users' requests go there.
        restores: it comes back when it is rolled back to.
        migrates: the exit code of its migration.
        ill_with: a variable's value with which it is never well.
        bad_with: a variable's value with which it is well until users come.
    """

    starts: bool = True
    well: bool = True
    good: bool = True
    shared: bool = False
    restores: bool = True
    migrates: int = 0
    ill_with: str = ""
    bad_with: str = ""


EMPTY: dict[str, Any] = {
    "epoch": 0,
    "deployments": {},
    "variables": {},
    "snapshots": {},
    "calls": [],
    "behaviours": {},
    "faults": {},
    "refusals": [],
    "deaf": 0,
    "away": False,
    "concerns": [],
    "autodeploy": None,
    "shielded": False,
}


def listed(state: Mapping[str, Any]) -> list[Deployment]:
    return [Deployment.from_dict(one) for one in state["deployments"].values()]


def found(state: Mapping[str, Any], deployment: str) -> Deployment:
    try:
        return Deployment.from_dict(state["deployments"][deployment])
    except KeyError:
        raise DeploymentNotFoundError(f"there is no {deployment}") from None


def behaviour_of(state: Mapping[str, Any], commit: str) -> Behaviour:
    return Behaviour(**state["behaviours"].get(commit, {}))


def create(
    state: dict[str, Any],
    commit: str,
    tag: str,
    rollback_of: str | None = None,
    given: Mapping[str, str | None] | None = None,
) -> Deployment:
    for one in listed(state):
        if one.tag == tag:
            return one
    number = len(state["deployments"]) + 1
    created = Deployment(
        id=f"d{number}",
        commit=commit,
        status=DeploymentStatus.INITIALIZING,
        created_at=BEGIN + timedelta(minutes=number),
        tag=tag,
        rollback_of=rollback_of,
    )
    state["deployments"][created.id] = created.to_dict()
    snapshot = state["variables"] if given is None else given
    state["snapshots"][created.id] = dict(snapshot)
    return created


def move(
    state: dict[str, Any], deployment: str, status: DeploymentStatus, reason: str = ""
) -> None:
    state["deployments"][deployment] |= {"status": status, "reason": reason}


def serve(state: dict[str, Any], deployment: str) -> None:
    for one in listed(state):
        if one.active and one.id != deployment:
            move(state, one.id, DeploymentStatus.REMOVED)
            state["deployments"][one.id]["active"] = False
    state["deployments"][deployment] |= {
        "status": DeploymentStatus.SUCCESS,
        "active": True,
        "succeeded": True,
        "can_roll_back": True,
    }
