"""Railway's words on a deployment (FACTS §3), and what is to be said of them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from app.backend.deploy.platforms.deployment import DeploymentStatus

__all__ = ["APPROVE", "RAN", "remark_on", "status_of"]

RAN: Final = frozenset(
    {DeploymentStatus.SUCCESS, DeploymentStatus.SLEEPING, DeploymentStatus.CRASHED}
)
"""What only a deployment can be that has become active once."""

APPROVE: Final = (
    "a deploy cancels it: see in Railway's dashboard why it asks for that, and deploy"
    " again when it does not; what was to come back can be approved there still"
)
"""What is true while the run is at work, and when it has ended."""

_NOT_RAILWAYS: Final = frozenset(
    {DeploymentStatus.READY, DeploymentStatus.CANCELLED, DeploymentStatus.UNKNOWN}
)
_WORDS: Final = {str(one): one for one in DeploymentStatus if one not in _NOT_RAILWAYS}
_LONGEST_WORD: Final = 40

_REMARKS: Final[Mapping[DeploymentStatus, str]] = {
    DeploymentStatus.QUEUED: "it waits for a builder",
    DeploymentStatus.WAITING: "it waits for GitHub's checks, for two hours at most",
    DeploymentStatus.NEEDS_APPROVAL: "somebody has to approve it at Railway",
    DeploymentStatus.SKIPPED: "Railway has skipped it: no watched file has changed, or"
    " GitHub's checks have failed",
    DeploymentStatus.SLEEPING: "it sleeps: the first request wakes it, and may be"
    " answered with 502",
    DeploymentStatus.CRASHED: "it was started again as often as its restart policy"
    " allows",
}


def status_of(word: Any) -> DeploymentStatus:
    """What a word means; one that nobody has seen before is never a success."""
    return _WORDS.get(str(word), DeploymentStatus.UNKNOWN)


def remark_on(word: Any) -> str:
    """What is to be said of a deployment for its status alone; empty: nothing."""
    status = status_of(word)
    if status is DeploymentStatus.UNKNOWN:
        shown = "".join(one for one in str(word) if one.isprintable())[:_LONGEST_WORD]
        return f"Railway says {shown!r}, which this release does not know"
    return _REMARKS.get(status, "")
