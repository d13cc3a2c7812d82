from pathlib import Path

import pytest

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.pipeline import deploy, make_plan, resume
from app.backend.deploy.report import Ending
from app.backend.deploy.tools import Milestone
from app.errors import LeaseHeldError, LeaseLostError, PreflightError
from tests.support.delivery import Delivery

REVISION = Revision(
    id="0002",
    follows=("0001",),
    needs=(),
    labels=(),
    title="A column",
    file="migrations/versions/0002.py",
)


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def test_a_good_release_replaces_another_and_is_remembered(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")
    report = await delivery.deploy(second)
    assert report.ending is Ending.DONE
    assert report.exit_code == 0
    assert report.verdict == "ok"
    assert report.serves
    assert report.serves.commit == second
    names = [step.name for step in report.steps]
    assert names == [
        *("preflight", "expand", "deploy", "gate", "switch", "bake", "finalise")
    ]
    assert delivery.leases.holder is None
    (run, _) = await delivery.runs()
    assert (run.outcome, run.verdict, run.commit) == ("done", "ok", second)
    assert run.deployment == report.deployment


async def test_a_first_deploy_says_that_there_is_no_way_back(
    delivery: Delivery,
) -> None:
    plan = await make_plan(delivery.request(delivery.commit("one")), delivery.tools)
    assert plan.way_back is None
    assert "way back: none" in plan.text()
    assert "nothing serves yet" in plan.text()
    assert not plan.refusals
    assert delivery.platform.calls == []


async def test_a_failed_gate_leaves_the_old_one_serving(delivery: Delivery) -> None:
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", well=False))
    assert report.ending is Ending.FAILED
    assert report.exit_code == 1
    assert report.serves
    assert report.serves.commit == first
    assert delivery.platform.unfinished() == []
    assert len(report.log) == 20
    assert report.next_command.startswith("pm33 deployments show ")
    assert not any(call[0] == "switch" for call in delivery.platform.calls[3:])


async def test_a_release_that_does_not_start_is_no_orphan(delivery: Delivery) -> None:
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", starts=False))
    assert report.exit_code == 1
    assert "health check failed" in report.cause
    active = delivery.platform.active()
    assert active
    assert active.commit == first


async def test_a_failed_bake_goes_back_and_verifies(delivery: Delivery) -> None:
    first = await delivery.good("one")
    bad = delivery.commit("bad", good=False)
    report = await delivery.deploy(bad)
    assert report.ending is Ending.ROLLED_BACK
    assert report.exit_code == 1
    assert report.verdict == "fail"
    assert report.serves
    assert report.serves.commit == first
    assert report.serves.rollback_of == "d1"
    assert [step.name for step in report.steps][-4:] == [
        *("choose", "restore", "verify", "finalise")
    ]
    assert "HTTP 500" in report.text()


async def test_a_commit_that_was_rolled_back_needs_a_reason(delivery: Delivery) -> None:
    await delivery.good("one")
    bad = delivery.commit("bad", good=False)
    await delivery.deploy(bad)
    with pytest.raises(PreflightError, match="was rolled back by"):
        await delivery.deploy(bad)
    delivery.platform.behave(bad)
    report = await delivery.deploy(bad, reason="the vendor was down")
    assert report.exit_code == 0


async def test_a_way_back_that_does_not_come_up_is_said(delivery: Delivery) -> None:
    first = await delivery.good("one")
    delivery.platform.behave(first, restores=False)
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.STRANDED
    assert report.exit_code == 3
    assert report.next_command.startswith("pm33 rollback ")


async def test_a_way_back_that_is_bad_itself_is_not_called_good(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    bad = delivery.commit("bad", good=False)

    async def spoil(step: str, milestone: Milestone) -> None:
        if step == "restore" and milestone is Milestone.BEFORE_INTENT:
            delivery.platform.behave(first, good=False)

    report = await deploy(delivery.request(bad), delivery.at(spoil))
    assert report.ending is Ending.UNVERIFIED
    assert report.exit_code == 3


async def test_a_first_deploy_that_turns_bad_has_nowhere_to_go(
    delivery: Delivery,
) -> None:
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.STRANDED
    assert report.exit_code == 3
    assert "--commit" in report.next_command


async def test_what_cannot_be_restored_is_built_anew(delivery: Delivery) -> None:
    first = await delivery.good("one")
    delivery.platform.forget("d1")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.ROLLED_BACK
    assert report.serves
    assert report.serves.commit == first
    assert report.serves.rollback_of is None


async def test_an_outage_pauses_and_rolls_nothing_back(delivery: Delivery) -> None:
    await delivery.good("one")
    second = delivery.commit("two", shared=True)
    report = await delivery.deploy(second)
    assert report.ending is Ending.PAUSED
    assert report.exit_code == 6
    assert report.serves
    assert report.serves.commit == second
    assert report.next_command.startswith("pm33 deploy resume")
    with pytest.raises(PreflightError, match="has not ended"):
        await delivery.deploy(delivery.commit("three"))
    delivery.platform.behave(second)
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.DONE
    assert resumed.run == report.run


async def test_without_rollback_the_next_command_is_said(delivery: Delivery) -> None:
    await delivery.good("one")
    bad = delivery.commit("bad", good=False)
    report = await delivery.deploy(bad, rollback=False)
    assert report.exit_code == 3
    assert report.serves
    assert report.serves.commit == bad
    assert report.next_command.startswith("pm33 rollback ")


async def test_what_nobody_watched_is_not_what_a_rollback_returns_to(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("two"), monitor=False)
    assert report.ending is Ending.UNBAKED
    assert report.exit_code == 0
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.serves
    assert report.serves.commit == first


async def test_pending_migrations_are_refused_without_the_flag(
    delivery: Delivery,
) -> None:
    delivery.schema.revisions = (REVISION,)
    commit = delivery.commit("one")
    with pytest.raises(PreflightError, match=r"0002\.py") as refused:
        await delivery.deploy(commit)
    assert "--migrate" in refused.value.remedy
    assert delivery.platform.calls == []
    report = await delivery.deploy(commit, migrate=True)
    assert report.exit_code == 0
    assert delivery.platform.calls[0] == ["run", "pm33 migrate up --phase expand"]


async def test_a_failed_migration_deploys_nothing(delivery: Delivery) -> None:
    first = await delivery.good("one")
    delivery.schema.revisions = (REVISION,)
    report = await delivery.deploy(delivery.commit("two", migrates=1), migrate=True)
    assert report.exit_code == 1
    assert report.log[-1] == "the last line"
    assert report.serves
    assert report.serves.commit == first
    assert [call[0] for call in delivery.platform.calls[-1:]] == ["run"]


async def test_a_platform_that_runs_no_commands_is_given_the_plan(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path, switches_itself=True, runs_commands=False)
    delivery.schema.revisions = (REVISION,)
    report = await delivery.deploy(delivery.commit("one"), migrate=True)
    assert report.exit_code == 0
    changes = [call for call in delivery.platform.calls if call[0] == "set_variables"]
    assert changes == [["set_variables", "PM33_MIGRATION_PLAN"]] * 2
    assert await delivery.platform.variables() == {}


async def test_where_the_platform_switches_a_failed_gate_goes_back(
    tmp_path: Path,
) -> None:
    delivery = Delivery(tmp_path, switches_itself=True)
    first = await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.ROLLED_BACK
    assert report.serves
    assert report.serves.commit == first


async def test_somebody_else_at_work_is_named(delivery: Delivery) -> None:
    delivery.leases.holder = "ada"
    commit = delivery.commit("one")
    with pytest.raises(LeaseHeldError, match="ada"):
        await delivery.deploy(commit)
    assert delivery.platform.calls == []


async def test_without_a_lease_only_the_first_deploy_goes_on(
    delivery: Delivery,
) -> None:
    delivery.leases.away = True
    report = await delivery.deploy(delivery.commit("one"))
    assert report.exit_code == 0
    assert any("unlocked" in note for note in report.notes)
    second = delivery.commit("two")
    with pytest.raises(PreflightError, match="no lease") as refused:
        await delivery.deploy(second)
    assert "--unlocked" in refused.value.remedy
    report = await delivery.deploy(second, unlocked=True)
    assert report.exit_code == 0


async def test_a_refusal_names_the_remedy_of_each_fault(delivery: Delivery) -> None:
    await delivery.good("one")
    delivery.leases.away = True
    delivery.schema.revisions = (REVISION,)
    with pytest.raises(PreflightError, match=r"no lease.*0002\.py") as refused:
        await delivery.deploy(delivery.commit("two"))
    assert "--unlocked" in refused.value.remedy
    assert "--migrate" in refused.value.remedy


async def test_a_higher_epoch_ends_the_run_at_once(delivery: Delivery) -> None:
    await delivery.good("one")
    second = delivery.commit("two")

    async def somebody(step: str, milestone: Milestone) -> None:
        if step == "switch" and milestone is Milestone.BEFORE_INTENT:
            delivery.platform.see_epoch(99)

    with pytest.raises(LeaseLostError):
        await deploy(delivery.request(second), delivery.at(somebody))
    assert ["switch", "d2"] not in delivery.platform.calls


async def test_a_changed_world_is_refused_before_it_is_touched(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second, third = delivery.commit("two"), delivery.commit("three")

    async def somebody(step: str, milestone: Milestone) -> None:
        if step == "preflight" and milestone is Milestone.BEFORE_INTENT:
            other = await delivery.platform.deploy(third, tag="other", epoch=99)
            for _ in range(3):
                await delivery.platform.deployment(other.id)
            await delivery.platform.switch(other.id, epoch=2)

    delivery.platform.see_epoch(0)
    delivery.leases.highest = 98
    with pytest.raises((PreflightError, LeaseLostError)):
        await deploy(delivery.request(second), delivery.at(somebody))
    assert ["deploy", second] not in delivery.platform.calls


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["deploy", "switch", "cancel", "roll_back"])
async def test_an_ambiguous_end_of_a_call_is_asked_about(
    delivery: Delivery, call: str, *, after: bool
) -> None:
    first = await delivery.good("one")
    behaviour = {"cancel": {"well": False}, "roll_back": {"good": False}}
    second = delivery.commit("two", **behaviour.get(call, {}))
    delivery.platform.fail_next(call, after=after)
    report = await delivery.deploy(second)
    assert report.exit_code == (1 if call in behaviour else 0), report.text()
    assert report.serves
    assert report.serves.commit == (first if call in behaviour else second)
    assert delivery.platform.unfinished() == []


async def test_a_platform_that_stays_away_leaves_a_run_to_resume(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    second = delivery.commit("two")

    async def away(step: str, milestone: Milestone) -> None:
        if step == "switch" and milestone is Milestone.AFTER_INTENT:
            delivery.platform.be_away()

    report = await deploy(delivery.request(second), delivery.at(away))
    assert report.ending is Ending.UNKNOWN
    assert report.exit_code == 3
    assert report.serves is None
    assert report.next_command.startswith("pm33 deploy resume")
    delivery.platform.be_away(away=False)
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE
    assert report.serves
    assert report.serves.commit == second


async def test_a_hotfix_takes_over_from_an_undecided_run(delivery: Delivery) -> None:
    first = await delivery.good("one")
    paused = await delivery.deploy(delivery.commit("two", shared=True))
    report = await delivery.deploy(delivery.commit("hotfix"), supersede=True)
    assert report.exit_code == 0
    by_id = {run.run: run for run in await delivery.runs()}
    assert by_id[paused.run].outcome == "superseded"
    assert by_id[paused.run].verdict == "inconclusive"
    assert by_id[report.run].outcome == "done"
    assert first


async def test_there_is_nothing_to_resume_when_all_has_ended(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    with pytest.raises(PreflightError, match="no run"):
        await resume(delivery.tools, actor="test")


async def test_a_run_that_is_named_wrongly_is_told_which_are_left_open(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    (ended,) = await delivery.runs()
    with pytest.raises(PreflightError, match="there is no run nonsense") as unknown:
        await resume(delivery.tools, actor="test", run="nonsense")
    assert "no run is left open" in unknown.value.remedy

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == ("bake", Milestone.AFTER_CALL):
            delivery.tools.interrupt.ask()

    second = delivery.commit("two")
    stopped = await deploy(delivery.request(second), delivery.at(interrupt))
    assert "nobody watches it now" in stopped.cause
    delivery.renew()
    for name, why in (("nonsense", "no run"), (ended.run, "has ended: done")):
        with pytest.raises(PreflightError, match=why) as refused:
            await resume(delivery.tools, actor="test", run=name)
        assert f"{stopped.run} (deploy {second[:12]})" in refused.value.remedy
