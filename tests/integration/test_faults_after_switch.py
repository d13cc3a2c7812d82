"""A release passes its gate, takes over, and turns bad; nothing here is feigned."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.sockets import point, run_dir
from app.backend.deploy.records.history import last_known_good, quarantined
from app.backend.deploy.records.run_state import StepStatus, runs_of
from app.backend.deploy.report import Ending, RunReport
from tests.support import obedient_app
from tests.support.canned_http import canned_service
from tests.support.local_delivery import LocalDelivery, local_delivery
from tests.support.local_platform import ask
from tests.support.private_postgres import private_postgres
from tests.support.served_release import LEASE, released
from tests.support.turning_bad import OVERLAP, Fault, light, settings_for

BAKE = 30.0
UNDECIDED_BAKE = 3.0
PATIENT = 1.0
"""A check that is not critical is waited for as long as three rounds take."""
SHORT_WAIT = 4.0
QUICK = {Fault.ONE_OF_FOUR}
SAYS = {
    Fault.DEAD: ("CRASHED", "failed"),
    Fault.ERRORS: ("HTTP 500",),
    Fault.SOME_ERRORS: ("HTTP 500",),
    Fault.SLOW: ("slow",),
    Fault.CRASH_LOOP: ("started again", "failed", "CRASHED"),
    Fault.ONE_OF_FOUR: ("HTTP 500",),
    Fault.ANOTHER: ("answered by another release",),
}
"""A part of the reason; where several rules are in a race, one of these."""


def faults() -> list[object]:
    marks = {fault: () if fault in QUICK else pytest.mark.full for fault in Fault}
    return [pytest.param(fault, marks=marks[fault], id=fault.name) for fault in Fault]


@pytest.mark.parametrize("fault", faults())
async def test_a_release_that_turns_bad_is_rolled_back_and_that_verified(
    tmp_path: Path, database_url: str, fault: Fault
) -> None:
    order, settings = tmp_path / "order", settings_for(fault)
    async with local_delivery(tmp_path, database_url) as delivery:
        commits = [
            delivery.repository.commit(name, release__py=text, railway__toml=settings)
            for name, text in (
                ("older", light("older")),
                ("good", light("good")),
                ("bad", light("bad", order)),
            )
        ]
        older, good, bad = commits
        for commit in (older, good):
            report = await delivery.deploy(commit, bake=0.3)
            assert report.ending is Ending.DONE, report.text()
        (was,) = await delivery.active()
        report = await turned_bad(delivery, bad, order, fault, was.id)
        told = "\n".join((*delivery.said, report.text()))
        assert any(part in report.cause for part in SAYS[fault]), told
        await is_undone(delivery, report, bad=bad, good=good, older=older)


async def turned_bad(
    delivery: LocalDelivery, bad: str, order: Path, fault: Fault, old: str
) -> RunReport:
    """Deploys it, lets it turn bad once it serves, and returns how that has ended."""
    deploying = asyncio.create_task(delivery.deploy(bad, bake=BAKE))
    await delivery.serving(bad)
    (active,) = await delivery.active()
    await delivery.has_said(f"watching {active.id}")
    order.write_text(fault, encoding="utf-8")  # noqa: ASYNC240 - a word
    if fault is Fault.ANOTHER:
        run = run_dir(delivery.home)
        point(run / "active", run / old)
    return await deploying


async def is_undone(
    delivery: LocalDelivery, report: RunReport, *, bad: str, good: str, older: str
) -> None:
    """Everything that has to hold after a rollback."""
    told = "\n".join((*delivery.said, report.text()))
    assert (report.ending, report.exit_code) == (Ending.ROLLED_BACK, 1), told
    took = {step.name: step.seconds for step in report.steps if step.ok}
    assert "verify" in took, told
    assert took["choose"] < SHORT_WAIT, told  # users wait for it
    answers = [await ask(delivery.platform, "/api/version") for _ in range(20)]
    (active,) = await delivery.active()
    assert {one["deployment_id"] for one in answers} == {active.id}
    assert {one["commit"] for one in answers} == {good}
    assert report.serves == active
    assert await delivery.orphans(within=OVERLAP + 10) == []
    assert await delivery.lease_holder() is None
    file, rows = await delivery.events()
    assert file == rows
    runs = runs_of(file)
    assert [(one.commit, one.outcome, one.ended) for one in runs] == [
        (bad, "rolled_back", True),
        (good, "done", True),
        (older, "done", True),
    ]
    assert all(step.status.is_over for step in runs[0].steps.values())
    failed = [
        name for name, step in runs[0].steps.items() if step.status is StepStatus.FAILED
    ]
    assert failed == ["bake"]
    shunned = quarantined(runs)
    assert {commit: by.run for commit, by in shunned.items()} == {bad: report.run}
    listed = await delivery.platform.deployments(50)
    for known in (runs, ()):
        next_way_back = last_known_good(listed, known, current_commit=good)
        assert next_way_back is not None
        assert next_way_back.commit == older


class TestServed:
    """Releases of the real service: their health page is the real one."""

    @pytest.mark.full
    @pytest.mark.parametrize("order", ["fail", "leak"])
    async def test_one_that_is_bad_on_its_routes_is_rolled_back(
        self, tmp_path: Path, database_url: str, order: str
    ) -> None:
        """``leak``: it uses its pool up, which is no outage of the database."""
        async with released(tmp_path, database_url, database_url) as release:
            report = await release.turns_bad(order, BAKE)
            told = "\n".join((*release.delivery.said, report.text()))
            assert (report.ending, report.exit_code) == (Ending.ROLLED_BACK, 1), told
            assert f"{obedient_app.ROUTE}: HTTP 500" in report.cause, told
            answer = await ask(release.delivery.platform, "/api/health/live")
            assert answer["commit"] == release.good

    @pytest.mark.parametrize(
        "states", ["together", pytest.param("apart", marks=pytest.mark.full)]
    )
    async def test_a_database_that_goes_down_rolls_nothing_back(
        self, tmp_path: Path, database_url: str, states: str
    ) -> None:
        """Also when the lease goes down with it."""
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(private_postgres())
            state = database.url if states == "together" else database_url
            context = released(tmp_path, state, database.url)
            release = await stack.enter_async_context(context)
            release.obeys("query")
            async with release.deploying(LEASE + 2) as deploying:
                await database.stop()
                report = await deploying
            release.is_undecided(report)
            await database.start()
            await release.goes_on()

    @pytest.mark.full
    async def test_a_vendor_that_goes_down_rolls_nothing_back(
        self, tmp_path: Path, database_url: str
    ) -> None:
        with canned_service() as vendor:
            variables = {
                obedient_app.VENDOR: vendor.url,
                "HEALTH_EXTRA_CHECKS": "vendor:check",
            }
            async with released(tmp_path, database_url, **variables) as release:
                release.obeys("vendor")
                bake = release.deploying(UNDECIDED_BAKE, PATIENT)
                async with bake as deploying:
                    vendor.code = 503
                    report = await deploying
                release.is_undecided(report)
                vendor.code = 200
                await release.goes_on()
