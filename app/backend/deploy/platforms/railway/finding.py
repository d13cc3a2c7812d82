"""What a request has created, told by what was there before and when. Pure.

Railway names nothing: a rollback answers only ``true``, and an answer may be lost.
"""

from datetime import datetime, timedelta
from typing import Final

from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.deployments import (
    Node,
    digest_of,
    image_of,
    moment,
    same_release,
)
from app.backend.deploy.platforms.railway.picture import Picture
from app.backend.deploy.platforms.railway.tags import begun_at

__all__ = [
    "created_since",
    "earliest",
    "is_again",
    "may_be_of",
    "may_repeat",
    "twin_before",
]

_SLACK: Final = timedelta(seconds=30)
"""By so much two clocks may differ that were compared; and else:"""
_SKEW: Final = timedelta(seconds=300)
_AGAIN: Final = "-again"
"""At the end of the tag of a second attempt: what the first has made is not meant."""
_GONE: Final = frozenset({DeploymentStatus.REMOVED, DeploymentStatus.REMOVING})


def created_since(
    now: Picture, before: Picture, like: Node, *, untold: bool = False
) -> Deployment | None:
    """The first that was not there before, and is of the same release.

    Args:
        now: what there is.
        before: what there was.
        like: of the release.
        untold: else also the only one that does not tell what it is of.
    """
    newest = max((_at(one) for one in before.nodes), default=None)
    found = [
        one
        for one in now.nodes
        if str(one["id"]) not in before.ids and (newest is None or _at(one) > newest)
    ]
    same = [one for one in found if same_release(one, like)]
    if untold and not same:
        blank = [one for one in found if same_release(one, like) is None]
        same = blank if len(blank) == 1 else []
    return now.find(str(min(same, key=_at)["id"])) if same else None


def earliest(tag: str, ahead: timedelta | None) -> datetime | None:
    """Before this, by Railway's clock, a run has created nothing; None: who can tell.

    It has to be close: what an earlier run has just failed with, or what serves since
    some minutes, is not what this one asks for.

    Args:
        tag: the run's.
        ahead: by how much Railway's clock is ahead of ours; None: it was not compared.
    """
    begun = begun_at(tag)
    if begun is None:
        return None
    return begun - _SKEW if ahead is None else begun + ahead - _SLACK


def is_again(tag: str) -> bool:
    """Whether it is a second attempt, so that what is over was the first."""
    return tag.endswith(_AGAIN)


def may_be_of(
    commit: str, before: Picture, since: datetime | None
) -> tuple[Deployment, ...]:
    """What a run may have deployed of a commit in an earlier process.

    Args:
        commit: that it deploys.
        before: what there is.
        since: by :func:`earliest`.
    """
    return tuple(
        one
        for one in before.deployments
        if one.commit == commit
        and one.rollback_of is None
        and (since is None or one.created_at >= since)
    )


def may_repeat(
    before: Picture, like: Node, tag: str, since: datetime | None
) -> tuple[Deployment, ...]:
    """What a run may have brought back in an earlier process.

    It carries its target's mark instead of this run's, so it is told by its image and
    by when it was made.

    Args:
        before: what there is.
        like: the deployment that is to come back.
        tag: of the run.
        since: by :func:`earliest`.
    """
    image = image_of(like)
    if since is None or image is None:
        return ()
    return tuple(
        one
        for one in before.deployments
        if one.id != like["id"]
        and one.image == image
        and one.created_at >= since
        and one.status not in _GONE
        and not (is_again(tag) and one.status.is_over)
    )


def twin_before(one: Deployment, among: Picture) -> str | None:
    """The newest earlier deployment of the same image; None: there is none to see."""
    node = among.node(one.id)
    digest = digest_of(node) if node is not None else None
    if digest is None:
        return None
    twins = (
        str(other["id"])
        for other in among.nodes
        if digest_of(other) == digest and _at(other) < one.created_at
    )
    return next(twins, None)


def _at(node: Node) -> datetime:
    return moment(node["createdAt"])
