"""The smoke test that changes things, at the simulator: it finds each switch."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.backend.deploy.interrupt import Interrupt
from app.errors import PreflightError
from tests.live.changes.announcing import MARKER
from tests.live.changes.judging import FACTS
from tests.live.changes.session import Outcome
from tests.support.processes import eventually, start
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway.smoke_scene import SmokeScene, smoke_scene

NEVER = {"crashed_by_one_replica", "image_source_deploys"}
OF_TOKENS = {
    "project_token_may_roll_back",
    "project_token_may_switch_autodeploy",
    "project_token_may_set_alerts",
}
OF_ROLLBACKS = {
    "rollback_rewrites_variables",
    "rollback_runs_pre_deploy",
    "rollback_waits_for_health",
}
NAMES = [one.name for one in fields(Unknowns)]


def flipped(*names: str) -> Unknowns:
    usual = Unknowns()
    return replace(usual, **{name: not getattr(usual, name) for name in names})


def told(outcome: Outcome) -> Mapping[str, bool | None]:
    return {one.fact: one.holds for one in outcome.facts}


def so(unknowns: Unknowns, *, but: set[str]) -> Mapping[str, bool | None]:
    """What the switches are, but for what cannot be settled."""
    hidden = NEVER | but
    return {name: None if name in hidden else getattr(unknowns, name) for name in NAMES}


async def test_all_that_can_be_settled_is_and_each_thing_is_asked_for_once(
    tmp_path: Path,
) -> None:
    assert [*FACTS] == NAMES
    async with smoke_scene(tmp_path, scale=0.01) as found:
        outcome = await found.tried()
        assert told(outcome) == so(Unknowns(), but=set())
        assert (outcome.exit_code, outcome.left) == (0, ())
        assert found.is_as_before
        made = ["ServiceInstanceUpdate", "VariableCollectionUpsert", "Deploy"]
        assert found.simulator.changes() == [
            "AutoDeployUpdate",
            "NotificationRuleCreate",
            *made,
            *made,
            "Rollback",
            *("ServiceInstanceUpdate", "VariableDelete", "Rollback"),
            "AutoDeployUpdate",
        ]


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
async def test_one_switch_the_other_way_is_found_and_all_is_put_back(
    tmp_path: Path, name: str
) -> None:
    unknowns = flipped(name)
    hidden = set() if unknowns.project_token_may_roll_back else OF_ROLLBACKS
    async with smoke_scene(tmp_path, unknowns) as found:
        outcome = await found.tried()
        assert told(outcome) == so(unknowns, but=hidden)
        assert (outcome.exit_code, outcome.left) == (0, ())
        assert found.is_as_before


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "hidden"),
    [(TokenKind.PROJECT, OF_ROLLBACKS), (TokenKind.WORKSPACE, OF_TOKENS)],
)
async def test_all_switches_the_other_way_are_found_and_all_is_put_back(
    tmp_path: Path, kind: TokenKind, hidden: set[str]
) -> None:
    unknowns = flipped(*NAMES)
    async with smoke_scene(tmp_path, unknowns) as found:
        outcome = await found.tried(kind)
        assert told(outcome) == so(unknowns, but=hidden)
        assert (outcome.exit_code, outcome.left) == (0, ())
        assert found.is_as_before


async def test_production_is_not_changed_unless_somebody_insists(
    tmp_path: Path,
) -> None:
    async with smoke_scene(tmp_path, scale=0.001) as found:
        with pytest.raises(PreflightError, match="production is not changed"):
            await found.tried(insists=False)
        assert found.simulator.changes() == []


async def test_a_service_at_which_somebody_else_is_at_work_is_not_changed(
    tmp_path: Path,
) -> None:
    async with smoke_scene(tmp_path, scale=0.001) as found:
        found.simulator.faults.add(Fault.STUCK_QUEUED)
        record = await found.simulator.deploys("b" * 40, wait=False)
        await found.simulator.reaches(record, Status.QUEUED)
        with pytest.raises(PreflightError, match="is under way"):
            await found.tried()
        assert found.simulator.changes() == []


async def test_interrupted_while_the_first_is_built_what_served_never_stops(
    tmp_path: Path,
) -> None:
    async with smoke_scene(tmp_path, scale=0.01) as found:
        interrupt = Interrupt()
        found.when(2, Status.BUILDING, interrupt.ask)
        outcome = await found.tried(interrupt=interrupt)
        assert (outcome.exit_code, outcome.left) == (130, ())
        assert found.simulator.serving is found.serving
        assert found.is_as_before
        changes = found.simulator.changes()
        assert (changes.count("Deploy"), changes.count("Cancel")) == (1, 1)
        assert told(outcome)["rollback_rewrites_variables"] is None


async def test_a_second_ctrl_c_leaves_things_and_says_which(tmp_path: Path) -> None:
    async with smoke_scene(tmp_path, scale=0.01) as found:
        interrupt, said = Interrupt(), list[str]()
        trying = asyncio.ensure_future(found.tried(interrupt=interrupt, said=said))
        found.when(2, Status.BUILDING, interrupt.ask)
        # That is the first thing which is put back.
        found.when(2, Status.REMOVED, trying.cancel)
        with pytest.raises(asyncio.CancelledError):
            await trying
        (marker,) = [one for one in found.simulator.service.variables if MARKER in one]
        assert said[-1].startswith(f"left as it is ({marker}): ")
        assert said[-1].endswith("what serves; variables, once more; autodeploy")
        assert found.simulator.serving is found.serving


@pytest.mark.full
@pytest.mark.parametrize("flip", [[], ["rollback_rewrites_variables"]])
@pytest.mark.parametrize(
    ("count", "status"),
    [(3, Status.DEPLOYING), (3, Status.SUCCESS), (4, Status.INITIALIZING)],
)
async def test_interrupted_later_it_is_put_back_as_well(
    tmp_path: Path, count: int, status: Status, flip: list[str]
) -> None:
    async with smoke_scene(tmp_path, flipped(*flip), scale=0.01) as found:
        interrupt = Interrupt()
        found.when(count, status, interrupt.ask)
        outcome = await found.tried(interrupt=interrupt)
        assert (outcome.exit_code, outcome.left) == (130, ())
        assert found.is_as_before


@pytest.mark.full
@pytest.mark.parametrize(
    ("fault", "told_of"),
    [
        (Fault.BUILD_FAILS, "ended FAILED"),
        (Fault.NEVER_HEALTHY, "ended FAILED"),
        (Fault.STUCK_QUEUED, "did not come within"),
        (Fault.SKIPPED, "ended SKIPPED"),
    ],
)
async def test_a_deployment_that_comes_to_nothing_ends_it_and_is_the_reason_told(
    tmp_path: Path, fault: Fault, told_of: str
) -> None:
    async with smoke_scene(tmp_path, scale=0.003) as found:
        found.simulator.faults.add(fault)
        outcome = await found.tried()
        assert (outcome.exit_code, outcome.left) == (3, ())
        assert told_of in outcome.stopped
        assert found.simulator.serving is found.serving
        assert found.is_as_before
        facts = {one.fact: one for one in outcome.facts}
        assert facts["rollback_runs_pre_deploy"].holds is None
        assert told_of in facts["rollback_runs_pre_deploy"].seen
        assert facts["project_token_may_switch_autodeploy"].holds is True


@pytest.mark.full
@pytest.mark.parametrize(
    "operation",
    [
        "Deploy",
        "Rollback",
        "ServiceInstanceUpdate",
        "VariableCollectionUpsert",
        "VariableDelete",
        "NotificationRuleDelete",
    ],
)
async def test_an_answer_that_is_lost_is_no_reason_to_ask_again(
    tmp_path: Path, operation: str
) -> None:
    unknowns = flipped("project_token_may_set_alerts")
    async with smoke_scene(tmp_path, unknowns) as found:
        found.simulator.faults.add(Fault.AFTER_MUTATION_ERROR, operation=operation)
        outcome = await found.tried()
        facts = told(outcome)
        assert facts == so(unknowns, but=set())
        assert found.is_as_before
        changes = found.simulator.changes()
        assert (changes.count("Deploy"), changes.count("Rollback")) == (2, 2)
        assert changes.count("VariableDelete") == 1
        # Whether that one is gone nobody can tell who may not list them.
        assert len(outcome.left) == (operation == "NotificationRuleDelete")


@pytest.mark.full
async def test_what_cannot_be_put_back_is_said(tmp_path: Path) -> None:
    async with smoke_scene(tmp_path, scale=0.01) as found:
        faults = found.simulator.faults

        def refuse() -> None:
            for one in ("AutoDeployUpdate", "VariableDelete"):
                faults.add(Fault.NOT_AUTHORIZED, operation=one, times=None)

        found.when(3, Status.BUILDING, refuse)
        outcome = await found.tried()
        assert outcome.exit_code == 1
        (marker,) = [one for one in found.simulator.service.variables if MARKER in one]
        assert any(marker in one for one in outcome.left)
        assert any(one.startswith("autodeploy: ") for one in outcome.left)
        assert f"not put back: {outcome.left[0]}" in outcome.text()
        assert found.simulator.service.stored == found.before["stored"]
        assert told(outcome)["variable_delete_deploys"] is None


@pytest.mark.full
async def test_the_command_refuses_what_was_not_meant(tmp_path: Path) -> None:
    async with smoke_scene(tmp_path, scale=0.001) as found:
        for words, code, text in (
            (["--yes"], 2, "go with --changes"),
            (["--changes", "elsewhere", "--yes"], 2, "there is no service"),
            (["--changes", "web", "--yes"], 5, "production is not changed"),
            (["--changes", "web", "--in-production"], 2, "nobody to ask"),
        ):
            assert await code_of(found, *words) == code
            assert text in (tmp_path / "output").read_text()
        assert found.simulator.changes() == []


@pytest.mark.full
async def test_ctrl_c_in_the_command_puts_everything_back(tmp_path: Path) -> None:
    async with smoke_scene(tmp_path, scale=0.01) as found:
        simulator = found.simulator
        arguments = ["-m", "tests.live.smoke_railway", "--changes", "web"]
        with start(
            [*arguments, "--yes", "--in-production", "--json"],
            output=tmp_path / "output",
            env=variables_for(simulator, tmp_path),
        ) as child:
            await eventually(lambda: "Deploy" in simulator.changes())
            child.signal(signal.SIGINT)
            # It waits half a minute for what a deleted variable may bring.
            assert await child.exit_code(within=120) == 130
            told = await child.event(left=[], stopped="it was interrupted")
            assert {one["fact"] for one in told["facts"]} == {*NAMES}
        assert found.is_as_before


async def code_of(found: SmokeScene, *words: str) -> int:
    with start(
        ["-m", "tests.live.smoke_railway", *words],
        output=found.home / "output",
        env=variables_for(found.simulator, found.home),
    ) as child:
        return await child.exit_code()
