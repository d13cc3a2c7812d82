import asyncio
from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.report import Ending
from app.backend.deploy.tools import Milestone
from tests.support.delivery import Delivery

BEFORE_THE_SWITCH = ("preflight", "expand", "deploy", "gate")


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


@pytest.mark.parametrize("milestone", [Milestone.BEFORE_INTENT, Milestone.AFTER_CALL])
@pytest.mark.parametrize("step", BEFORE_THE_SWITCH)
async def test_before_the_switch_the_first_interrupt_withdraws_the_release(
    delivery: Delivery, step: str, milestone: Milestone
) -> None:
    first = await delivery.good("one")
    second = delivery.commit("two")

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == (step, milestone):
            delivery.tools.interrupt.ask()

    report = await deploy(delivery.request(second), delivery.at(interrupt))
    assert report.ending is Ending.INTERRUPTED
    assert report.exit_code == 130
    assert report.serves
    assert report.serves.commit == first
    assert delivery.platform.unfinished() == []
    assert delivery.leases.holder is None
    (run, _) = await delivery.runs()
    assert run.ended
    assert run.outcome == "interrupted"


async def test_while_it_bakes_the_first_interrupt_only_stops_watching(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == ("bake", Milestone.AFTER_CALL):
            delivery.tools.interrupt.ask()

    report = await deploy(delivery.request(second), delivery.at(interrupt))
    assert report.exit_code == 130
    assert report.serves
    assert report.serves.commit == second
    assert report.next_command.startswith("pm33 deploy resume")
    (run, _) = await delivery.runs()
    assert not run.ended
    assert run.notes[-1].data["left"] == "interrupted"
    delivery.renew()
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.DONE


async def test_going_back_is_not_stopped_by_the_first_interrupt(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    bad = delivery.commit("bad", good=False)

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == ("restore", Milestone.BEFORE_INTENT):
            delivery.tools.interrupt.ask()

    report = await deploy(delivery.request(bad), delivery.at(interrupt))
    assert report.ending is Ending.ROLLED_BACK
    assert report.serves
    assert report.serves.commit == first


@pytest.mark.parametrize("step", ["deploy", "gate", "bake"])
async def test_a_second_interrupt_leaves_everything_and_says_so(
    delivery: Delivery, step: str
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == (step, Milestone.AFTER_CALL):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await deploy(delivery.request(second), delivery.at(interrupt))
    assert delivery.leases.holder is None
    (run, _) = await delivery.runs()
    assert not run.ended
    assert run.notes[-1].data["left"] == "as it is"
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE
    assert delivery.platform.unfinished() == []
