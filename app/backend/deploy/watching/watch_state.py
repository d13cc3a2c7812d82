"""What a watch knows after some rounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.restarts import Life
from app.backend.deploy.watching.samples import Sample
from app.backend.deploy.watching.traffic import Stretch
from app.backend.deploy.watching.verdict import Decision
from app.backend.deploy.watching.weighing import Mark, RoundRecord

__all__ = ["Counts", "WatchState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the rounds have come to, counted apart.

    Attributes:
        own_errors: probes that this machine could not make.
        discarded: probes that a cache or a limiter has answered.
    """

    rounds: int = 0
    ok: int = 0
    failed: int = 0
    inconclusive: int = 0
    own_errors: int = 0
    discarded: int = 0

    def to_dict(self) -> dict[str, int]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """What is known after some rounds.

    Attributes:
        records: the newest rounds, as many as ``Limits.window``.
        recovered: checks, and places, that were bad before and have been good since.
        good_at: when each shared check was last seen good.
        lives: the processes of each replica.
        network: whether the second path worked, in the newest rounds.
        counters: the proxy's last count.
        uncounted: why the proxy's newest count is not known; empty: it is, or the proxy
            does not count.
        unjudged: what the platform says of the release, where nobody knows what that
            means; empty: it is known.
        traffic: what was answered since the watch began.
        suspect_since: since when the traffic has been suspicious; None: it is not.
        first_failure: when the first round failed, whatever came of it.
        evidence: the probes of the newest round that was not good.
        pending: a rule is met, but an outage could still be the reason.
        decision: set once the watch is over.
    """

    records: tuple[RoundRecord, ...] = ()
    recovered: frozenset[str] = frozenset()
    good_at: Mapping[str, float] = field(default_factory=dict)
    lives: Mapping[str, Life] = field(default_factory=dict)
    network: tuple[bool, ...] = ()
    counters: TrafficCounters | None = None
    uncounted: str = ""
    unjudged: str = ""
    traffic: tuple[Stretch, ...] = ()
    suspect_since: float | None = None
    first_failure: float | None = None
    evidence: tuple[Sample, ...] = ()
    counts: Counts = Counts()
    pending: bool = False
    decision: Decision | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the newest round leaves no question open."""
        return (
            bool(self.records)
            and not self.pending
            and (self.records[-1].mark is Mark.OK)
        )
