"""What switches have cost: lost requests, wrong releases, POSTs run twice or never."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from tests.support.load import Kind, Request

__all__ = ["Switch", "SwitchReport", "executions"]


@dataclass(frozen=True, slots=True)
class Switch:
    """From one release to the next; times are ``time.monotonic()``.

    Attributes:
        release: who is to answer whatever is sent after it returned.
    """

    release: str
    began: float
    returned: float


def executions(ledger: Path) -> Counter[str]:
    """How often each POST was executed, by its id."""
    if not ledger.exists():
        return Counter()
    return Counter(ledger.read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """The account of a run under load.

    Attributes:
        requests: all that were sent.
        switches: in order; the first one is what served when the load began.
        lost: without a good answer.
        stale: sent after a switch had returned, answered by an earlier release.
        repeated: ids of POSTs that were executed more than once.
        missing: ids of POSTs that were answered well and executed by nobody.
    """

    requests: Sequence[Request]
    switches: Sequence[Switch]
    lost: Sequence[Request]
    stale: Sequence[Request]
    repeated: Sequence[str]
    missing: Sequence[str]

    @classmethod
    def of(
        cls,
        requests: Sequence[Request],
        switches: Sequence[Switch],
        executed: Mapping[str, int],
    ) -> "SwitchReport":
        """Compares what clients saw with what was switched and what was executed."""
        posts = [one for one in requests if one.kind is Kind.KEPT_POST]
        return cls(
            requests=requests,
            switches=switches,
            lost=[one for one in requests if one.loss],
            stale=[one for one in requests if _is_stale(one, switches)],
            repeated=sorted(name for name, times in executed.items() if times > 1),
            missing=[
                one.id for one in posts if not one.loss and one.id not in executed
            ],
        )

    @property
    def clean(self) -> bool:
        """Whether nothing at all went wrong."""
        return not (self.lost or self.stale or self.repeated or self.missing)

    def per_switch(self) -> list[int]:
        """Lost and stale requests by switch; the first number is before any."""
        counts = [0] * len(self.switches)
        for request in (*self.lost, *self.stale):
            counts[_cause(request, self.switches)] += 1
        return counts

    def bound(self) -> float | None:
        """Under which the share of switches that lose something is, with 95 %.

        The rule of three (Hanley and Lippman-Hand, JAMA 249, 1983): 3/n after none of
        n. None once one has lost something, or before the first.
        """
        count = len(self.switches) - 1
        return min(1.0, 3 / count) if count and self.clean else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready figures."""
        took = [one.returned - one.began for one in self.switches[1:]]
        return {
            "switches": len(self.switches) - 1,
            "requests": len(self.requests),
            "by_kind": dict(Counter(one.kind.name for one in self.requests)),
            "lost": dict(Counter(str(one.loss) for one in self.lost)),
            "stale": len(self.stale),
            "repeated": len(self.repeated),
            "missing": len(self.missing),
            "per_switch": self.per_switch(),
            "bound": self.bound(),
            "switch_seconds": [round(seconds, 6) for seconds in took],
            "latest": round(max((one.late for one in self.requests), default=0.0), 3),
        }

    @override
    def __str__(self) -> str:
        figures, bound = self.to_dict(), self.bound()
        told = (
            "" if bound is None else f" (95 %: of fewer than {bound:.2%} of switches)"
        )
        summary = (
            f"{figures['requests']} requests, {figures['switches']} switches, "
            f"lost {figures['lost'] or 'none'}, stale {figures['stale']}{told}"
        )
        lines = [
            summary,
            f"executed twice: {list(self.repeated)}, never: {list(self.missing)}",
            f"per switch: {figures['per_switch']}",
            *(_line(one, self.switches) for one in (*self.lost, *self.stale)[:20]),
        ]
        return "\n".join(lines)


def _is_stale(request: Request, switches: Iterable[Switch]) -> bool:
    """Whether it was answered by a release that had been replaced before it."""
    if request.loss:
        return False
    allowed = {request.release} & {
        one.release
        for one, following in _pairs(switches)
        if following is None or following.returned >= request.sent
    }
    return not allowed


def _pairs(switches: Iterable[Switch]) -> list[tuple[Switch, Switch | None]]:
    listed = list(switches)
    return list(zip(listed, [*listed[1:], None], strict=True))


def _cause(request: Request, switches: Sequence[Switch]) -> int:
    """The last switch that began before the request had ended."""
    begun = [i for i, one in enumerate(switches) if one.began <= request.ended]
    return begun[-1] if begun else 0


def _line(request: Request, switches: Sequence[Switch]) -> str:
    number = _cause(request, switches)
    switch = switches[number]
    return (
        f"  {request.id} ({request.kind}): {request.loss or 'stale'} {request.detail} "
        f"by {request.release or 'nobody'}, sent {request.sent - switch.began:+.4f} s, "
        f"ended {request.ended - switch.began:+.4f} s from switch {number}"
    )
