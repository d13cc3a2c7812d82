"""What is not the release's fault: outages, networks, caches, and how it always was."""

from dataclasses import replace

import pytest

from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.detector import conclude
from app.backend.deploy.watching.samples import Outcome, Source
from app.backend.deploy.watching.verdict import Verdict
from app.backend.health.models import Status
from tests.support.samples import NETWORK, ROUTE, check, health, own, route
from tests.support.watched_rounds import (
    BEFORE,
    DOWN,
    GOOD,
    NO_NETWORK,
    verdict,
    watched,
)


class TestSharedComponents:
    def test_one_that_falls_excuses_health_and_routes(self) -> None:
        state = watched(GOOD, *[DOWN] * 20)

        assert state.decision is None
        assert verdict(state) is Verdict.INCONCLUSIVE

    def test_it_excuses_what_failed_before_its_check_has_run(self) -> None:
        unseen = [
            (health(own(), check(looked=-ago)), route(500)) for ago in (10.0, 20.0)
        ]
        state = watched(GOOD, *unseen, *[DOWN] * 5, GOOD, GOOD)

        assert state.decision is None
        assert state.counts.failed == 0

    def test_a_failure_waits_until_its_check_has_run_again(self) -> None:
        """The check is older than the failures: an outage would not show yet."""
        stale = [
            (health(own(), check(looked=-10.0 * (number + 1))), route(500))
            for number in range(8)
        ]
        state = watched(*stale)

        assert state.pending
        assert state.decision is None
        looked = (health(own(), check()), route(500))
        assert verdict(watched(*stale, looked)) is Verdict.FAIL

    def test_one_that_is_not_critical_is_waited_for_no_longer_than_patience(
        self,
    ) -> None:
        stale = [
            (
                health(own(), check(critical=False, looked=-10.0 * (number + 1))),
                route(500),
            )
            for number in range(4)
        ]

        assert watched(*stale[:3]).decision is None
        assert verdict(watched(*stale)) is Verdict.FAIL

    def test_one_that_is_well_for_the_control_is_the_releases_fault(self) -> None:
        state = watched(GOOD, *[DOWN] * 3, control={"database": False})

        assert verdict(state) is Verdict.FAIL

    @pytest.mark.parametrize("told", [{"database": True}, {"database": None}], ids=str)
    def test_one_that_the_control_finds_bad_or_cannot_see_is_nobodys(
        self, told: dict[str, bool | None]
    ) -> None:
        state = watched(GOOD, *[DOWN] * 9, control=told)

        assert verdict(state) is Verdict.INCONCLUSIVE

    def test_one_that_was_down_before_excuses_health_but_no_route(self) -> None:
        before = replace(BEFORE, checks={"database": Status.UNHEALTHY})
        health_only = (DOWN[0], route())

        assert verdict(watched(*[health_only] * 9, baseline=before)) is (
            Verdict.INCONCLUSIVE
        )
        assert verdict(watched(*[DOWN] * 3, baseline=before)) is Verdict.FAIL

    def test_a_route_that_failed_before_too_is_no_reason(self) -> None:
        before = replace(
            BEFORE,
            checks={"database": Status.UNHEALTHY},
            failing=frozenset({f"public:{ROUTE}"}),
        )

        assert verdict(watched(*[DOWN] * 9, baseline=before)) is (Verdict.INCONCLUSIVE)

    def test_a_replica_that_cannot_reach_what_the_others_can_is_at_fault(self) -> None:
        one = health(own(), check(status=Status.UNHEALTHY), replica="r1")
        others = [health(own(), check(), replica=f"r{n}") for n in (2, 3, 4)]
        state = watched(*[(one, *others, route())] * 3)

        assert verdict(state) is Verdict.FAIL

    def test_a_vendor_that_only_degrades_keeps_nobody_from_being_good(self) -> None:
        vendor = check("openai", Status.UNHEALTHY, critical=False)

        assert verdict(watched(*[(health(own(), vendor), route())] * 4)) is Verdict.OK

    def test_a_slow_one_excuses_slow_routes(self) -> None:
        slow = route(latency=3.0)
        strained = (health(own(), check(status=Status.DEGRADED)), slow)

        assert verdict(watched(*[strained] * 9)) is Verdict.INCONCLUSIVE
        assert verdict(watched(*[(GOOD[0], slow)] * 3)) is Verdict.FAIL


class TestRoutes:
    def test_a_refusal_is_good_where_the_old_release_refused_too(self) -> None:
        assert verdict(watched(*[(GOOD[0], route(401))] * 4)) is Verdict.OK
        assert verdict(watched(*[(GOOD[0], route(404))] * 4)) is Verdict.FAIL

    def test_slow_is_thrice_as_long_and_half_a_second_longer(self) -> None:
        assert verdict(watched(*[(GOOD[0], route(latency=0.4))] * 4)) is Verdict.OK
        assert verdict(watched(*[(GOOD[0], route(latency=0.6))] * 4)) is Verdict.FAIL

    def test_nothing_is_slow_when_the_second_path_is_slow_itself(self) -> None:
        sluggish = replace(NETWORK, latency=0.8)
        state = watched(*[(GOOD[0], route(latency=3.0))] * 9, network=sluggish)

        assert verdict(state) is Verdict.OK

    def test_a_second_path_that_always_takes_so_long_is_not_slow(self) -> None:
        before = replace(BEFORE, latencies={**BEFORE.latencies, NETWORK.place: 0.7})
        usual = replace(NETWORK, latency=0.8)
        late = (GOOD[0], route(latency=3.0))
        state = watched(*[late] * 9, network=usual, baseline=before)

        assert verdict(state) is Verdict.FAIL

    def test_nothing_is_slow_where_it_is_not_known_how_it_was(self) -> None:
        late = (GOOD[0], route(latency=4.0))

        assert verdict(watched(*[late] * 4, baseline=Baseline())) is Verdict.OK


class TestSilence:
    SILENT = (
        health(outcome=Outcome.NO_ANSWER, code=None, checks=(), replica=None),
        route(None),
    )

    def test_it_is_the_releases_when_the_second_path_works(self) -> None:
        assert verdict(watched(GOOD, *[self.SILENT] * 3)) is Verdict.FAIL

    def test_it_is_our_own_when_the_second_path_does_not_work(self) -> None:
        state = watched(GOOD, *[self.SILENT] * 30, network=NO_NETWORK)

        assert verdict(state) is Verdict.INCONCLUSIVE
        assert state.counts.own_errors == 60

    def test_it_is_nobodys_as_long_as_something_answers_on_that_way(self) -> None:
        state = watched(*[(*GOOD, route(None))] * 9)

        assert verdict(state) is Verdict.OK
        assert state.counts.own_errors == 9

    def test_it_is_the_proxys_when_the_replicas_answer(self) -> None:
        """Nobody is to blame, and a release that no user has reached is not good."""
        inside = tuple(replace(one, source=Source.REPLICA) for one in GOOD)
        silent = tuple(replace(one, reason="no answer") for one in self.SILENT)
        state = watched(*[(*silent, *inside)] * 9)

        assert verdict(state) is Verdict.INCONCLUSIVE
        assert state.counts.inconclusive == 9
        assert conclude(state).reason.endswith("no answer")

    def test_of_one_replica_it_is_that_replicas(self) -> None:
        silent = replace(self.SILENT[0], source=Source.REPLICA, replica="r2")
        state = watched(*[(*GOOD, silent)] * 3)

        assert verdict(state) is Verdict.FAIL

    def test_what_this_machine_could_not_ask_says_nothing(self) -> None:
        unasked = replace(self.SILENT[0], outcome=Outcome.OWN_ERROR)

        assert verdict(watched(*[(unasked,)] * 9)) is Verdict.INCONCLUSIVE

    def test_what_a_cache_has_answered_says_nothing(self) -> None:
        cached = route(500, outcome=Outcome.DISCARDED)
        state = watched(*[(*GOOD, cached)] * 9)

        assert verdict(state) is Verdict.OK
        assert state.counts.discarded == 9
