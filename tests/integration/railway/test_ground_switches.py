"""Switches on the simulator: what overlap and drain save, and what their absence costs.

The edge itself loses nothing, so that whatever is lost was lost by the settings, as it
would be on Railway.
"""

import pytest

from tests.support.railway.switching import switched_by_railway, switched_to_and_fro
from tests.support.switch_report import SwitchReport


def told(report: SwitchReport) -> SwitchReport:
    """The losses and their bound belong to the test's output."""
    print(report)  # noqa: T201 - see above
    return report


async def test_the_edge_itself_loses_nothing() -> None:
    report = told(await switched_to_and_fro(20, rate=200))

    assert report.clean, report


async def test_without_overlap_and_drain_every_switch_cuts_what_is_in_flight() -> None:
    report = told(
        await switched_by_railway(1, rate=100, overlap=0, draining=0, streams=True)
    )

    assert all(lost > 0 for lost in report.per_switch()[1:]), report
    assert not report.stale, report


@pytest.mark.full
@pytest.mark.timeout(300)
async def test_many_switches_with_overlap_and_drain_lose_nothing() -> None:
    report = told(await switched_by_railway(24, rate=120, overlap=0.5, draining=20))

    assert report.clean, report
    assert report.per_switch() == [0] * 25


@pytest.mark.full
async def test_an_overlap_without_a_drain_still_loses_what_takes_longer() -> None:
    report = told(
        await switched_by_railway(3, rate=100, overlap=0.3, draining=0, streams=True)
    )

    assert {one.kind.name for one in report.lost} == {"STREAM"}, report
    assert len(report.lost) == 3
