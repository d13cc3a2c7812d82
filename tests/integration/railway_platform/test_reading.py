import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.platforms.railway.tokens import TokenKind
from app.errors import (
    DeploymentNotFoundError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
)
from tests.support.delivery import QuickClock
from tests.support.processes import eventually
from tests.support.railway.faults import Fault
from tests.support.railway.plans import Unknowns
from tests.support.railway_platform import NEW, OLD, AtRailway, at_railway

TAG = "20260101-120000-abcd"
SECRET = "s3cr3t-of-today"


async def test_variables_of_the_next_deployment_hide_what_is_sealed(
    railway: AtRailway,
) -> None:
    railway.simulator.gives(PLAIN="one")
    railway.simulator.gives(SEALED=SECRET, sealed=True)
    found = await railway.open().variables()
    assert found["PLAIN"] == "one"
    assert found["SEALED"] is None
    assert "RAILWAY_DEPLOYMENT_ID" not in found


@pytest.mark.full
async def test_what_is_sealed_is_hidden_however_many_variables_there_are(
    railway: AtRailway,
) -> None:
    plain = {f"PLAIN_{number}": "x" for number in range(500)}
    railway.simulator.service.variables = plain
    railway.simulator.gives(SEALED=SECRET, sealed=True)
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    for whose in (None, old.id):
        found = await platform.variables(whose)
        assert "SEALED" in found
        assert found["SEALED"] is None
    assert railway.asked("VariableNames") == 2


async def test_variables_of_a_deployment_are_its_own(railway: AtRailway) -> None:
    railway.simulator.gives(PLAIN="before")
    old = await railway.simulator.deploys(OLD)
    railway.simulator.gives(PLAIN="after")
    platform = railway.open()
    given = await platform.variables(old.id)
    assert given["PLAIN"] == "before"
    assert (await platform.variables())["PLAIN"] == "after"


async def test_what_a_deployment_was_given_is_asked_for_once(
    railway: AtRailway,
) -> None:
    railway.simulator.gives(PLAIN="before")
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    first = await platform.variables(old.id)
    railway.simulator.gives(PLAIN="after")
    assert await platform.variables(old.id) == first
    assert railway.asked("VariablesGiven") == 1


async def test_variables_of_the_next_deployment_are_asked_for_again_after_a_while(
    tmp_path: Path,
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock) as railway:
        railway.simulator.gives(PLAIN="one")
        platform = railway.open()
        assert (await platform.variables())["PLAIN"] == "one"
        railway.simulator.gives(PLAIN="two")
        assert (await platform.variables())["PLAIN"] == "one"
        await clock.sleep(11)
        assert (await platform.variables())["PLAIN"] == "two"


async def test_whoever_has_changed_variables_or_is_about_to_act_reads_them_anew(
    railway: AtRailway,
) -> None:
    platform = railway.open()
    await platform.variables()
    await platform.set_variables({"PLAIN": "mine"}, epoch=0)
    assert (await platform.variables())["PLAIN"] == "mine"
    railway.simulator.gives(PLAIN="theirs")
    await platform.epoch()
    assert (await platform.variables())["PLAIN"] == "theirs"


async def test_an_answer_that_a_change_has_overtaken_is_not_kept(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path, clock=QuickClock()) as railway:
        railway.simulator.gives(PLAIN="before")
        slow = railway.simulator.faults.add(
            Fault.SLOW, operation="VariablesToday", seconds=1e6
        )
        platform = railway.open()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            overtaken = tasks.create_task(platform.variables())
            await eventually(lambda: not slow.left)
            await platform.set_variables({"PLAIN": "mine"}, epoch=0)
            slow.lands.set()
        assert overtaken.result()["PLAIN"] == "before"
        assert (await platform.variables())["PLAIN"] == "mine"


@pytest.mark.full
async def test_a_snapshot_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    unknowns = Unknowns(snapshot_readable=False)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        old = await railway.simulator.deploys(OLD)
        with pytest.raises(PlatformError):
            await railway.open().variables(old.id)


async def test_a_run_is_found_again_where_no_snapshot_is_to_be_read(
    tmp_path: Path,
) -> None:
    unknowns = Unknowns(snapshot_readable=False)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        first = await railway.open().deploy(NEW, tag=TAG, epoch=1)
        again = await railway.open().deploy(NEW, tag=TAG, epoch=2)
        assert again.id == first.id


async def test_setting_variables_deploys_nothing(tmp_path: Path) -> None:
    unknowns = Unknowns(variable_delete_deploys=True)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        await railway.simulator.deploys(OLD)
        platform = railway.open()
        plan = {"PM33_MIGRATION_PLAN": "0" * 64}
        await platform.set_variables({**plan, "ONE": "1", "TWO": "2"}, epoch=1)
        found = await platform.variables()
        assert (found["ONE"], found["TWO"]) == ("1", "2")
        assert found["PM33_MIGRATION_PLAN"] == "0" * 64
        assert railway.asked("VariableCollectionUpsert") == 1
        await platform.set_variables(dict.fromkeys(plan), epoch=1)
        assert "PM33_MIGRATION_PLAN" not in await platform.variables()
        assert len(railway.simulator.deployments) == 1


@pytest.mark.full
async def test_a_variable_can_be_removed(railway: AtRailway) -> None:
    railway.simulator.gives(ONE="1", TWO="2")
    platform = railway.open()
    await platform.set_variables({"ONE": None}, epoch=1)
    found = await platform.variables()
    assert "ONE" not in found
    assert "TWO" in found


@pytest.mark.parametrize(
    ("value", "operation"),
    [("2", "VariableCollectionUpsert"), (None, "VariableDelete")],
)
async def test_a_variable_that_railway_does_not_change_is_said(
    railway: AtRailway, value: str | None, operation: str
) -> None:
    railway.simulator.gives(ONE="1")
    railway.simulator.faults.add(Fault.SAYS_FALSE, operation=operation)
    with pytest.raises(PlatformError, match=f"has not done {operation}") as raised:
        await railway.open().set_variables({"ONE": value}, epoch=1)
    assert raised.value.remedy
    assert railway.simulator.service.variables["ONE"] == "1"


@pytest.mark.full
async def test_what_a_run_is_marked_with_is_no_variable_of_anybody(
    railway: AtRailway,
) -> None:
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    assert "PM33_RUN" not in await platform.variables()
    assert "PM33_RUN" not in await platform.variables(begun.id)


async def test_logs_are_the_newest_lines_the_oldest_first(railway: AtRailway) -> None:
    railway.ground.behave(OLD, says=tuple(f"line {number}" for number in range(9)))
    old = await railway.simulator.deploys(OLD)
    lines = [line async for line in railway.open().logs(old.id, limit=3)]
    assert [line.text for line in lines] == ["line 6", "line 7", "line 8"]
    assert all(line.replica for line in lines)


async def test_what_never_ran_shows_its_build(railway: AtRailway) -> None:
    railway.simulator.faults.add(Fault.BUILD_FAILS)
    failed = await railway.simulator.deploys(NEW)
    lines = [line async for line in railway.open().logs(failed.id)]
    assert any("failed to build" in line.text for line in lines)


async def test_no_line_is_shown_while_railway_does_not_say_what_to_hide_in_it(
    railway: AtRailway,
) -> None:
    old = await railway.simulator.deploys(OLD)
    railway.simulator.faults.add(Fault.DOWN, operation="VariablesGiven", times=None)
    railway.patience = 10.0
    with pytest.raises(PlatformUnreachableError):
        await anext(railway.open().logs(old.id))


@pytest.mark.parametrize(
    "fault", [None, pytest.param(Fault.LOG_LINES_TWICE, marks=pytest.mark.full)]
)
async def test_following_tells_each_line_once(
    railway: AtRailway, fault: Fault | None
) -> None:
    old = await railway.simulator.deploys(OLD)
    if fault is not None:
        railway.simulator.faults.add(fault, times=None)
    platform = railway.open()
    told: list[LogLine] = []
    async with asyncio.timeout(20), aclosing(platform.logs(old.id, follow=True)) as one:
        async for line in one:
            told.append(line)
            if len(told) == 1:
                old.deploy_lines.write("a later line")
            if line.text == "a later line":
                break
    assert len({(line.at, line.text) for line in told}) == len(told)


@pytest.mark.full
async def test_an_id_of_nobody_is_not_found(railway: AtRailway) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    platform = railway.open()
    with pytest.raises(DeploymentNotFoundError):
        await platform.deployment(unknown)
    with pytest.raises(DeploymentNotFoundError):
        await platform.http_logs(unknown)


@pytest.mark.parametrize(
    "fault", [Fault.EDGE_REFUSED, pytest.param(Fault.PROBLEM, marks=pytest.mark.full)]
)
async def test_one_that_railway_refuses_to_show_is_not_taken_for_gone(
    railway: AtRailway, fault: Fault
) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    railway.simulator.faults.add(fault, operation="Deployment", times=None)
    with pytest.raises(PlatformError) as raised:
        await railway.open().deployment(unknown)
    assert type(raised.value) is PlatformError
    assert raised.value.remedy


@pytest.mark.parametrize("kind", TokenKind)
async def test_what_a_deleted_token_no_longer_sees_is_not_taken_for_gone(
    tmp_path: Path, kind: TokenKind
) -> None:
    async with at_railway(folder=tmp_path, kind=kind) as railway:
        old = await railway.simulator.deploys(OLD)
        platform = railway.open()
        assert await platform.deployments()
        railway.simulator.revokes(kind)
        with pytest.raises(NotAuthorizedError, match="is not valid") as raised:
            await platform.http_logs(old.id)
        assert raised.value.remedy


async def test_users_go_to_the_domain_of_the_service(railway: AtRailway) -> None:
    url = await railway.open().url()
    assert url == f"https://{railway.simulator.world.domain}"


async def test_the_address_that_is_set_wins(tmp_path: Path) -> None:
    environ = {"PM33_PUBLIC_URL": "https://shop.example/"}
    async with at_railway(folder=tmp_path, environ=environ) as railway:
        assert await railway.open().url() == "https://shop.example"
        assert railway.simulator.requests == []


async def test_settings_are_the_commits_over_what_is_stored(tmp_path: Path) -> None:
    file = "[deploy]\noverlapSeconds = 20\n"
    async with at_railway(folder=tmp_path, files={NEW: file}) as railway:
        railway.simulator.stores(drainingSeconds=30)
        platform = railway.open()
        found = await platform.settings(NEW)
        assert found.overlap_seconds == 20
        assert found.draining_seconds == 30
        begun = await platform.deploy(NEW, tag=TAG, epoch=1)
        ran = (await platform.deployment(begun.id)).ran_with
        assert ran is not None
        assert ran.overlap_seconds == 20


@pytest.mark.full
async def test_a_commit_that_is_not_here_has_no_settings(tmp_path: Path) -> None:
    async with at_railway(folder=tmp_path, files={OLD: ""}) as railway:
        with pytest.raises(PlatformError):
            await railway.open().settings(NEW)


async def test_requests_are_counted(railway: AtRailway) -> None:
    platform = railway.open()
    await platform.deployments()
    told = await platform.requests()
    assert told is not None
    assert told.made == len(railway.simulator.requests)
    assert told.limit == 10_000
    assert told.left is not None
