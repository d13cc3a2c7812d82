from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.backend.deploy.monitor import monitor
from app.backend.deploy.platforms.base import TrafficCounters
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import MonitorRequest
from app.backend.deploy.watching.clock import Clock
from app.backend.deploy.watching.samples import ProbeKind, Round
from app.errors import PreflightError
from tests.support.delivery import ENVIRONMENT, Delivery, QuickClock
from tests.support.memory_prober import MemoryProber


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


class Scheduled(QuickClock):
    """Lets something happen when its time has come."""

    def __init__(self, at: float, happen: Any) -> None:
        super().__init__()
        self.then(at, happen)

    def then(self, at: float, happen: Any) -> None:
        """Once; so many seconds from now."""
        self._at = self.time() + at
        self._happen = happen

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if self._happen is not None and self.time() >= self._at:
            happen, self._happen = self._happen, None
            await happen()


async def look(
    delivery: Delivery, clock: Clock | None = None, **flags: Any
) -> RunReport:
    given = {"seconds": 120.0, "monitor_interval": 5.0} | flags
    request = MonitorRequest(environment=ENVIRONMENT, actor="test", **given)
    tools = delivery.tools
    if clock is not None:
        tools = replace(tools, clock=clock)
    return await monitor(request, tools)


async def test_what_stays_good_ends_well(delivery: Delivery) -> None:
    await delivery.good("one")
    report = await look(delivery)
    assert report.ending is Ending.DONE
    assert report.exit_code == 0


async def test_what_turns_bad_is_left_and_the_exit_code_says_so(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")

    async def turn_bad() -> None:
        delivery.platform.behave(second, good=False)

    report = await look(delivery, Scheduled(30.0, turn_bad))
    assert report.ending is Ending.ROLLED_BACK
    assert report.exit_code == 1
    assert report.serves
    assert report.serves.commit == first
    run = (await delivery.runs())[0]
    assert run.kind == "rollback"
    assert run.reason.startswith("monitor")


async def test_what_was_bad_from_the_beginning_is_found_out(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")
    delivery.platform.behave(second, good=False)
    report = await look(delivery)
    assert report.serves
    assert report.serves.commit == first


async def test_without_rollback_it_only_says_what_to_do(delivery: Delivery) -> None:
    await delivery.good("one")
    second = await delivery.good("two")
    delivery.platform.behave(second, good=False)
    report = await look(delivery, rollback=False)
    assert report.exit_code == 3
    assert report.next_command.startswith("pm33 rollback")
    active = delivery.platform.active()
    assert active
    assert active.commit == second


async def test_nowhere_to_go_is_said(delivery: Delivery) -> None:
    first = await delivery.good("one")
    delivery.platform.behave(first, good=False)
    report = await look(delivery)
    assert report.ending is Ending.STRANDED


async def test_a_deployment_that_takes_its_place_is_watched_instead(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")

    async def deploy() -> None:
        assert (await delivery.deploy(second)).exit_code == 0

    report = await look(delivery, Scheduled(30.0, deploy))
    assert report.ending is Ending.DONE
    assert report.commit == second


async def test_while_somebody_is_at_work_nothing_is_rolled_back(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = await delivery.good("two")
    delivery.platform.behave(second, good=False)
    delivery.leases.holder = "ada"

    async def recover() -> None:
        delivery.platform.behave(second)

    report = await look(delivery, Scheduled(60.0, recover))
    assert report.ending is Ending.DONE
    assert any("not rolled back" in line for line in delivery.said)


async def test_it_is_stopped_by_an_interrupt(delivery: Delivery) -> None:
    await delivery.good("one")

    async def stop() -> None:
        delivery.tools.interrupt.ask()

    report = await look(delivery, Scheduled(30.0, stop), seconds=None)
    assert report.exit_code == 130


async def test_a_platform_that_is_away_for_a_time_does_not_end_it(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")

    async def leave() -> None:
        delivery.platform.be_away()
        clock.then(60.0, come_back_bad)

    async def come_back_bad() -> None:
        delivery.platform.be_away(away=False)
        delivery.platform.behave(second, good=False)

    clock = Scheduled(30.0, leave)
    report = await look(delivery, clock, seconds=None)

    assert report.ending is Ending.ROLLED_BACK
    assert report.serves
    assert report.serves.commit == first
    assert any("does not answer" in line for line in delivery.said)


async def test_one_that_stays_away_leaves_it_undecided_when_the_time_is_up(
    delivery: Delivery,
) -> None:
    await delivery.good("one")

    async def leave() -> None:
        delivery.platform.be_away()

    report = await look(delivery, Scheduled(30.0, leave))
    assert report.ending is Ending.PAUSED
    assert report.exit_code == 6


async def test_a_watch_without_a_platform_can_be_stopped(delivery: Delivery) -> None:
    await delivery.good("one")

    async def leave() -> None:
        delivery.platform.be_away()
        delivery.tools.interrupt.ask()

    report = await look(delivery, Scheduled(30.0, leave), seconds=None)
    assert report.exit_code == 130


async def test_what_users_of_it_suffer_already_is_not_its_norm(
    delivery: Delivery,
) -> None:
    """Its proxy has counted one error in two; that is bad, whoever compares."""
    await delivery.good("one")
    await delivery.good("two")
    served = TrafficCounters(requests=0, errors=0)

    class Suffering(MemoryProber):
        @override
        async def round(self) -> Round:
            nonlocal served
            served = replace(
                served, requests=served.requests + 100, errors=served.errors + 50
            )
            samples = await super().round()
            counted = replace(
                samples[0], kind=ProbeKind.TRAFFIC, status=None, active=None
            )
            return (*samples, replace(counted, counters=served))

    clock = QuickClock()
    prober = partial(Suffering, delivery.platform, clock=clock)
    tools = replace(delivery.tools, clock=clock, prober=prober)
    request = MonitorRequest(
        environment=ENVIRONMENT, actor="test", seconds=120.0, rollback=False
    )
    report = await monitor(request, tools)

    assert report.ending is Ending.STRANDED


async def test_nothing_can_be_watched_where_nothing_serves(delivery: Delivery) -> None:
    with pytest.raises(PreflightError):
        await look(delivery)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.0])
async def test_a_short_watch_ends_in_time_whatever_it_has_seen(
    delivery: Delivery, seconds: float
) -> None:
    await delivery.good("one")
    for good, code in ((True, 0), (False, 6)):
        commit = delivery.platform.active()
        assert commit
        delivery.platform.behave(commit.commit, good=good)
        clock = QuickClock()
        began = clock.time()
        report = await look(delivery, clock, seconds=seconds, monitor_interval=10.0)

        assert report.exit_code == code
        assert clock.time() - began == pytest.approx(seconds)
        assert report.evidence["counts"]["rounds"] >= 1


async def test_a_watch_is_not_silent_until_it_ends(delivery: Delivery) -> None:
    await delivery.good("one")
    delivery.said.clear()
    await look(delivery, seconds=120.0)
    talk = [line for line in delivery.said if "good so far" in line]
    assert len(talk) >= 3
    assert talk[0].endswith(" left")


async def test_who_stops_it_is_told_that_nobody_watches(delivery: Delivery) -> None:
    await delivery.good("one")

    async def stop() -> None:
        delivery.tools.interrupt.ask()

    report = await look(delivery, Scheduled(10.0, stop))
    assert report.exit_code == 130
    assert report.cause == "it was stopped, and nobody watches any more"
