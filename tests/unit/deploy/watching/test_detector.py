"""One round after the other is folded in; what is enough, and what is no reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.platforms.base import DeploymentStatus, TrafficCounters
from app.backend.deploy.watching.detector import advance, conclude
from app.backend.deploy.watching.samples import Outcome, ProbeKind, Round, Sample
from app.backend.deploy.watching.verdict import Rule, Verdict
from app.backend.deploy.watching.watch_state import WatchState
from app.backend.health.models import Status
from tests.support.samples import (
    EXPECTED,
    NETWORK,
    ROUTE,
    check,
    health,
    own,
    platform,
    route,
)
from tests.support.watched_rounds import (
    BEFORE,
    DOWN,
    GOOD,
    LIMITS,
    NO_NETWORK,
    verdict,
    watched,
)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_release_that_is_good_for_the_whole_time_is_good() -> None:
    state = watched(*[GOOD] * 5)

    assert state.decision is None
    assert verdict(state) is Verdict.OK
    assert (state.counts.rounds, state.counts.ok) == (5, 5)


def test_without_a_round_nothing_is_known() -> None:
    assert verdict(WatchState()) is Verdict.INCONCLUSIVE


def test_three_failed_rounds_in_a_row_are_a_failure_and_two_are_not() -> None:
    bad = (health(own(), check()), route(500))

    assert watched(bad, bad, GOOD, bad, bad).decision is None
    state = watched(bad, bad, bad)

    assert state.decision is not None
    assert state.decision.verdict is Verdict.FAIL
    assert state.decision.rule is Rule.CONSECUTIVE
    assert ROUTE in state.decision.reason


def test_a_status_that_nobody_knows_is_no_success_and_no_failure() -> None:
    word = "Railway says 'TELEPORTING'"
    unknown = replace(platform(DeploymentStatus.UNKNOWN), reason=word)
    bad = (health(own(), check()), route(500), unknown)
    state = watched(*[(*GOOD, unknown)] * 5)

    assert state.decision is None
    assert conclude(state).verdict is Verdict.INCONCLUSIVE
    assert word in conclude(state).reason
    assert verdict(watched((*GOOD, unknown), (*GOOD, platform()))) is Verdict.OK
    assert verdict(watched(bad, bad, bad)) is Verdict.FAIL


def test_what_is_in_the_way_of_counting_is_known_until_it_is_counted_again() -> None:
    lost = replace(NETWORK, kind=ProbeKind.TRAFFIC, outcome=Outcome.OWN_ERROR)
    refused = (*GOOD, replace(lost, reason="refused"))
    counted = (*GOOD, replace(lost, outcome=Outcome.OK, counters=TrafficCounters()))

    assert watched(GOOD).uncounted == ""
    assert watched(counted, refused, GOOD).uncounted == "refused"
    assert watched(refused, counted, GOOD).uncounted == ""


def test_a_failure_at_the_very_end_leaves_the_question_open() -> None:
    state = watched(GOOD, GOOD, (health(own(), check()), route(500)))

    assert verdict(state) is Verdict.INCONCLUSIVE


def test_every_other_round_failing_is_a_failure() -> None:
    bad = (health(own(), check()), route(500))
    state = watched(*[bad, GOOD] * 6)

    assert state.decision is not None
    assert state.decision.rule is Rule.SHARE


def test_the_raw_result_of_an_own_check_counts() -> None:
    bad = (health(own(Status.UNHEALTHY), code=200), route())

    assert verdict(watched(*[bad] * 3)) is Verdict.FAIL


def test_an_own_check_that_was_bad_before_is_no_reason() -> None:
    before = replace(BEFORE, checks={"application": Status.UNHEALTHY})
    bad = (health(own(Status.UNHEALTHY)), route())

    assert verdict(watched(*[bad] * 9, baseline=before)) is Verdict.INCONCLUSIVE


def test_an_own_check_that_has_recovered_since_may_not_fail_again() -> None:
    before = replace(BEFORE, checks={"application": Status.UNHEALTHY})
    bad = (health(own(Status.UNHEALTHY)), route())

    assert verdict(watched(GOOD, *[bad] * 3, baseline=before)) is Verdict.FAIL


def test_a_page_that_cannot_be_read_is_a_failure() -> None:
    page = health(outcome=Outcome.FAIL, code=500, reason="HTTP 500", checks=())

    assert verdict(watched(*[(page, route())] * 3)) is Verdict.FAIL


class TestAtOnce:
    @pytest.mark.parametrize(
        "status", [DeploymentStatus.CRASHED, DeploymentStatus.FAILED]
    )
    def test_the_platforms_word_is_enough(self, status: DeploymentStatus) -> None:
        state = watched((*GOOD, platform(status)))

        assert state.decision is not None
        assert state.decision.rule is Rule.PLATFORM
        assert state.decision.verdict is Verdict.FAIL

    @pytest.mark.parametrize(
        "told",
        [platform(DeploymentStatus.REMOVED), platform(active=False)],
        ids=["removed", "not active"],
    )
    def test_a_deployment_that_was_taken_out_is_nobodys_failure(
        self, told: Sample
    ) -> None:
        wrong = [route(deployment="d-3") for _ in range(9)]
        state = watched((*wrong, told))

        assert state.decision is not None
        assert state.decision.rule is Rule.SUPERSEDED
        assert state.decision.verdict is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        "fields", [{"deployment": "d-1"}, {"commit": "decade5"}], ids=str
    )
    def test_three_answers_of_another_release_are_enough(
        self, fields: dict[str, str]
    ) -> None:
        wrong = health(**fields)

        assert watched((*GOOD, wrong, wrong)).decision is None
        state = watched((*GOOD, wrong, wrong, wrong))
        assert state.decision is not None
        assert state.decision.rule is Rule.IDENTITY

    def test_an_unknown_commit_is_no_other(self) -> None:
        nameless = (health(commit="unknown"), route())

        assert verdict(watched(*[nameless] * 4)) is Verdict.OK

    def test_a_replica_that_is_started_again_and_again_is_enough(self) -> None:
        rounds = [
            (
                health(
                    own(),
                    check(),
                    born=BEGAN + timedelta(seconds=10 * number + 5),
                    seen=BEGAN + timedelta(seconds=10 * number + 9),
                ),
                route(),
            )
            for number in range(4)
        ]
        state = watched(*rounds)

        assert state.decision is not None
        assert state.decision.rule is Rule.RESTARTS
        assert watched(*rounds[:3]).decision is None


def test_a_bad_replica_that_is_met_now_and_then_is_found() -> None:
    good = (GOOD[0], route(replica="r1"))
    bad = (GOOD[0], route(500, replica="r2"))
    elsewhere = (GOOD[0], route(replica="r3"))
    state = watched(bad, good, elsewhere, bad, good, elsewhere, bad)

    assert state.decision is not None
    assert state.decision.rule is Rule.REPLICA


class TestTraffic:
    def counted(self, requests: int, errors: int) -> Sample:
        return Sample(
            at=0.0,
            kind=ProbeKind.TRAFFIC,
            outcome=Outcome.OK,
            counters=TrafficCounters(requests=requests, errors=errors),
        )

    def test_errors_of_users_are_enough(self) -> None:
        rounds = [(*GOOD, self.counted(50 * n, 10 * n)) for n in range(12)]
        state = watched(*rounds)

        assert state.decision is not None
        assert state.decision.rule is Rule.TRAFFIC

    def test_errors_during_an_outage_are_not(self) -> None:
        down = DOWN
        rounds = [(*down, self.counted(50 * n, 50 * n)) for n in range(12)]

        assert watched(GOOD, *rounds).decision is None

    def test_what_was_counted_before_the_watch_does_not_count(self) -> None:
        assert watched(*[(*GOOD, self.counted(9000, 9000))] * 5).decision is None


SAMPLES = st.one_of(
    st.builds(
        route,
        st.sampled_from([200, 302, 401, 404, 500, 502, None]),
        replica=st.sampled_from(["r1", "r2", None]),
        deployment=st.sampled_from(["d-2", "d-1", None]),
        latency=st.sampled_from([None, 0.01, 9.0]),
    ),
    st.builds(
        lambda status, **fields: health(own(), check(status=status), **fields),
        st.sampled_from(Status),
        outcome=st.sampled_from(Outcome),
        replica=st.sampled_from(["r1", "r2", None]),
    ),
    st.builds(platform, st.sampled_from(DeploymentStatus), active=st.booleans()),
    st.just(NETWORK),
    st.just(NO_NETWORK),
)


@given(st.lists(st.lists(SAMPLES, max_size=6).map(tuple), max_size=25))
def test_any_rounds_can_be_folded_in(rounds: list[Round]) -> None:
    state = WatchState()
    for number, samples in enumerate(rounds):
        state = advance(
            state,
            samples,
            at=10.0 * number,
            expected=EXPECTED,
            limits=LIMITS,
            baseline=BEFORE,
        )

    counts = state.counts
    assert counts.ok + counts.failed + counts.inconclusive == len(rounds)
    assert min(counts.ok, counts.failed, counts.inconclusive) >= 0
    assert len(state.records) <= LIMITS.window
    assert conclude(state).verdict in Verdict


@given(st.lists(st.sampled_from([GOOD, (GOOD[0], route(None)), ()]), max_size=40))
def test_without_a_failure_nobody_is_blamed(rounds: list[Round]) -> None:
    assert verdict(watched(*rounds)) is not Verdict.FAIL
