"""What people ask Railway for by hand, against the simulator."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.backend.deploy.platforms.railway import alerts, shield
from app.backend.deploy.platforms.railway.access import access, who
from app.backend.deploy.platforms.railway.http_logs import http_logs
from app.backend.deploy.platforms.railway.standing import standing, variable_names
from app.backend.deploy.platforms.railway.traffic import STEP, Minutes, counters
from app.errors import NotAuthorizedError
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import connected
from tests.support.railway.faults import Fault
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.instant import InstantGround
from tests.support.railway.records import Record
from tests.support.railway.simulator import Simulator, running

COMMIT = "c" * 40
URL = SecretStr("https://ops.example.com/api/hooks/railway/a-secret-of-tests")


@pytest.fixture
def ground() -> InstantGround:
    return InstantGround()


@pytest.fixture
async def railway(ground: InstantGround) -> AsyncIterator[Simulator]:
    async with running(ground, scale=0.001) as simulator:
        yield simulator


def answered(at: datetime, record: Record, status: int, **told: Any) -> EdgeRequest:
    """One that took a quarter of a second."""
    return EdgeRequest(at=at, deployment=record.id, status=status, seconds=0.25, **told)


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (TokenKind.PROJECT, "one environment: shop / production"),
        (TokenKind.WORKSPACE, "every project of the workspace"),
        (TokenKind.ACCOUNT, "whatever its owner may do"),
    ],
)
async def test_who_we_are_is_told_for_each_kind_and_never_the_token(
    railway: Simulator, tmp_path: Path, kind: TokenKind, scope: str
) -> None:
    async with connected(railway, tmp_path, kind) as made:
        found = await who(made.api)
    assert (found.kind.value, found.scope) == (kind.value, scope)
    assert found.name
    assert railway.token(kind) not in repr(found.to_dict())


async def test_an_accounts_token_is_warned_of_in_production(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path, TokenKind.ACCOUNT) as made:
        target = await made.target()
        found = await access(made.api, target, "production")
        elsewhere = await access(made.api, target, "staging")
    reach = {one.environment: one.can_access for one in found.environments}
    assert reach == {"production": True, "staging": True, "locked": False}
    assert "may do whatever its owner may" in found.warnings[0]
    assert "it reaches staging as well" in elsewhere.warnings[0]


async def test_of_a_projects_token_it_is_said_what_nobody_knows(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path) as made:
        found = await access(made.api, await made.target(), "production")
    (warning,) = found.warnings
    assert "may roll back is not documented" in warning


async def test_variables_are_names_and_sealed_ones_are_marked(
    railway: Simulator, tmp_path: Path
) -> None:
    railway.gives(PLAIN="a-plain-value")
    railway.gives(sealed=True, HIDDEN="a-hidden-value")
    async with connected(railway, tmp_path) as made:
        found = await variable_names(made.api, await made.target())
    assert {one.name: one.sealed for one in found} == {"PLAIN": False, "HIDDEN": True}
    assert "value" not in repr(found)
    assert "Variables" not in railway.asked()


async def test_the_shield_goes_up_for_a_time_and_down(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path) as made:
        target = await made.target()
        assert await shield.until(made.api, target) is None
        ends = await shield.put(made.api, target, 3600)
        assert ends is not None
        assert abs(ends - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
        assert await shield.until(made.api, target) == ends
        assert await shield.put(made.api, target, math.inf) == shield.ENDLESS
        assert await shield.until(made.api, target) == shield.ENDLESS
        assert await shield.put(made.api, target, None) is None
        assert await shield.until(made.api, target) is None


async def test_alerts_are_applied_once_whoever_asks_again(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path, TokenKind.WORKSPACE) as made:
        target = await made.target()
        assert await alerts.apply(made.api, target, URL) is alerts.Applied.CREATED
        assert await alerts.apply(made.api, target, URL) is alerts.Applied.KEPT
        other = SecretStr("https://other.example.com/hook")
        assert await alerts.apply(made.api, target, other) is alerts.Applied.CREATED
    (rule, second) = railway.world.rules
    assert rule.events == second.events == alerts.EVENTS
    assert rule.project == railway.project.id


async def test_alerts_that_lack_an_event_are_extended(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path, TokenKind.WORKSPACE) as made:
        target = await made.target()
        await alerts.apply(made.api, target, URL)
        (rule,) = railway.world.rules
        change = {"eventTypes": ["Deployment.oomKilled", "Deployment.slept"]}
        await made.api.change("NotificationRuleUpdate", id=rule.id, input=change)
        assert await alerts.apply(made.api, target, URL) is alerts.Applied.EXTENDED
    (rule,) = railway.world.rules
    assert set(rule.events) == {
        *("Deployment.oomKilled", "Deployment.slept"),
        *("Deployment.failed", "Deployment.crashed"),
    }


async def test_a_token_that_may_not_set_alerts_is_told_what_to_do(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path) as made:
        with pytest.raises(NotAuthorizedError) as caught:
            await alerts.apply(made.api, await made.target(), URL)
    assert "RAILWAY_API_TOKEN" in caught.value.remedy
    assert railway.world.rules == []


async def test_alerts_whose_answer_was_lost_are_not_created_twice(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path, TokenKind.WORKSPACE) as made:
        target = await made.target()
        railway.faults.add(Fault.AFTER_MUTATION_CUT, operation="NotificationRuleCreate")
        assert await alerts.apply(made.api, target, URL) is alerts.Applied.CREATED
    assert len(railway.world.rules) == 1


async def test_how_a_service_stands_is_told_in_two_requests(
    railway: Simulator, tmp_path: Path
) -> None:
    railway.stores(overlapSeconds=10, drainingSeconds=None)
    first = await railway.deploys(COMMIT)
    second = await railway.deploys("d" * 40)
    async with connected(railway, tmp_path) as made:
        target = await made.target()
        before = len(railway.requests)
        found = await standing(made.api, target, datetime.now(UTC))
        assert len(railway.requests) - before == 2
    assert found.active[0]["id"] == second.id
    assert found.instances == {"RUNNING": 1}
    assert found.settings["overlap in seconds"] == 10
    assert "draining in seconds" not in found.settings
    assert [one["id"] for one in found.latest] == [second.id, first.id]
    assert [one["commit"] for one in found.latest] == ["d" * 40, COMMIT]
    assert found.latest[1]["can_roll_back"]
    assert found.domains == (railway.world.domain,)


async def test_single_requests_are_told_without_who_and_without_a_query(
    railway: Simulator, ground: InstantGround, tmp_path: Path
) -> None:
    record = await railway.deploys(COMMIT)
    began = datetime.now(UTC)
    for number, status in enumerate((200, 502, 500)):
        at = began + timedelta(milliseconds=number)
        path = f"/pay?card={number}"
        ground.traffic.append(answered(at, record, status, method="POST", path=path))
    async with connected(railway, tmp_path) as made:
        all_of_them = await http_logs(made.api, record.id)
        failed = await http_logs(made.api, record.id, failed=True, limit=1)
    assert [one.text for one in all_of_them] == [
        f"POST /pay {status} 250 ms" for status in (200, 502, 500)
    ]
    assert [one.text for one in failed] == ["POST /pay 500 250 ms"]


async def test_what_the_edge_has_counted_is_added_up_by_short_questions(
    railway: Simulator, ground: InstantGround, tmp_path: Path
) -> None:
    began = datetime.now(UTC) - timedelta(minutes=30)
    record = await railway.deploys(COMMIT)
    for minute in range(30):
        at = began + timedelta(minutes=minute, seconds=1)
        for number in range(10):
            status = 503 if number == 0 else 200
            ground.traffic.append(answered(at, record, status))
    known = Minutes()
    async with connected(railway, tmp_path) as made:
        target = await made.target()
        part = began + timedelta(minutes=15)
        first = await counters(made.api, target, began, part, known=known)
        now = began + timedelta(minutes=30)
        second = await counters(made.api, target, began, now, known=known)
        alone = await counters(made.api, target, began, now)
    assert first is not None
    assert second is not None
    assert second == alone
    assert 120 <= first.requests <= 150 < second.requests <= 300
    assert second.errors * 10 == second.requests
    assert sum(second.buckets) == pytest.approx(second.requests, abs=12)
    assert STEP == 60


async def test_a_token_that_may_not_see_the_edge_is_told_so(
    railway: Simulator, tmp_path: Path
) -> None:
    async with connected(railway, tmp_path) as made:
        target = await made.target()
        railway.faults.add(Fault.NOT_AUTHORIZED, operation="Shield")
        with pytest.raises(NotAuthorizedError):
            await shield.until(made.api, target)
