"""Switches under load: nothing lost, nothing stale, everything executed once.

21 switches in the quick tier, 360 more in the full one; each to a release that was
started for it, and each old release is ended under load.
"""

from collections.abc import Sequence

import pytest

from tests.support.load import Kind
from tests.support.naive import reload, restart
from tests.support.stage import LEDGER_APP, PM33_SERVE
from tests.support.switch_report import SwitchReport
from tests.support.switching import (
    naively_switched,
    switched_by_hand,
    switched_by_the_platform,
)


def told(report: SwitchReport) -> SwitchReport:
    """The losses and their bound belong to the test's output."""
    print(report)  # noqa: T201 - see above
    return report


async def test_sixteen_switches_lose_nothing() -> None:
    report = told(await switched_by_hand(count=16, rate=100, stream=True))

    assert report.clean, report
    assert {one.kind for one in report.requests} == {*Kind}


@pytest.mark.full
async def test_switches_between_services_of_ours_lose_nothing() -> None:
    report = told(await switched_by_hand(PM33_SERVE, count=2, rate=80, stream=False))

    assert report.clean, report


async def test_switches_of_the_platform_lose_nothing() -> None:
    report = told(await switched_by_the_platform(3, rate=100))

    assert report.clean, report


async def test_the_harness_sees_what_a_restart_loses() -> None:
    report = told(await naively_switched(restart, count=2, rate=200))

    assert all(lost > 0 for lost in report.per_switch()[1:]), report
    assert report.bound() is None


async def test_the_harness_sees_what_a_reload_loses() -> None:
    report = told(await naively_switched(reload, count=3, rate=200))

    assert report.lost, report


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("command", "count"), [(LEDGER_APP, 280), (PM33_SERVE, 40)])
async def test_hundreds_of_switches_lose_nothing(
    command: Sequence[str], count: int
) -> None:
    report = told(await switched_by_hand(command, count=count, rate=120, stream=True))

    assert report.clean, report


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_many_switches_of_the_platform_lose_nothing() -> None:
    report = told(await switched_by_the_platform(40, rate=120))

    assert report.clean, report
