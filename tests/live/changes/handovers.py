"""From one deployment to the next, as looks have shown it. Pure.

All times are Railway's own (``statusUpdatedAt``), so that a slow look does not count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from app.backend.deploy.platforms.railway.deployments import moment
from app.backend.deploy.platforms.railway.manifest import values_of
from tests.live.changes.evidence import Evidence, Look
from tests.live.changes.watching import GONE

__all__ = ["Handover", "handovers"]

_UNLIKE: Final = 10.0
"""Seconds by which two overlaps have to differ, to tell whose it was."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One deployment in the place of another.

    Attributes:
        stayed: seconds from the new one's SUCCESS until the old one was no longer;
            None: that was not seen.
        drained: so many of these the old one may have been on its way out already.
    """

    old: str
    new: str
    stayed: float | None
    drained: float = 0.0

    def stayed_for_the_longer(self, old: float, new: float) -> bool | None:
        """Whether the old one stayed for the longer one of two overlaps.

        None: that cannot be told; where it went before the other came, as with a
        volume, nothing overlaps at all.
        """
        if self.stayed is None or self.stayed < 0 or abs(new - old) < _UNLIKE:
            return None
        middle = (old + new) / 2
        if self.stayed - self.drained > middle:
            return True
        return False if self.stayed < middle else None


def handovers(evidence: Evidence) -> Iterator[Handover]:
    """All that were seen, in their order."""
    looks = evidence.looks
    began = {
        one: at
        for one in {one for look in looks for one in look.nodes}
        if (at := _since(looks, one)) is not None
    }
    for old, new in pairwise(sorted(began, key=lambda one: began[one])):
        yield _handover(evidence, old, new, began[new])


def _handover(evidence: Evidence, old: str, new: str, at: datetime) -> Handover:
    for look in evidence.looks:
        node = look.nodes.get(old)
        if node is None or node["status"] not in GONE or not node["statusUpdatedAt"]:
            continue
        stayed = (moment(node["statusUpdatedAt"]) - at).total_seconds() / evidence.scale
        drain = 0.0
        if node["status"] == "REMOVED":
            values = values_of(node["meta"]) or {}
            drain = float(values.get("drainingSeconds") or 0)
        return Handover(old, new, stayed, drain)
    return Handover(old, new, None)


def _since(looks: Sequence[Look], deployment: str) -> datetime | None:
    """Since when it was SUCCESS, where it was seen to be."""
    for look in looks:
        node = look.nodes.get(deployment)
        if node is not None and node["status"] == "SUCCESS":
            at = node.get("statusUpdatedAt")
            return moment(at) if at else None
    return None
