"""Who may take traffic: enough replicas, of the right release, well for long enough."""

import asyncio
from dataclasses import replace

import pytest
from typing_extensions import override

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.control import Control
from app.backend.deploy.watching.gate import GateLimits, GateReport, gate
from app.backend.deploy.watching.gate_state import GateState
from app.backend.deploy.watching.samples import Outcome, Round, Sample, Source
from app.backend.deploy.watching.verdict import Rule, Verdict
from app.backend.health.models import Status
from tests.support.samples import (
    EXPECTED,
    ScriptedProber,
    check,
    health,
    own,
    platform,
    route,
)
from tests.support.simulated_release import PatientClock

LIMITS = GateLimits(replicas=2, hold=5.0, deadline=60.0, interval=1.0)


def well(number: int) -> Sample:
    return health(replica=f"r{number}")


def ill(number: int) -> Sample:
    return health(own(Status.UNHEALTHY), replica=f"r{number}", reason="ill")


BOTH = (well(1), well(2))


async def gated(
    *rounds: Round,
    limits: GateLimits = LIMITS,
    baseline: Baseline | None = None,
    control: Control | None = None,
) -> GateReport:
    return await gate(
        ScriptedProber(*rounds),
        expected=EXPECTED,
        limits=limits,
        baseline=baseline,
        control=control,
        clock=PatientClock(),
    )


async def test_all_replicas_well_for_the_whole_time_pass() -> None:
    report = await gated(BOTH)

    assert report.passed
    assert report.healthy == ("r1", "r2")
    assert report.seconds == 5.0
    assert report.rounds == 6


async def test_without_a_hold_one_look_is_enough() -> None:
    report = await gated(BOTH, limits=replace(LIMITS, hold=0.0))

    assert (report.passed, report.rounds) == (True, 1)


async def test_one_replica_seen_twice_is_one() -> None:
    report = await gated((well(1), well(1)))

    assert report.verdict is Verdict.FAIL
    assert "1 of 2 replicas" in report.reason


async def test_a_break_begins_the_time_anew() -> None:
    report = await gated(BOTH, BOTH, BOTH, (well(1), ill(2)), BOTH)

    assert report.passed
    assert report.seconds == 9.0


async def test_replicas_may_come_one_after_the_other() -> None:
    late = [(well(1),)] * 50

    assert (await gated((), *late, BOTH)).passed


async def test_progress_puts_the_deadline_off() -> None:
    limits = GateLimits(replicas=3, hold=5.0, deadline=20.0)
    one, two = [(well(1),)] * 15, [BOTH] * 15
    report = await gated(*one, *two, (*BOTH, well(3)), limits=limits)

    assert report.passed


async def test_a_release_that_stays_ill_is_refused_and_the_report_says_why() -> None:
    report = await gated((well(1), ill(2)))

    assert report.verdict is Verdict.FAIL
    assert report.seconds > 60
    assert report.reason.endswith("ill")
    assert report.to_dict()["evidence"][0]["replica"] == "r2"


@pytest.mark.parametrize(
    "stranger",
    [
        health(replica="r2", deployment="d-1"),
        health(replica="r2", commit="decade5"),
        health(replica="r2", deployment=None, commit=None),
        health(replica=None),
        route(replica="r2", deployment=EXPECTED.deployment),
    ],
    ids=["another deployment", "another commit", "nobody", "no replica", "a route"],
)
async def test_who_does_not_prove_to_be_the_release_does_not_count(
    stranger: Sample,
) -> None:
    assert not (await gated((well(1), stranger))).passed


async def test_a_replica_that_is_not_met_each_time_counts_all_the_same() -> None:
    """On the public way, which replica answers is a matter of chance."""
    assert (await gated(*[(well(1),), (well(2),)] * 6)).passed


async def test_a_replica_that_answers_a_route_alone_keeps_its_time() -> None:
    """Which of two answers on the public way is a matter of chance, path by path."""
    by_route = route(
        replica="r2", deployment=EXPECTED.deployment, commit=EXPECTED.commit
    )
    report = await gated(BOTH, *[(well(1), by_route)] * 4, BOTH)

    assert report.passed
    assert report.seconds == 5.0


async def test_of_many_replicas_each_is_waited_for_as_long_as_chance_takes() -> None:
    limits = replace(LIMITS, replicas=6)
    rounds = [tuple(well(one) for one in range(6))]
    rounds += [tuple(well(one) for one in range(5))] * 20
    rounds += [tuple(well(one) for one in range(6))]
    report = await gated(*rounds, limits=limits)

    assert report.passed
    assert report.rounds == 22


async def test_a_replica_that_is_not_met_any_more_is_gone() -> None:
    limits = replace(LIMITS, hold=30.0)

    assert not (await gated(BOTH, *[(well(1),)] * 90, limits=limits)).passed


async def test_silence_of_a_replica_is_a_break() -> None:
    silent = replace(ill(2), outcome=Outcome.NO_ANSWER, checks=(), code=None)

    assert not (await gated((well(1), silent), BOTH, (well(1), silent))).passed


async def test_a_route_that_fails_keeps_its_replica_out() -> None:
    assert not (await gated((*BOTH, route(500, replica="r2")))).passed


class TestSharedComponents:
    DOWN = tuple(
        health(own(), check(status=Status.UNHEALTHY), replica=f"r{n}") for n in (1, 2)
    )

    async def test_one_that_was_down_before_keeps_nobody_out(self) -> None:
        before = Baseline(checks={"database": Status.UNHEALTHY})

        assert (await gated(self.DOWN, baseline=before)).passed

    async def test_one_that_falls_keeps_the_gate_shut_and_blames_nobody(self) -> None:
        report = await gated(self.DOWN)

        assert report.verdict is Verdict.INCONCLUSIVE

    async def test_one_that_comes_back_is_forgotten(self) -> None:
        assert (await gated(*[self.DOWN] * 30, BOTH)).passed

    async def test_one_that_is_well_for_the_control_is_the_releases_fault(self) -> None:
        class Sees(Control):
            @override
            async def agrees(self, check: str) -> bool | None:
                return check != "database"

        assert (await gated(self.DOWN, control=Sees())).verdict is Verdict.FAIL


async def test_when_nobody_could_ask_nobody_is_blamed() -> None:
    unasked = replace(well(1), outcome=Outcome.OWN_ERROR, checks=())

    assert (await gated((unasked,))).verdict is Verdict.INCONCLUSIVE


def inside(number: int) -> Sample:
    return replace(well(number), source=Source.REPLICA)


SILENT = route(None, replica=None)
OURS = route(deployment=EXPECTED.deployment)


@pytest.mark.parametrize(
    ("public", "verdict"),
    [
        ((SILENT, SILENT), Verdict.INCONCLUSIVE),
        ((replace(SILENT, outcome=Outcome.OWN_ERROR),), Verdict.INCONCLUSIVE),
        ((route(502),), Verdict.FAIL),
        ((route(500, deployment=EXPECTED.deployment),), Verdict.FAIL),
        ((route(deployment="d-1"),), Verdict.FAIL),
        ((OURS, health(replica="r9", deployment="d-1")), Verdict.FAIL),
        ((route(),), Verdict.FAIL),
    ],
    ids=["silent", "unasked", "a proxy's", "ours", "another's", "both", "nobody's"],
)
async def test_replicas_that_are_well_do_not_pass_while_users_are_not_answered_by_them(
    public: Round, verdict: Verdict
) -> None:
    report = await gated((inside(1), inside(2), *public))

    assert report.verdict is verdict
    assert "users" in report.reason


KEPT_OUT = route(429, replica=None, outcome=Outcome.DISCARDED)
LIMITED = replace(KEPT_OUT, deployment=EXPECTED.deployment)


@pytest.mark.parametrize(
    ("rounds", "kept_out"),
    [
        ([(KEPT_OUT, KEPT_OUT)], True),
        ([(KEPT_OUT, SILENT)], True),
        ([(OURS,), (KEPT_OUT,)], True),
        ([(route(500),), (OURS,), (KEPT_OUT,)], True),
        ([(route(500),), (KEPT_OUT,)], False),
        ([(KEPT_OUT, LIMITED)], False),
        ([(LIMITED,)], False),
        ([(KEPT_OUT, route(500))], False),
        ([(KEPT_OUT, ill(1))], False),
        ([(SILENT,)], False),
        ([()], False),
    ],
)
async def test_who_is_answered_429_by_nobody_of_ours_is_kept_out(
    rounds: list[Round], *, kept_out: bool
) -> None:
    report = await gated(*rounds)

    assert not report.passed
    assert report.kept_out is kept_out
    assert not (kept_out and report.verdict is Verdict.FAIL)


async def test_they_pass_once_users_get_to_them_for_the_whole_time() -> None:
    away, here = (inside(1), inside(2), SILENT), (inside(1), inside(2), OURS, SILENT)
    report = await gated(away, away, here, away, here)

    assert report.passed
    assert report.seconds == 9.0


async def test_nobody_asks_for_the_public_way_before_the_switch() -> None:
    assert (await gated((inside(1), inside(2)))).passed


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (DeploymentStatus.FAILED, Verdict.FAIL),
        (DeploymentStatus.CRASHED, Verdict.FAIL),
        (DeploymentStatus.REMOVED, Verdict.INCONCLUSIVE),
    ],
)
async def test_what_the_platform_has_given_up_is_not_waited_for(
    status: DeploymentStatus, verdict: Verdict
) -> None:
    report = await gated((ill(1), platform(status, active=False)))

    assert (report.verdict, report.rounds) == (verdict, 1)
    assert (report.rule is Rule.SUPERSEDED) is (verdict is Verdict.INCONCLUSIVE)


async def test_a_deployment_that_does_not_serve_yet_passes() -> None:
    ready = platform(DeploymentStatus.READY, active=False)

    assert (await gated((*BOTH, ready))).passed


async def test_it_can_be_stopped() -> None:
    stop = asyncio.Event()

    def on_round(state: GateState) -> None:
        if state.rounds == 3:
            stop.set()

    report = await gate(
        ScriptedProber((ill(1),)),
        expected=EXPECTED,
        limits=replace(LIMITS, interval=0.001),
        on_round=on_round,
        stop=stop,
    )

    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reason == "stopped"


LOST = route(502, source=Source.PUBLIC, reason="HTTP 502")


async def test_users_who_go_there_already_are_not_lost_for_the_whole_deadline() -> None:
    patient = await gated((LOST,))
    short = await gated((LOST,), limits=replace(LIMITS, patience=30.0))
    assert (patient.verdict, short.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert patient.seconds > LIMITS.deadline
    assert 30.0 <= short.seconds < 35.0


async def test_users_who_are_lost_for_a_moment_only_speak_against_nobody() -> None:
    limits = replace(LIMITS, replicas=1, patience=5.0)
    answer = health(replica="r1", source=Source.PUBLIC)
    rounds = [(LOST,)] * 4 + [(answer,)] * 20
    assert (await gated(*rounds, limits=limits)).passed
