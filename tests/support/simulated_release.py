"""A release, its probes and its users, made up: seeded, and without any clock.

What it does wrong, and when, is a :class:`Fault`; a watch sees of it what a prober
would.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from app.backend.deploy.platforms.base import DeploymentStatus, TrafficCounters
from app.backend.deploy.watching.baseline import Baseline, Probing
from app.backend.deploy.watching.clock import Clock
from app.backend.deploy.watching.samples import (
    CheckReading,
    Expected,
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.deploy.watching.verdict import Verdict
from app.backend.health.models import Status

__all__ = [
    "BAKE",
    "EXPECTED",
    "FAULT_AT",
    "Fault",
    "PatientClock",
    "SimulatedRelease",
    "World",
    "baseline_of",
]

EXPECTED = Expected("d-2", "c0ffee2")
BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FAULT_AT = 120.0
BAKE = 900.0
_ROUTE = "/orders"
_USUAL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that can be so or otherwise at one moment.

    Attributes:
        up: replicas whose process runs.
        route_errors: for each replica, the share of its answers that are 5xx.
        latency: seconds that a route takes.
        down: shared checks whose component is down, and control can see so.
        commit: what is served.
        lost: the share of this machine's network traffic that is lost.
        users_fail: share of users' requests on routes that nobody probes.
        status: what the platform says.
        front: the proxy answers.
        born: when each replica's process was started.
    """

    up: frozenset[int] = frozenset(range(4))
    route_errors: Mapping[int, float] = field(default_factory=dict)
    latency: float = _USUAL
    down: frozenset[str] = frozenset()
    commit: str = EXPECTED.commit
    lost: float = 0.0
    users_fail: float = 0.003
    status: DeploymentStatus = DeploymentStatus.SUCCESS
    front: bool = True
    born: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and what a watch has to say of it.

    Attributes:
        at: how the world is, so many seconds after the fault; None before it.
        verdicts: what is right.
        replicas: how many there are.
        sockets: whether they can be asked one by one.
        public: how often the public way is asked in a round.
        noise: the share of any route's answers that are 5xx in a good release.
        bursts: an hour, of 8 s, in which every route fails.
        rps: users' requests a second; 0: the proxy does not count.
        within: seconds in which 95 of 100 have to be found.
    """

    name: str
    at: Callable[[float], World]
    verdicts: frozenset[Verdict] = frozenset({Verdict.FAIL})
    replicas: int = 4
    sockets: bool = True
    public: int = 3
    noise: float = 0.001
    bursts: float = 0.0
    rps: float = 5.0
    within: float = 60.0


class PatientClock(Clock):
    """Passes without anybody waiting."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    @override
    def time(self) -> float:
        return self.now

    @override
    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class SimulatedRelease(Probing):
    """Makes the rounds of one bake.

    The database is looked at every 5 s and the vendor every 15, as the checks are; so
    an outage is on the pages some seconds after the routes have begun to fail.
    """

    def __init__(self, fault: Fault, seed: int, clock: Clock) -> None:
        self._fault = fault
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - a simulation has to repeat
        self._bursts = [
            self._random.uniform(0, BAKE)
            for _ in range(self._poisson(fault.bursts * BAKE / 3600))
        ]
        self._phase = [self._random.uniform(0, 15) for _ in range(fault.replicas)]
        self._counted = TrafficCounters(bounds=BOUNDS, buckets=(0,) * (len(BOUNDS) + 1))
        self._last = 0.0

    @override
    async def round(self) -> Round:
        at = self._clock.time()
        world = self._world(at)
        samples = [*self._public(at, world)]
        if self._fault.sockets:
            for replica in range(self._fault.replicas):
                samples += self._replica(at, world, replica)
        samples.append(_platform(at, world))
        samples.append(self._network(at, world))
        if self._fault.rps:
            samples.append(self._traffic(at, world))
        return tuple(samples)

    def _world(self, at: float) -> World:
        everyone = frozenset(range(self._fault.replicas))
        if at < FAULT_AT:
            return World(up=everyone)
        world = self._fault.at(at - FAULT_AT)
        return replace(world, up=world.up & everyone)

    def _public(self, at: float, world: World) -> Iterator[Sample]:
        for _ in range(self._fault.public):
            for kind in (ProbeKind.HEALTH, ProbeKind.ROUTE):
                blank = _blank(at, kind, Source.PUBLIC)
                if not world.front or self._random.random() < world.lost:
                    yield replace(blank, outcome=Outcome.NO_ANSWER, reason="lost")
                elif not world.up:
                    yield replace(blank, outcome=Outcome.FAIL, code=502, reason="502")
                else:
                    replica = self._random.choice(sorted(world.up))
                    yield self._answer(blank, at, world, replica)

    def _replica(self, at: float, world: World, replica: int) -> Iterator[Sample]:
        for kind in (ProbeKind.HEALTH, ProbeKind.ROUTE):
            blank = replace(_blank(at, kind, Source.REPLICA), replica=f"r{replica}")
            if replica in world.up:
                yield self._answer(blank, at, world, replica)
            else:
                yield replace(blank, outcome=Outcome.NO_ANSWER, reason="refused")

    def _answer(self, blank: Sample, at: float, world: World, replica: int) -> Sample:
        said = replace(
            blank,
            replica=f"r{replica}",
            deployment=EXPECTED.deployment,
            code=200,
            latency=_USUAL,
        )
        if blank.kind is ProbeKind.HEALTH:
            return self._health(said, at, world, replica)
        broken = world.route_errors.get(replica, self._fault.noise)
        outage = bool(world.down) or any(0 <= at - one < 8 for one in self._bursts)
        if outage or self._random.random() < broken:
            return replace(said, outcome=Outcome.FAIL, code=500, reason="HTTP 500")
        return replace(said, latency=world.latency * self._random.uniform(0.8, 1.5))

    def _health(self, said: Sample, at: float, world: World, replica: int) -> Sample:
        checks = (
            CheckReading("application", Status.HEALTHY, critical=True, shared=False),
            self._shared("database", at, replica, period=5.0, critical=True),
            self._shared("vendor", at, replica, period=15.0, critical=False),
        )
        born = _BEGIN + timedelta(seconds=world.born.get(replica, -100.0))
        bad = checks[1].bad
        return replace(
            said,
            commit=world.commit,
            checks=checks,
            outcome=Outcome.INCONCLUSIVE if bad else Outcome.OK,
            born=born,
            seen=_BEGIN + timedelta(seconds=at),
        )

    def _shared(
        self, name: str, at: float, replica: int, *, period: float, critical: bool
    ) -> CheckReading:
        phase = self._phase[replica] % period
        looked = at - (at - phase) % period
        down = name in self._world(looked).down
        status = Status.UNHEALTHY if down else Status.HEALTHY
        return CheckReading(name, status, critical=critical, shared=True, looked=looked)

    def _network(self, at: float, world: World) -> Sample:
        lost = self._random.random() < world.lost
        outcome = Outcome.OWN_ERROR if lost else Outcome.OK
        blank = _blank(at, ProbeKind.NETWORK, Source.PLATFORM)
        return replace(blank, outcome=outcome, latency=0.01)

    def _traffic(self, at: float, world: World) -> Sample:
        before, self._last = self._last, at
        asked = self._poisson(self._fault.rps * (at - before))
        replicas = self._fault.replicas
        own = sum(
            world.route_errors.get(one, self._fault.noise) for one in range(replicas)
        )
        share = max(world.users_fail, own / replicas)
        share = 1.0 if world.down or not world.up else share
        in_burst = any(before < one + 8 and one < at for one in self._bursts)
        share = max(share, 0.6 if in_burst else 0.0)
        failed = sum(self._random.random() < share for _ in range(asked))
        slow = asked if world.latency > _USUAL else 0
        old = self._counted
        index = next(
            (i for i, bound in enumerate(BOUNDS) if world.latency <= bound), len(BOUNDS)
        )
        buckets = list(old.buckets)
        buckets[index if slow else 1] += asked
        self._counted = TrafficCounters(
            requests=old.requests + asked,
            errors=old.errors + failed,
            bounds=BOUNDS,
            buckets=tuple(buckets),
        )
        blank = _blank(at, ProbeKind.TRAFFIC, Source.PLATFORM)
        return replace(blank, counters=self._counted)

    def _poisson(self, mean: float) -> int:
        """By counting exponential waits; the mean is small enough for that."""
        count, left = 0, mean
        while (left := left - self._random.expovariate(1.0)) > 0:
            count += 1
        return count


def _blank(at: float, kind: ProbeKind, source: Source) -> Sample:
    path = {ProbeKind.HEALTH: "/api/health/detailed", ProbeKind.ROUTE: _ROUTE}
    return Sample(
        at=at, kind=kind, outcome=Outcome.OK, source=source, path=path.get(kind, "")
    )


def _platform(at: float, world: World) -> Sample:
    blank = _blank(at, ProbeKind.PLATFORM, Source.PLATFORM)
    return replace(blank, status=world.status, active=True)


def baseline_of(requests: int = 9000, errors: int = 27) -> Baseline:
    """A good old release: 0.3 % errors in half an hour at 5 requests a second."""
    return Baseline(
        checks={
            "application": Status.HEALTHY,
            "database": Status.HEALTHY,
            "vendor": Status.HEALTHY,
        },
        latencies={f"{source}:{_ROUTE}": _USUAL for source in Source},
        codes={f"{source}:{_ROUTE}": frozenset({200}) for source in Source},
        traffic=TrafficCounters(
            requests=requests,
            errors=errors,
            bounds=BOUNDS,
            buckets=(0, requests, *(0,) * (len(BOUNDS) - 1)),
        ),
    )
