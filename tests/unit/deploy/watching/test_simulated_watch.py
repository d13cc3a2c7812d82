"""Thousands of watches in no time: what is found, how soon, and who is blamed."""

import pytest

from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.verdict import Verdict
from tests.support.simulated_faults import FAULTS, simulate, table
from tests.support.simulated_release import Fault

NAMES = [fault.name for fault in FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_each_fault_gets_its_verdict_in_time(fault: Fault) -> None:
    await assert_right(fault, runs=8)


@pytest.mark.full
@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_each_fault_gets_its_verdict_in_time_very_often(fault: Fault) -> None:
    await assert_right(fault, runs=100)


async def assert_right(fault: Fault, runs: int) -> None:
    tally = await simulate(fault, runs)
    print(table([tally]))  # noqa: T201 - shown when it fails, and by -s

    # A burst of the noise's kind may fall on the very end of a good release's time.
    assert tally.right >= 0.98 * runs - 1
    if fault.verdicts == {Verdict.FAIL}:
        assert tally.right == runs
        assert tally.early == 0
        found = tally.delay(0.95)
        assert found is not None
        assert found <= fault.within
    else:
        blamed = tally.verdicts.get(Verdict.FAIL, 0)
        assert blamed <= 0.02 * runs


async def test_a_longer_interval_takes_longer_and_is_as_right() -> None:
    [dead] = [fault for fault in FAULTS if fault.name == "dead"]
    tally = await simulate(dead, 5, Limits(interval=30.0))

    assert tally.right == 5
    assert 60 <= (tally.delay(0.5) or 0) <= 90
