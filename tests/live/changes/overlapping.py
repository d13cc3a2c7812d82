"""What looks tell of deployments that are active, alone or together. Pure."""

from typing import Final

from app.backend.deploy.platforms.railway.manifest import values_of
from tests.live.changes.evidence import Evidence, Look
from tests.live.changes.handovers import Handover, handovers

__all__ = ["active_can", "both_active", "overlap_of_new"]

_ENOUGH: Final = 2
"""Looks that have to agree on what is not there."""

Judged = tuple[bool | None, str]


def active_can(evidence: Evidence) -> Judged:
    seen = {
        bool(look.nodes[look.active[0]]["canRollback"])
        for look in evidence.looks
        if len(look.active) == 1 and _with_success(look) == {look.active[0]}
    }
    if not seen:
        return None, "nothing was seen to be active alone"
    if len(seen) > 1:
        return None, "canRollback of what was active was now true, now false"
    holds = seen.pop()
    return holds, f"canRollback of what was active alone was {str(holds).lower()}"


def _with_success(look: Look) -> set[str]:
    return {one for one in look.nodes if look.status(one) == "SUCCESS"}


def both_active(evidence: Evidence) -> Judged:
    alone = together = 0
    for handover in handovers(evidence):
        for look in evidence.looks:
            if {handover.old, handover.new} <= _with_success(look):
                together += {handover.old, handover.new} <= {*look.active}
                alone += handover.new in look.active and handover.old not in look.active
    if together:
        return True, f"activeDeployments had both, {together} times"
    if alone >= _ENOUGH:
        return False, f"two were SUCCESS and one of them active, {alone} times"
    return None, "no two deployments were seen to overlap"


def overlap_of_new(evidence: Evidence) -> Judged:
    found: dict[bool, str] = {}
    for handover in handovers(evidence):
        old, new = (_overlap(evidence, one) for one in (handover.old, handover.new))
        longer = handover.stayed_for_the_longer(old, new)
        if longer is not None:
            found[longer is (new > old)] = _told(handover, old, new)
    if len(found) == 1:
        ((holds, told),) = found.items()
        return holds, told
    if found:
        return None, f"one contradicts the other: {'; '.join(found.values())}"
    return None, "no handover between two with unlike overlaps was seen to its end"


def _told(handover: Handover, old: float, new: float) -> str:
    return (
        f"the old one, with {old:g} s, stayed for {handover.stayed:.0f} s beside"
        f" the new one with {new:g} s"
    )


def _overlap(evidence: Evidence, deployment: str) -> float:
    values = values_of(evidence.meta(deployment))
    return float((values or {}).get("overlapSeconds") or 0)
