"""Switches on the simulator: what overlap and drain save, and what their absence costs.

The edge itself loses nothing, so that whatever is lost was lost by the settings, as it
would be on Railway.
"""

import pytest

from app.backend.deploy.platforms.railway.judging import LOST
from tests.support.railway.switching import deployed_under_load, switched_to_and_fro
from tests.support.switch_report import SwitchReport


def told(report: SwitchReport) -> SwitchReport:
    """The losses and their bound belong to the test's output."""
    print(report)  # noqa: T201 - see above
    return report


async def test_the_edge_itself_loses_nothing() -> None:
    report = told(await switched_to_and_fro(20, rate=200))

    assert report.clean, report


async def test_without_overlap_and_drain_the_plan_says_so_and_every_switch_loses() -> (
    None
):
    plan, report = await deployed_under_load(
        1, rate=100, overlap=0, draining=0, stream=15
    )

    (lost,) = [one for one in plan.findings if one.code == LOST]
    assert lost.text.startswith("requests will be lost at the switch")
    assert "overlapSeconds" in lost.remedy
    assert all(count > 0 for count in told(report).per_switch()[1:]), report
    assert not report.stale, report


@pytest.mark.full
@pytest.mark.timeout(400)
async def test_many_switches_with_overlap_and_drain_lose_nothing() -> None:
    plan, report = await deployed_under_load(
        24, rate=120, overlap=1, draining=30, stream=2
    )

    assert LOST not in {one.code for one in plan.findings}
    assert told(report).clean, report
    assert report.per_switch() == [0] * 25


@pytest.mark.full
async def test_an_overlap_without_a_drain_still_loses_what_takes_longer() -> None:
    plan, report = await deployed_under_load(
        3, rate=100, overlap=1, draining=0, stream=15
    )

    assert LOST in {one.code for one in plan.findings}
    assert {one.kind.name for one in told(report).lost} == {"STREAM"}, report
