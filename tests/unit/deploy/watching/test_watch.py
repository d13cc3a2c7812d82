"""A watch keeps its time, ends when it is clear, and says what it has seen."""

import asyncio
import json
from dataclasses import replace

from typing_extensions import override

from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.watching.baseline import Baseline, take_baseline
from app.backend.deploy.watching.control import Control
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.samples import Outcome, Round
from app.backend.deploy.watching.verdict import Rule, Verdict
from app.backend.deploy.watching.watch import watch
from app.backend.deploy.watching.watch_state import WatchState
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
COUNTED = TrafficCounters(requests=9, errors=1, bounds=(0.1,), buckets=(8, 1))
BAD = (health(own(Status.UNHEALTHY)), route(), NETWORK)
DOWN = (health(own(), check(status=Status.UNHEALTHY)), route(500), NETWORK)


class SlowProber(ScriptedProber):
    """Takes its time."""

    def __init__(self, clock: PatientClock, seconds: float, *rounds: Round) -> None:
        super().__init__(*rounds)
        self._clock = clock
        self._seconds = seconds

    @override
    async def round(self) -> Round:
        await self._clock.sleep(self._seconds)
        return await super().round()


async def test_a_good_release_is_watched_for_the_whole_time() -> None:
    clock, prober = PatientClock(), ScriptedProber(GOOD)
    report = await watch(prober, expected=EXPECTED, seconds=60.0, clock=clock)

    assert report.verdict is Verdict.OK
    assert report.rule is Rule.TIME
    assert (report.rounds, report.seconds) == (7, 60.0)
    assert not report.evidence


async def test_a_bad_one_only_until_that_is_clear() -> None:
    prober = ScriptedProber(GOOD, BAD)
    report = await watch(
        prober, expected=EXPECTED, seconds=1800.0, clock=PatientClock()
    )

    assert report.verdict is Verdict.FAIL
    assert report.seconds == 30.0
    assert report.first_failure == 10.0
    assert report.evidence[0].checks[0].name == "application"


async def test_a_slow_round_does_not_move_the_next_one() -> None:
    clock = PatientClock()
    prober = SlowProber(clock, 4.0, GOOD)
    report = await watch(prober, expected=EXPECTED, seconds=100.0, clock=clock)

    assert report.rounds == 11


async def test_the_last_round_begins_when_the_time_is_up() -> None:
    clock, prober = PatientClock(), ScriptedProber(GOOD)
    report = await watch(prober, expected=EXPECTED, seconds=3.0, clock=clock)

    assert (report.verdict, report.rounds) == (Verdict.OK, 2)
    assert report.seconds == 3.0


async def test_a_punctual_watch_says_what_it_has_seen_until_then() -> None:
    report = await watch(
        ScriptedProber(BAD),
        expected=EXPECTED,
        seconds=0.0,
        limits=Limits(punctual=True),
        clock=PatientClock(),
    )

    assert (report.verdict, report.rounds) == (Verdict.INCONCLUSIVE, 1)
    assert report.seconds == 0.0
    assert report.reason.startswith("0 of 1 round good, 0 inconclusive, 1 failed")


async def test_a_question_open_at_the_end_is_settled() -> None:
    rounds = [GOOD] * 6 + [BAD]
    settled = await watch(
        ScriptedProber(*rounds, GOOD),
        expected=EXPECTED,
        seconds=60.0,
        clock=PatientClock(),
    )
    lost = await watch(
        ScriptedProber(*rounds, BAD),
        expected=EXPECTED,
        seconds=60.0,
        clock=PatientClock(),
    )

    assert (settled.verdict, settled.seconds) == (Verdict.OK, 70.0)
    assert (lost.verdict, lost.seconds) == (Verdict.FAIL, 80.0)


async def test_what_stays_unclear_is_inconclusive_and_ends() -> None:
    report = await watch(
        ScriptedProber(GOOD, DOWN),
        expected=EXPECTED,
        seconds=60.0,
        clock=PatientClock(),
    )

    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.seconds == 90.0


async def test_the_control_is_asked_about_what_has_fallen() -> None:
    class Acquitting(Control):
        @override
        async def agrees(self, check: str) -> bool | None:
            return False if check == "database" else None

    report = await watch(
        ScriptedProber(GOOD, DOWN),
        expected=EXPECTED,
        seconds=600.0,
        control=Acquitting(),
        clock=PatientClock(),
    )

    assert report.verdict is Verdict.FAIL


async def test_a_control_that_fails_blames_nobody() -> None:
    class Broken(Control):
        @override
        async def agrees(self, check: str) -> bool | None:
            raise OSError(check)

    report = await watch(
        ScriptedProber(GOOD, DOWN),
        expected=EXPECTED,
        seconds=60.0,
        control=Broken(),
        clock=PatientClock(),
    )

    assert report.verdict is Verdict.INCONCLUSIVE


async def test_it_can_be_stopped_at_any_time() -> None:
    stop, seen = asyncio.Event(), []

    def on_round(state: WatchState) -> None:
        seen.append(state.counts.rounds)
        if len(seen) == 2:
            asyncio.get_running_loop().call_later(0.01, stop.set)

    report = await asyncio.wait_for(
        watch(
            ScriptedProber(GOOD),
            expected=EXPECTED,
            seconds=None,
            limits=Limits(interval=0.001),
            on_round=on_round,
            stop=stop,
        ),
        timeout=10,
    )

    assert report.stopped
    assert report.verdict is Verdict.INCONCLUSIVE
    assert seen == list(range(1, report.rounds + 1))


async def test_the_report_is_json_without_what_is_empty() -> None:
    report = await watch(
        ScriptedProber(BAD), expected=EXPECTED, seconds=60.0, clock=PatientClock()
    )
    told = json.loads(json.dumps(report.to_dict()))

    assert told["verdict"] == "fail"
    assert told["counts"]["failed"] == 3
    assert told["evidence"][0]["kind"] == "health"
    assert "latency" not in told["evidence"][0]


async def test_a_baseline_tells_how_it_was() -> None:
    place = route().place
    failing = (health(own(), check(status=Status.UNHEALTHY)), route(500, latency=0.3))
    baseline = await take_baseline(
        ScriptedProber((health(own(), check()), route(latency=0.1)), failing),
        clock=PatientClock(),
    )

    assert baseline.status("database") is Status.UNHEALTHY
    assert baseline.status("application") is Status.HEALTHY
    assert baseline.status("nobody") is Status.HEALTHY
    assert baseline.latencies == {place: 0.3}
    assert baseline.codes == {place: {200, 500}}
    assert not baseline.failing
    assert Baseline.of([failing]).failing == {place}


async def test_what_was_not_asked_is_no_baseline() -> None:
    unasked = route(None, outcome=Outcome.OWN_ERROR)

    assert Baseline.of([(unasked,)]) == Baseline()


async def test_a_baseline_survives_being_written_down() -> None:
    counted = replace(NETWORK, counters=COUNTED)
    baseline = Baseline.of([(*BAD, counted)])
    kept = json.loads(json.dumps(baseline.to_dict()))

    assert Baseline.from_dict(kept) == baseline
    assert Baseline.from_dict(json.loads(json.dumps(Baseline().to_dict()))) == (
        Baseline()
    )


async def test_a_release_does_not_excuse_what_is_its_own() -> None:
    """It is watched from the middle of its life, and may be bad already."""
    place = route().place
    bad = (
        health(own(Status.UNHEALTHY), check(status=Status.UNHEALTHY)),
        route(500),
    )
    counted = replace(route(), counters=TrafficCounters(requests=9, errors=9))
    baseline = Baseline.of([(*bad, counted)], itself=True)
    refusing = Baseline.of([(route(401),)], itself=True)

    assert baseline.checks == {"database": Status.UNHEALTHY}
    assert not baseline.failing
    assert baseline.traffic is None
    assert refusing.codes == {place: {401}}
