"""Railway's deployments as the pipeline reads them. Pure.

A list is read as a whole: which one traffic goes to, which one repeats another, and
whether one that is gone has ever served can only be told beside the others.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from app.backend.deploy.platforms.deployment import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)
from app.backend.deploy.platforms.railway.statuses import RAN, remark_on, status_of

__all__ = [
    "RETENTION_HOURS",
    "Node",
    "digest_of",
    "image_of",
    "moment",
    "newest_first",
    "read_all",
    "same_release",
]

Node = Mapping[str, Any]
"""A deployment as the API gives it."""

SettingsOf = Callable[[Mapping[str, Any]], ServiceSettings | None]

RETENTION_HOURS: Final[Mapping[str, int]] = {
    "free": 24,
    "trial": 24,
    "hobby": 72,
    "pro": 120,
    "enterprise": 360,
}
"""By plan: from when a deployment was removed until its image is (FACTS §4)."""

_GONE: Final = frozenset({DeploymentStatus.REMOVING, DeploymentStatus.REMOVED})
_DEPLOY: Final = "deploy"
"""``meta.reason`` of a deployment that repeats no other one."""
_OVERTAKEN: Final = timedelta(seconds=2)
"""What is dropped for a newer one is removed as soon as that is created; what served
is only removed when the newer one has passed its health check."""


def moment(text: Any) -> datetime:
    """A time of the API's; RFC 3339, with any number of digits.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at


def newest_first(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """In the order of their creation: Railway promises none."""
    return tuple(sorted(nodes, key=_created, reverse=True))


def image_of(node: Node) -> str | None:
    """What was built, by digest where that is told."""
    meta = _meta(node)
    found = meta.get("imageDigest") or meta.get("image")
    return str(found) if found else None


def digest_of(node: Node) -> str | None:
    """Of its image, once that is told."""
    found = _meta(node).get("imageDigest")
    return str(found) if found else None


def same_release(one: Node, like: Node) -> bool | None:
    """Whether they are the same build; None: that is not told (yet).

    What tells neither image nor commit may be anybody's, such as an upload.
    """
    for name in ("imageDigest", "commitHash"):
        found, wanted = _meta(one).get(name), _meta(like).get(name)
        if found and wanted:
            return bool(found == wanted)
    return None


def read_all(
    nodes: Iterable[Node],
    active: Collection[str],
    *,
    plan: str | None,
    settings_of: SettingsOf,
) -> tuple[Deployment, ...]:
    """The newest first; tags are not known here.

    Args:
        nodes: of one service in one environment.
        active: ids that Railway calls active; two while one takes over from another.
        plan: of the workspace; it decides for how long an image is kept.
        settings_of: reads what a deployment was run with from its ``meta``.

    Raises:
        KeyError, ValueError: an answer that cannot be understood.
    """
    ordered = newest_first(nodes)
    serving = _serving(ordered, active)
    return tuple(
        _read(
            node,
            ordered[index + 1 :],
            ordered[:index],
            serving,
            plan,
            settings_of,
            is_active=node["id"] in active,
        )
        for index, node in enumerate(ordered)
    )


def _read(
    node: Node,
    older: Sequence[Node],
    newer: Sequence[Node],
    serving: str | None,
    plan: str | None,
    settings_of: SettingsOf,
    *,
    is_active: bool,
) -> Deployment:
    status, meta = status_of(node["status"]), _meta(node)
    # Whatever its status is called: what Railway calls active is no draft of a release.
    served = is_active or _has_served(node, newer)
    return Deployment(
        id=str(node["id"]),
        # Only what came from a repository has a commit; an image names itself.
        commit=str(meta.get("commitHash") or image_of(node) or ""),
        status=status,
        created_at=_created(node),
        active=node["id"] == serving,
        succeeded=served,
        can_roll_back=bool(node["canRollback"]),
        rollback_of=_repeats(node, older),
        reason=_why_gone(newer) if status in _GONE and not served else _remark(node),
        image=image_of(node),
        retained_until=_retained_until(node, status, plan),
        ran_with=settings_of(meta),
    )


def _serving(ordered: Sequence[Node], active: Collection[str]) -> str | None:
    """The newest active one: traffic goes there while two of them overlap.

    A release may be SUCCESS for a moment before it is among the active ones. One whose
    status nobody knows serves where Railway calls no other one active.
    """
    unknown = None
    for node in ordered:
        succeeded = node["status"] == DeploymentStatus.SUCCESS
        if succeeded and not node["deploymentStopped"]:
            return str(node["id"])
        if node["id"] not in active:
            continue
        status = status_of(node["status"])
        if status in RAN:
            return str(node["id"])
        if status is DeploymentStatus.UNKNOWN and unknown is None:
            unknown = str(node["id"])
    return unknown


def _has_served(node: Node, newer: Sequence[Node]) -> bool:
    status = status_of(node["status"])
    if status in RAN:
        return True
    if status not in _GONE:
        return False
    if node["canRollback"]:
        return True
    if image_of(node) is None:
        return False
    gone_at = _changed(node)
    if not newer or gone_at is None:
        return False
    return gone_at - _created(newer[-1]) > _OVERTAKEN


def _repeats(node: Node, older: Sequence[Node]) -> str | None:
    """The newest earlier deployment of the same image, unless it is called a deploy.

    Some that are called so may repeat one all the same, see :mod:`.repeating`.
    """
    digest = digest_of(node)
    if digest is None or _meta(node).get("reason") == _DEPLOY:
        return None
    for one in older:
        if digest_of(one) == digest:
            return str(one["id"])
    return None


def _remark(node: Node) -> str:
    if node["status"] == DeploymentStatus.SUCCESS and node["deploymentStopped"]:
        return "its processes have all ended"
    return remark_on(node["status"])


def _why_gone(newer: Sequence[Node]) -> str:
    if newer:
        return f"it was cancelled, or {newer[-1]['id']} has taken its place"
    return "it was cancelled or removed"


def _retained_until(
    node: Node, status: DeploymentStatus, plan: str | None
) -> datetime | None:
    gone_at, hours = _changed(node), RETENTION_HOURS.get((plan or "").lower())
    if status not in _GONE or gone_at is None or hours is None:
        return None
    return gone_at + timedelta(hours=hours) if node["canRollback"] else None


def _created(node: Node) -> datetime:
    return moment(node["createdAt"])


def _changed(node: Node) -> datetime | None:
    at = node.get("statusUpdatedAt")
    return moment(at) if at else None


def _meta(node: Node) -> Mapping[str, Any]:
    meta = node.get("meta")
    return meta if isinstance(meta, Mapping) else {}
