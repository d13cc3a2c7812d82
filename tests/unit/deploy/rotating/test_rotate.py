import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.records.history import quarantined
from app.backend.deploy.report import Ending
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.resume import find_left, go_on, resume
from app.backend.deploy.rotating.rotate import rotate
from app.backend.deploy.tools import Milestone
from app.errors import LeaseHeldError, LeaseLostError, PreflightError
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform
from tests.support.rotating import (
    NAME,
    NEW,
    OLD,
    behave,
    planned,
    rotated,
    serves_with,
    today,
    written,
)


async def test_what_serves_is_deployed_once_more_with_the_new_value(
    delivery: Delivery,
) -> None:
    before = delivery.platform.active()
    report = await rotated(delivery)

    assert (report.ending, report.exit_code, report.put_back) == ("done", 0, False)
    active = delivery.platform.active()
    assert before is not None
    assert active is not None
    assert active.commit == before.commit
    assert active.id != before.id
    assert await serves_with(delivery) == await today(delivery) == NEW
    assert delivery.leases.holder is None
    assert delivery.leases.taken[-1] == f"rotate {NAME}"
    # One lease for all of it: nobody gets in between.
    assert len(delivery.leases.taken) == 3
    newest = (await delivery.runs())[:2]
    assert {(run.kind, run.outcome) for run in newest} == {
        ("rotate", "done"),
        ("deploy", "done"),
    }
    revoke, holders = report.advice
    assert "revoke the old" in revoke
    assert holders.startswith(f"{before.id}, d1 still hold")
    assert "hunter" not in written(delivery) + report.text() + str(report.to_dict())


async def test_the_plan_names_what_is_set_and_what_follows(delivery: Delivery) -> None:
    delivery.platform.given(SECRET_KEY="an-old-one")
    await delivery.good("signing")
    plan = await planned(delivery, "SECRET_KEY", "Zr8_kk2Vq0-Lw71xTgHbNpYc53mDfUeA")

    text = plan.text()
    assert "sets: PM33_ROTATED, SECRET_KEY, SECRET_KEY_PREVIOUS" in text
    assert "proof: it was asked" in text
    assert "deploy " in text
    assert plan.to_dict()["keeps"] == "SECRET_KEY_PREVIOUS"
    assert "an-old-one" not in f"{text} {plan.to_dict()} {plan!r}"
    assert [call[0] for call in delivery.platform.calls].count("set_variables") == 0


async def test_a_release_that_is_ill_with_it_is_withdrawn_and_the_old_one_put_back(
    delivery: Delivery,
) -> None:
    behave(delivery, ill_with=NEW)
    before = delivery.platform.active()
    report = await rotated(delivery)

    assert (report.ending, report.exit_code, report.put_back) == ("failed", 1, True)
    assert delivery.platform.active() == before
    assert await today(delivery) == OLD
    assert "do not revoke the old" in report.advice[0]
    assert delivery.platform.unfinished() == []


async def test_a_release_that_turns_bad_with_it_is_left_for_the_same_commit(
    delivery: Delivery,
) -> None:
    behave(delivery, bad_with=NEW)
    before = delivery.platform.active()
    report = await rotated(delivery)

    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert report.exit_code == 1
    active = delivery.platform.active()
    assert before is not None
    assert active is not None
    assert (active.commit, active.rollback_of) == (before.commit, before.id)
    assert await serves_with(delivery) == await today(delivery) == OLD
    # The commit was not at fault: it can be deployed again.
    plan = await make_plan(delivery.request(before.commit), delivery.tools)
    assert not plan.refusals


@pytest.mark.parametrize("step", ["preflight", "deploy", "gate"])
async def test_an_interrupt_before_the_switch_puts_it_back(
    delivery: Delivery, step: str
) -> None:
    async def stop(at: str, milestone: Milestone) -> None:
        if (at, milestone) == (step, Milestone.BEFORE_INTENT):
            delivery.tools.interrupt.ask()

    before = delivery.platform.active()
    report = await rotated(delivery, delivery.at(stop))

    assert (report.ending, report.exit_code, report.put_back) == (
        "interrupted",
        130,
        True,
    )
    assert delivery.platform.active() == before
    assert await today(delivery) == OLD


async def test_an_interrupt_after_the_switch_leaves_the_new_one(
    delivery: Delivery,
) -> None:
    async def stop(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("bake", Milestone.BEFORE_INTENT):
            delivery.tools.interrupt.ask()

    report = await rotated(delivery, delivery.at(stop))

    assert (report.ending, report.put_back) == ("interrupted", False)
    assert await serves_with(delivery) == await today(delivery) == NEW
    delivery.renew()
    done = await resume(delivery.tools, actor="test")
    assert isinstance(done, RotationReport)
    assert done.ending is Ending.DONE
    assert f"revoke the old {NAME}" in done.advice[0]
    assert {run.outcome for run in (await delivery.runs())[:2]} == {"done"}


async def test_a_resumed_deployment_that_turns_bad_goes_back_to_the_same_commit(
    delivery: Delivery,
) -> None:
    async def stop(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("bake", Milestone.BEFORE_INTENT):
            delivery.tools.interrupt.ask()

    await rotated(delivery, delivery.at(stop))
    before = delivery.platform.active()
    assert before
    delivery.renew()
    delivery.platform.behave(before.commit, bad_with=NEW)
    report = await resume(delivery.tools, actor="test")

    assert (report.ending, report.exit_code) == ("rolled_back", 1)
    assert isinstance(report, RotationReport)
    assert report.put_back
    after = delivery.platform.active()
    assert after
    assert after.commit == before.commit
    assert await serves_with(delivery) == await today(delivery) == OLD
    # It was the variable's fault, not the commit's.
    assert quarantined(await delivery.runs()) == {}


async def test_a_rerun_finds_what_a_killed_attempt_has_left_and_goes_on(
    delivery: Delivery,
) -> None:
    async def die(at: str, milestone: Milestone) -> None:
        if (at, milestone) == ("set", Milestone.AFTER_OUTCOME):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await rotated(delivery, delivery.at(die))
    assert (await today(delivery), await serves_with(delivery)) == (NEW, OLD)

    plan = await planned(delivery)
    assert plan.rotation.is_set
    assert f"the rotation {(await delivery.runs())[0].run} of {NAME}" in plan.text()
    request = replace(plan.request, value="a-third-value")
    assert await find_left(request, delivery.tools) is None
    left = await find_left(plan.request, delivery.tools)
    assert left is not None
    report = await go_on(left, delivery.tools, actor="test")
    assert (report.run, report.exit_code) == (left.run, 0)
    assert await serves_with(delivery) == NEW
    assert "has not ended" not in (await planned(delivery, value="a-third")).text()


async def test_a_rerun_that_fails_puts_back_what_serves_has(delivery: Delivery) -> None:
    delivery.platform.given(**{NAME: NEW})
    behave(delivery, ill_with=NEW)
    report = await rotated(delivery)

    assert report.put_back
    assert await today(delivery) == OLD


async def test_a_sealed_value_stays_as_it_is_when_the_deployment_fails(
    delivery: Delivery,
) -> None:
    delivery.platform.given(**{NAME: None})
    await delivery.good("sealed")
    behave(delivery, ill_with=NEW)
    report = await rotated(delivery)

    assert (report.exit_code, report.put_back) == (1, False)
    assert any("by hand" in note for note in report.notes)


async def test_what_the_platform_refuses_to_set_is_not_deployed(
    delivery: Delivery,
) -> None:
    plan = await planned(delivery)
    delivery.platform.refuse_next("set_variables")
    calls = len(delivery.platform.calls)
    report = await rotate(plan, delivery.tools)

    assert (report.exit_code, report.put_back) == (1, True)
    assert "is refused" in report.cause
    assert [name for name, _ in delivery.platform.calls[calls:]] == ["set_variables"]
    assert await today(delivery) == OLD


@pytest.mark.parametrize("after", [False, True])
async def test_an_ambiguous_end_of_the_call_is_asked_about(
    delivery: Delivery, *, after: bool
) -> None:
    delivery.platform.fail_next("set_variables", after=after)
    report = await rotated(delivery)

    assert report.exit_code == 0
    assert await serves_with(delivery) == NEW


async def test_somebody_else_at_work_keeps_it_from_being_touched(
    delivery: Delivery,
) -> None:
    plan = await planned(delivery)
    delivery.leases.holder = "ada"
    with pytest.raises(LeaseHeldError, match="ada"):
        await rotate(plan, delivery.tools)
    assert await today(delivery) == OLD


async def test_a_lost_lease_ends_it_and_nothing_more_is_written(
    delivery: Delivery,
) -> None:
    async def somebody(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("deploy", Milestone.BEFORE_INTENT):
            delivery.platform.see_epoch(99)

    with pytest.raises(LeaseLostError):
        await rotated(delivery, delivery.at(somebody))
    assert delivery.platform.calls[-1][0] == "set_variables"
    assert f"{NAME} may have its new value" in delivery.said[-1]


async def test_without_a_lease_it_goes_on_only_when_it_is_told_to(
    delivery: Delivery,
) -> None:
    delivery.leases.away = True
    with pytest.raises(PreflightError, match="no lease") as refused:
        await rotated(delivery)
    assert "--unlocked" in refused.value.remedy
    report = await rotated(delivery, unlocked=True)
    assert report.exit_code == 0
    assert any("unlocked" in note for note in report.notes)


class Talkative(MemoryPlatform):
    """Its releases write down what they were given, as nobody should."""

    @override
    async def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        given = await self.variables(deployment)
        at = datetime(2026, 11, 23, tzinfo=UTC)
        yield LogLine(at, "1", f"started with {given[NAME]}")


@pytest.mark.parametrize("name", ["SOME_SERVICE_KEY", "MY_THING"])
async def test_what_a_release_says_of_its_value_reaches_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(globals(), "NAME", name)
    delivery = Delivery(tmp_path)
    platform = Talkative(tmp_path / "platform.json")
    delivery.platform = platform
    delivery.renew()
    platform.given(**{name: OLD})
    await delivery.good("serving")
    behave(delivery, ill_with=NEW)
    report = await rotated(delivery, name=name)

    assert report.deployed is not None
    assert report.deployed.log == ("1 started with [redacted]",)
    assert "hunter" not in written(delivery) + report.text() + str(report.to_dict())


async def test_where_the_platform_switches_by_itself_a_failed_gate_goes_back(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path, switches_itself=True)
    delivery.platform.given(**{NAME: OLD})
    first = await delivery.good("one")
    behave(delivery, bad_with=NEW)
    report = await rotated(delivery)

    assert report.ending is Ending.ROLLED_BACK
    active = delivery.platform.active()
    assert active is not None
    assert active.commit == first
    assert await serves_with(delivery) == await today(delivery) == OLD


async def test_when_the_platform_is_gone_afterwards_nothing_is_claimed(
    delivery: Delivery,
) -> None:
    async def away(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("switch", Milestone.AFTER_INTENT):
            delivery.platform.be_away()

    report = await rotated(delivery, delivery.at(away))

    assert (report.ending, report.exit_code, report.put_back) == ("unknown", 3, False)
    assert report.is_open
    assert "undecided" in report.text()
    assert "pm33 deploy resume" in report.advice[0]
    delivery.platform.be_away(away=False)
    delivery.renew()
    assert await today(delivery) == NEW
    done = await resume(delivery.tools, actor="test")
    assert done.exit_code == 0, done.text()
    assert await serves_with(delivery) == NEW
