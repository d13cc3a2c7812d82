"""The look at a live service, at the simulator: it finds what the switches say."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.live.facts import Finding, Found, findings
from tests.live.gathering import gather
from tests.support.processes import start
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import connected, variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.instant import InstantGround
from tests.support.railway.plans import Unknowns
from tests.support.railway.simulator import Simulator, running
from tests.support.railway.waiting import until

FIRST, SECOND = "a" * 40, "b" * 40
VALUE = "a-value-that-nobody-may-see"


async def looked(simulator: Simulator, home: Path) -> Mapping[str, Finding]:
    async with connected(simulator, home) as made:
        gathered = await gather(made, simulator.api_url)
    found = findings(gathered)
    assert simulator.changes() == []
    for secret in (VALUE, simulator.token(TokenKind.PROJECT)):
        assert secret not in repr(found)
    return {one.fact: one for one in found}


async def test_an_empty_service_leaves_most_open_and_nothing_otherwise(
    tmp_path: Path,
) -> None:
    async with running(InstantGround(), scale=0.001) as simulator:
        found = await looked(simulator, tmp_path)
    assert {one.found for one in found.values()} == {Found.SETTLED, Found.OPEN}
    assert found["no status but those of the schema"].seen == "all known: none"
    told = found["notification rules, and how channels are configured"].seen
    assert told.startswith("a token of the kind project may not")


@pytest.mark.parametrize("can", [True, False])
async def test_what_the_service_has_done_settles_facts(
    tmp_path: Path,
    can: bool,  # noqa: FBT001 - a switch has two positions
) -> None:
    ground = InstantGround()
    ground.behave(FIRST, says=("one", "two", "three"))
    unknowns = Unknowns(active_can_roll_back=can, rollback_runs_pre_deploy=can)
    async with running(ground, scale=0.001, unknowns=unknowns) as simulator:
        simulator.stores(preDeployCommand=["pm33 migrate up"], overlapSeconds=5)
        simulator.gives(PLAIN=VALUE)
        simulator.gives(sealed=True, HIDDEN=VALUE)
        first = await simulator.deploys(FIRST)
        await simulator.deploys(SECOND)
        simulator.conductor.roll_back(first)
        again = await until(lambda: simulator.deployments, lambda them: len(them) == 3)
        await simulator.settled(again[-1])
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        ground.traffic.append(
            EdgeRequest(
                at=minute - timedelta(hours=6, seconds=-1),
                deployment=first.id,
                status=200,
                seconds=0.1,
            )
        )
        found = await looked(simulator, tmp_path)
    seen = {fact: one.seen for fact, one in found.items()}
    back = seen["whether a rollback runs pre-deploy and health check again"]
    assert back.startswith(f"PRE_DEPLOY_COMMAND: {'again' if can else 'not'}")
    active = seen["whether what is active could be rolled back to"]
    assert active == f"canRollback of what is active: {can}"
    assert "PRE_DEPLOY_COMMAND" in seen["when the pre-deploy command runs"]
    assert (
        "overlapSeconds"
        in seen["meta.serviceManifest tells what a deployment ran with"]
    )
    assert seen["how many lines limit=1 brings"].startswith("2 came")
    assert found["how a snapshot shows sealed variables"].found is Found.SETTLED
    assert Found.OTHERWISE not in {one.found for one in found.values()}


async def test_a_status_that_nobody_knows_is_otherwise(tmp_path: Path) -> None:
    async with running(InstantGround(), scale=0.001) as simulator:
        simulator.faults.add(Fault.UNKNOWN_STATUS)
        await simulator.deploys(FIRST)
        found = await looked(simulator, tmp_path)
    fact = found["no status but those of the schema"]
    assert (fact.found, fact.seen) == (Found.OTHERWISE, "unknown: TELEPORTING")


@pytest.mark.full
async def test_the_command_prints_a_table_and_exits_as_it_says(
    tmp_path: Path,
) -> None:
    async with running(InstantGround(), scale=0.001) as simulator:
        await simulator.deploys(FIRST)
        given: dict[str, Any] = variables_for(simulator, tmp_path)
        assert await code_of(tmp_path, given) == 0
        table = (tmp_path / "output").read_text()
        assert "of 14 facts: " in table
        assert await code_of(tmp_path, given, "--json") == 0
        lines = (tmp_path / "output").read_text().splitlines()
        (told,) = [json.loads(line) for line in lines if line.startswith("[")]
        assert {one["found"] for one in told} <= {*Found}
        given["RAILWAY_TOKEN"] = "no-token-of-anybody"
        assert await code_of(tmp_path, given) == 5
        del given["RAILWAY_TOKEN"]
        assert await code_of(tmp_path, given) == 78


async def code_of(folder: Path, given: Mapping[str, str], *words: str) -> int:
    with start(
        ["-m", "tests.live.smoke_railway", *words],
        output=folder / "output",
        env=dict(given),
    ) as child:
        return await child.exit_code()
