"""What the state means after the supervisor has been away: data in, data out."""

from dataclasses import replace

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local.state import DeploymentRecord, PlatformState

__all__ = ["kept_commits", "reconciled", "remembered"]

_RESTARTED = "the platform was restarted before it could serve"
_KEPT = 10
_REMEMBERED = 50


def reconciled(state: PlatformState, pointed: str | None) -> PlatformState:
    """The state with which a supervisor begins: all of its processes have ended.

    What the proxy points at is the truth, for it is what users have seen: a switch is
    made there, and written down afterwards.

    Args:
        state: as it was left.
        pointed: the deployment that the proxy points at; None: nothing tells.
    """
    active = pointed if state.find(pointed) is not None else state.active
    if state.find(active) is None:
        active = None
    records = tuple(_after(record, active) for record in state.deployments)
    previous = state.previous if active == state.active else state.active
    return replace(
        state, active=active, previous=previous, deployments=records, children={}
    )


def _after(record: DeploymentRecord, active: str | None) -> DeploymentRecord:
    if record.id == active:
        # One that had crashed is tried again.
        return replace(
            record, status=DeploymentStatus.SUCCESS, succeeded=True, reason=""
        )
    if record.is_unfinished:
        return replace(record, status=DeploymentStatus.FAILED, reason=_RESTARTED)
    if record.status in (DeploymentStatus.SUCCESS, DeploymentStatus.REMOVING):
        return replace(record, status=DeploymentStatus.REMOVED)
    return record


def remembered(state: PlatformState) -> tuple[DeploymentRecord, ...]:
    """The deployments to remember: the 50 newest, and those that are needed."""
    newest = state.deployments[-_REMEMBERED:]
    older = state.deployments[:-_REMEMBERED]
    return (*(one for one in older if _needed(one, state)), *newest)


def kept_commits(state: PlatformState) -> frozenset[str]:
    """The commits whose checkouts stay.

    Those of the 10 newest deployments, of the active one, of the one before that, and
    of all that have not ended.
    """
    newest = state.deployments[-_KEPT:]
    needed = (one for one in state.deployments if _needed(one, state))
    return frozenset(one.commit for one in (*newest, *needed))


def _needed(record: DeploymentRecord, state: PlatformState) -> bool:
    """Whether it serves, is returned to first, or has processes yet."""
    if record.id in (state.active, state.previous):
        return True
    return not record.status.is_over or record.status is DeploymentStatus.REMOVING
