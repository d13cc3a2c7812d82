"""Whoever waits is told what changes at once, and each half minute that it lasts."""

from collections.abc import Sequence

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.gate import GateLimits, gate
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.progress import GateProgress, WatchProgress
from app.backend.deploy.watching.samples import (
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.deploy.watching.watch import watch
from app.backend.health.models import Status
from tests.support.samples import (
    EXPECTED,
    NETWORK,
    ScriptedProber,
    check,
    health,
    own,
    route,
)
from tests.support.simulated_release import PatientClock

GOOD = (health(own(), check()), route(), NETWORK)
BAD = (health(own()), route(500, reason="HTTP 500"), NETWORK)
HARD = (health(own(Status.UNHEALTHY)), route(), NETWORK)
DOWN = (health(own(), check(status=Status.UNHEALTHY)), route(), NETWORK)


def counters(requests: int, errors: int) -> Sample:
    return Sample(
        at=0.0,
        kind=ProbeKind.TRAFFIC,
        outcome=Outcome.OK,
        source=Source.PLATFORM,
        counters=TrafficCounters(requests=requests, errors=errors),
    )


async def told_of(
    *rounds: Round, seconds: float | None = 60.0, interval: float = 10.0
) -> Sequence[tuple[float, str]]:
    """What is said of a watch, and when."""
    clock, limits = PatientClock(), Limits(interval=interval)
    said: list[tuple[float, str]] = []
    await watch(
        ScriptedProber(*rounds),
        expected=EXPECTED,
        seconds=seconds,
        limits=limits,
        on_round=WatchProgress(
            lambda line: said.append((clock.time(), line)),
            seconds=seconds,
            limits=limits,
            clock=clock,
        ),
        clock=clock,
    )
    return said


async def test_a_good_watch_is_never_silent_for_longer_than_half_a_minute() -> None:
    said = await told_of(GOOD, seconds=1800.0)
    at = [when for when, _ in said]

    assert max(b - a for a, b in zip([0.0, *at], [*at, 1800.0], strict=True)) <= 30.0
    assert said[0][1] == "good so far: 3 rounds; 30 min left"
    assert said[-1][1].endswith(" s left")


async def test_rounds_that_are_far_apart_are_each_told() -> None:
    said = await told_of(GOOD, seconds=300.0, interval=60.0)

    assert [when for when, _ in said] == [0.0, 60.0, 120.0, 180.0, 240.0]
    assert said[0][1] == "good so far: 1 round; 5 min left"


async def test_a_bad_round_is_told_at_once_and_so_is_its_end() -> None:
    said = await told_of(GOOD, HARD, HARD, GOOD)

    assert said[:3] == [
        (10.0, "bad round 1 of 3: r1 : slow"),
        (20.0, "bad round 2 of 3: r1 : slow"),
        (30.0, "good again after 2 bad rounds"),
    ]
    assert said[3][1] == "so far: 6 rounds, 2 bad; 10 s left"


async def test_a_bad_round_says_what_was_asked_and_answered() -> None:
    assert (await told_of(BAD, GOOD))[0] == (
        0.0,
        "bad round 1 of 3: public /orders: HTTP 500",
    )


async def test_what_decides_nothing_is_told_once() -> None:
    said = await told_of(GOOD, DOWN, DOWN, GOOD, seconds=30.0)

    nothing = "a round that decides nothing: what is shared is bad, or nothing could be"
    assert said == [(10.0, f"{nothing} asked"), (30.0, "clear again, and good")]


async def test_users_whose_requests_fail_are_told_of_with_their_number() -> None:
    said = await told_of(
        (*GOOD, counters(100, 0)),
        (*GOOD, counters(300, 146)),
        (*GOOD, counters(400, 146)),
        seconds=20.0,
    )

    assert said[0][1].startswith("users: 146 of 200 requests failed")
    assert said[1][1] == "users: their requests are answered again"


async def test_requests_are_counted_where_a_proxy_counts_them() -> None:
    rounds = [(*GOOD, counters(100 + 70 * number, 0)) for number in range(4)]

    said = await told_of(*rounds, seconds=30.0)
    assert said[0][1] == "good so far: 3 rounds, 140 requests, 0 failed; 10 s left"


async def test_without_an_end_no_time_is_left() -> None:
    clock, limits = PatientClock(), Limits()
    said: list[str] = []
    progress = WatchProgress(said.append, seconds=None, limits=limits, clock=clock)
    await watch(
        ScriptedProber(GOOD),
        expected=EXPECTED,
        seconds=30.0,
        limits=limits,
        on_round=progress,
        clock=clock,
    )
    assert said == ["good so far: 3 rounds"]


async def test_a_gate_says_how_many_are_well_and_why_the_others_are_not() -> None:
    clock = PatientClock()
    said: list[str] = []
    page = {"source": Source.REPLICA, "path": "/api/health/detailed"}
    shut = health(own(Status.UNHEALTHY), reason="application is unhealthy", **page)
    await gate(
        ScriptedProber((shut,), (health(own(), **page),)),
        expected=EXPECTED,
        limits=GateLimits(hold=10.0),
        on_round=GateProgress(said.append, replicas=1, hold=10.0, clock=clock),
        clock=clock,
    )
    assert said == [
        "0 of 1 replica well; r1 /api/health/detailed: application is unhealthy",
        "1 of 1 replica well; to stay so for 10 s",
    ]
