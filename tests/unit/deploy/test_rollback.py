import shutil
from pathlib import Path
from typing import Any

import pytest

from app.backend.deploy.pipeline import deploy
from app.backend.deploy.records.history import quarantined
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from app.errors import LeaseHeldError, NoWayBackError, PreflightError
from tests.support.delivery import ENVIRONMENT, Delivery


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def back(delivery: Delivery, **flags: Any) -> RunReport:
    given = {"gate_hold": 1.0} | flags
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", **given)
    return await roll_back(request, delivery.tools)


async def test_last_known_good_comes_back_and_is_verified(delivery: Delivery) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")
    report = await back(delivery)
    assert report.ending is Ending.RESTORED
    assert report.exit_code == 0
    assert report.serves
    assert report.serves.commit == first
    assert [step.name for step in report.steps] == [
        *("choose", "restore", "verify", "finalise")
    ]
    run = (await delivery.runs())[0]
    assert (run.kind, run.outcome) == ("rollback", "restored")
    assert (run.commit, run.previous_commit) == (first, second)
    assert run.deployment == report.serves.id


async def test_without_database_journal_and_rows_the_platform_is_enough(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    shutil.rmtree(delivery.home)
    delivery.leases.away = True
    epoch = await delivery.platform.epoch()
    report = await back(delivery, reason="emergency")
    assert report.exit_code == 0
    assert report.serves
    assert report.serves.commit == first
    assert any("unlocked" in note for note in report.notes)
    # Whoever still holds a lease cannot change anything any more.
    assert await delivery.platform.epoch() == epoch + 1


async def test_a_journal_that_cannot_be_written_does_not_stop_it(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    shutil.rmtree(delivery.home)
    delivery.home.write_text("no folder")
    report = await back(delivery)
    assert report.exit_code == 0
    assert report.serves
    assert report.serves.commit == first
    assert any("not written down" in note for note in report.notes)


async def test_a_target_may_be_a_run_a_deployment_or_a_commit(
    delivery: Delivery,
) -> None:
    first = delivery.commit("one")
    run = (await delivery.deploy(first)).run
    await delivery.good("two")
    await delivery.good("three")
    for target in ("d1", run, first[:8]):
        report = await back(delivery, target=target)
        assert report.serves
        assert report.serves.commit == first
        await back(delivery, target="d3")


async def test_nothing_to_return_to_is_refused(delivery: Delivery) -> None:
    await delivery.good("one")
    with pytest.raises(NoWayBackError) as refused:
        await back(delivery)
    assert refused.value.exit_code == 5
    assert refused.value.remedy


async def test_what_serves_is_no_target(delivery: Delivery) -> None:
    await delivery.good("one")
    with pytest.raises(NoWayBackError, match="serves now"):
        await back(delivery, target="d1")


@pytest.mark.parametrize("target", ["d9", "abc", "0000000"])
async def test_a_target_that_names_nothing_is_refused(
    delivery: Delivery, target: str
) -> None:
    await delivery.good("one")
    with pytest.raises(NoWayBackError):
        await back(delivery, target=target)


async def test_a_rebuild_has_to_be_allowed_except_in_an_emergency(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    delivery.platform.forget("d1")
    with pytest.raises(NoWayBackError, match="no longer restore"):
        await back(delivery)
    report = await back(delivery, reason="emergency")
    assert report.serves
    assert report.serves.commit == first
    assert report.serves.rollback_of is None


async def test_one_that_does_not_come_up_leaves_the_bad_one(delivery: Delivery) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")
    delivery.platform.behave(first, restores=False)
    report = await back(delivery)
    assert report.exit_code == 3
    assert report.serves
    assert report.serves.commit == second
    assert delivery.platform.unfinished() == []


async def test_one_that_is_bad_itself_is_not_verified(delivery: Delivery) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    delivery.platform.behave(first, good=False)
    report = await back(delivery)
    assert report.ending is Ending.UNVERIFIED
    assert report.exit_code == 3
    assert report.next_command


async def test_an_outage_that_was_there_before_is_not_held_against_it(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")
    for commit in (first, second):
        delivery.platform.behave(commit, shared=True)
    report = await back(delivery)
    assert report.exit_code == 0, report.text()


async def test_an_undecided_run_is_ended_by_it(delivery: Delivery) -> None:
    first = await delivery.good("one")
    paused = await delivery.deploy(delivery.commit("two", shared=True))
    assert paused.exit_code == 6
    report = await back(delivery)
    assert report.serves
    assert report.serves.commit == first
    runs = {run.run: run for run in await delivery.runs()}
    assert runs[paused.run].outcome == "superseded"


async def test_somebody_at_work_is_not_pushed_out_by_an_emergency_alone(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    await delivery.good("two")
    delivery.leases.holder = "ada, who migrates"
    with pytest.raises(LeaseHeldError, match="ada"):
        await back(delivery, reason="emergency")


async def test_going_forward_again_quarantines_nothing(delivery: Delivery) -> None:
    first = delivery.commit("one")
    await delivery.deploy(first, monitor=False)
    await delivery.good("two")
    await back(delivery)
    await back(delivery, target="d2")
    assert quarantined(await delivery.runs()) == {}


async def test_a_second_emergency_does_not_go_forward_again(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    second = await delivery.good("two")
    await back(delivery, reason="emergency")
    for _ in range(2):
        with pytest.raises(NoWayBackError, match=second[:12]) as refused:
            await back(delivery, reason="emergency")
        assert refused.value.exit_code == 5
        assert f"--target {second[:12]}" in refused.value.remedy
        active = delivery.platform.active()
        assert active
        assert active.commit == first
        # Nor without anything but the platform.
        shutil.rmtree(delivery.home, ignore_errors=True)


async def test_each_further_rollback_goes_further_back(delivery: Delivery) -> None:
    commits = [await delivery.good(name) for name in ("one", "two", "three")]
    for commit in (commits[1], commits[0]):
        report = await back(delivery, reason="emergency")
        assert report.serves
        assert report.serves.commit == commit
    with pytest.raises(NoWayBackError):
        await back(delivery, reason="emergency")


async def test_what_was_left_is_come_back_to_once_it_was_deployed_and_watched_again(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = await delivery.good("two")
    await back(delivery)
    assert (await delivery.deploy(second)).exit_code == 0
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.serves
    assert report.serves.commit == second


async def test_what_a_watch_found_bad_is_restored_only_for_a_reason(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    bad = delivery.commit("bad", good=False)
    watched = await delivery.deploy(bad)
    delivery.platform.behave(bad)
    told = f"was rolled back by {watched.run} because .*failed rounds"
    with pytest.raises(PreflightError, match=told) as refused:
        await back(delivery, target=bad)
    assert "--reason" in refused.value.remedy
    assert len(await delivery.runs()) == 2
    report = await back(delivery, target=bad, reason="the vendor was down")
    assert report.exit_code == 0
    assert any(one.startswith("warning: ") for one in report.notes)
    # A look of two seconds is not a watch.
    assert [*quarantined(await delivery.runs())] == [bad]
    with pytest.raises(PreflightError, match=r"because .*failed rounds"):
        await delivery.deploy(bad)


async def test_what_never_served_is_no_target(delivery: Delivery) -> None:
    await delivery.good("one")
    await delivery.deploy(delivery.commit("bad", starts=False))
    with pytest.raises(NoWayBackError, match="d2 never served: health check failed"):
        await back(delivery, target="d2")


async def test_whoever_stands_in_its_way_is_named_with_the_reason(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    await delivery.good("two")
    await leave_a_run(delivery, reason="the hotfix of the week")
    with pytest.raises(LeaseHeldError, match="the hotfix of the week"):
        await back(delivery)


async def leave_a_run(delivery: Delivery, **flags: Any) -> None:
    """Somebody who is at work, and not watching."""
    commit = delivery.commit("theirs")

    async def die(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("gate", Milestone.AFTER_CALL):
            raise SystemError

    with pytest.raises(SystemError):
        await deploy(delivery.request(commit, **flags), delivery.at(die))
    (run, *_) = await delivery.runs()
    delivery.leases.holder = f"ada {run.run}"
