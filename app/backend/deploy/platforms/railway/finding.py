"""What a request has created, told by what was there before and when. Pure.

Railway names nothing: a rollback answers only ``true``, and an answer may be lost.
"""

from datetime import datetime, timedelta
from typing import Final

from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.deployments import (
    Node,
    image_of,
    moment,
    same_release,
)
from app.backend.deploy.platforms.railway.picture import Picture
from app.backend.deploy.platforms.railway.tags import begun_at

__all__ = ["brought_back", "created_since", "may_be_of"]

_SKEW: Final = timedelta(seconds=300)
"""By so much Railway's clock may be behind that of whoever runs us."""
_AGAIN: Final = "-again"
"""At the end of the tag of a second attempt: what the first has made is not meant."""
_GONE: Final = frozenset({DeploymentStatus.REMOVED, DeploymentStatus.REMOVING})


def created_since(now: Picture, before: Picture, like: Node) -> Deployment | None:
    """The first that was not there before, and may be of the same release."""
    known = before.ids
    newest = max((_at(one) for one in before.nodes), default=None)
    found = [
        one
        for one in now.nodes
        if str(one["id"]) not in known
        and (newest is None or _at(one) > newest)
        and same_release(one, like)
    ]
    return now.find(str(min(found, key=_at)["id"])) if found else None


def may_be_of(tag: str, commit: str, before: Picture) -> tuple[Deployment, ...]:
    """What a run may have deployed of a commit in an earlier process."""
    begun = begun_at(tag)
    return tuple(
        one
        for one in before.deployments
        if one.commit == commit
        and one.rollback_of is None
        and (begun is None or one.created_at >= begun - _SKEW)
    )


def brought_back(before: Picture, like: Node, tag: str) -> Deployment | None:
    """What a run has brought back already, before its process was killed.

    It carries its target's mark instead of this run's, so it is told by its image and
    by when it was made.
    """
    begun, image = begun_at(tag), image_of(like)
    if begun is None or image is None:
        return None
    for one in before.deployments:
        repeats = one.id != like["id"] and one.rollback_of and one.image == image
        ended = tag.endswith(_AGAIN) and one.status.is_over
        late = one.created_at >= begun - _SKEW
        if repeats and late and not (ended or one.status in _GONE):
            return one
    return None


def _at(node: Node) -> datetime:
    return moment(node["createdAt"])
