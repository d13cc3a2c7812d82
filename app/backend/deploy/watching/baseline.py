"""How it was before the deploy: what the release is compared with."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.deploy.watching.samples import Outcome, ProbeKind, Round, Sample
from app.backend.health.models import Status

__all__ = ["Baseline", "Probing", "take_baseline"]

FORMAT = 1
_SERVER_ERROR = 500


class Probing(Protocol):
    """Asks everything once, as :class:`.probes.Prober` does."""

    async def round(self) -> Round:
        """Everything that was found; raises nothing but cancellation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was known of the release that served before; empty: nothing is.

    Attributes:
        checks: the worst raw status of each check.
        latencies: the median latency of each place, see :attr:`Sample.place`; that of
            the second path is among them.
        codes: the HTTP status codes of each place.
        failing: the places that gave no good answer at all.
        traffic: what the proxy had counted.
    """

    checks: Mapping[str, Status] = field(default_factory=dict)
    latencies: Mapping[str, float] = field(default_factory=dict)
    codes: Mapping[str, frozenset[int]] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    traffic: TrafficCounters | None = None

    def status(self, check: str) -> Status:
        """What a check said; healthy when it was not there."""
        return self.checks.get(check, Status.HEALTHY)

    @classmethod
    def of(cls, rounds: Iterable[Round], *, itself: bool = False) -> "Baseline":
        """From what a prober has found.

        Args:
            rounds: of the old release.
            itself: they are of the very release that is to be watched. It may be bad
                already, so that nothing of its own is taken for how it has to be:
                no check that is not shared, no route that fails, and not how often
                its users were answered with an error.
        """
        samples = [sample for one in rounds for sample in one]
        routes = _by_place(samples, ProbeKind.ROUTE)
        timed = routes | _by_place(samples, ProbeKind.NETWORK)
        return cls(
            checks=_worst_statuses(samples, shared_only=itself),
            latencies={
                place: statistics.median(times)
                for place, found in timed.items()
                if (times := [one.latency for one in found if one.latency is not None])
            },
            codes={
                place: frozenset(one.code for one in found if one.code is not None)
                for place, found in routes.items()
            },
            failing=frozenset(
                place
                for place, found in routes.items()
                if not itself and all(_failed(one) for one in found)
            ),
            traffic=None if itself else _last_counters(samples),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; a run that is resumed compares with the same."""
        traffic = self.traffic
        return {
            "format": FORMAT,
            "checks": {name: str(status) for name, status in self.checks.items()},
            "latencies": dict(self.latencies),
            "codes": {place: sorted(codes) for place, codes in self.codes.items()},
            "failing": sorted(self.failing),
            "traffic": traffic
            and {
                "requests": traffic.requests,
                "errors": traffic.errors,
                "bounds": list(traffic.bounds),
                "buckets": list(traffic.buckets),
            },
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "Baseline":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        traffic = body["traffic"]
        return cls(
            checks={name: Status(status) for name, status in body["checks"].items()},
            latencies={place: float(one) for place, one in body["latencies"].items()},
            codes={place: frozenset(codes) for place, codes in body["codes"].items()},
            failing=frozenset(body["failing"]),
            traffic=traffic
            and TrafficCounters(
                requests=traffic["requests"],
                errors=traffic["errors"],
                bounds=tuple(traffic["bounds"]),
                buckets=tuple(traffic["buckets"]),
            ),
        )


async def take_baseline(
    prober: Probing,
    *,
    rounds: int = 3,
    interval: float = 1.0,
    itself: bool = False,
    clock: Clock | None = None,
) -> Baseline:
    """Asks the release that serves now, before anything is changed.

    Args:
        prober: of that release, with the same paths as the watch will have.
        rounds: how often it is asked.
        interval: seconds between two rounds.
        itself: it is that release which is to be watched; see :meth:`Baseline.of`.
        clock: for the time between.
    """
    clock = clock or SystemClock()
    found: list[Round] = []
    for number in range(rounds):
        if number:
            await clock.sleep(interval)
        found.append(await prober.round())
    return Baseline.of(found, itself=itself)


def _by_place(samples: Iterable[Sample], kind: ProbeKind) -> dict[str, list[Sample]]:
    places: dict[str, list[Sample]] = {}
    for sample in samples:
        told = sample.outcome not in {Outcome.DISCARDED, Outcome.OWN_ERROR}
        if sample.kind is kind and told:
            places.setdefault(sample.place, []).append(sample)
    return places


def _failed(sample: Sample) -> bool:
    """A refusal such as 401 is how that route answers; only 5xx and silence are not."""
    return sample.code is None or sample.code >= _SERVER_ERROR


def _worst_statuses(
    samples: Iterable[Sample], *, shared_only: bool
) -> dict[str, Status]:
    worst: dict[str, Status] = {}
    for sample in samples:
        for check in sample.checks:
            if shared_only and not check.shared:
                continue
            known = worst.get(check.name, Status.SKIPPED)
            if check.status.severity >= known.severity:
                worst[check.name] = check.status
    return worst


def _last_counters(samples: Iterable[Sample]) -> TrafficCounters | None:
    counted = [one.counters for one in samples if one.counters is not None]
    return counted[-1] if counted else None
