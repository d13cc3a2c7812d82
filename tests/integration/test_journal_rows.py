import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.lease import Guard, Unlocked, acquire, break_lease
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.deploy.records.journal import Event, EventKind, merge
from app.backend.deploy.records.journal_file import FileJournal
from app.backend.deploy.records.journal_rows import RowsJournal
from app.backend.deploy.records.journals import Journals
from app.errors import JournalError, LeaseLostError
from tests.support.events import event, events, story
from tests.support.private_postgres import private_postgres

NAME = "environment/production"


@pytest.fixture
def target(database_url: str) -> DatabaseTarget:
    return target_of(database_url)


def target_of(url: str) -> DatabaseTarget:
    return parse_target(SecretStr(url), DatabaseSettings())


@asynccontextmanager
async def rows_of(
    target: DatabaseTarget, guard: Guard | None = None, environment: str = "production"
) -> AsyncIterator[RowsJournal]:
    journal = RowsJournal(target, environment, guard)
    try:
        yield journal
    finally:
        await journal.close()


async def summaries(url: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return [
            dict(row)
            for row in await connection.fetch(
                "select * from ops.deployment order by started_at", timeout=30
            )
        ]
    finally:
        await connection.close(timeout=30)


async def test_events_are_read_as_they_were_written_with_a_lease_or_without(
    target: DatabaseTarget,
) -> None:
    lease = await acquire(target, NAME, holder="alice", reason="run-1")
    try:
        for run, guard in (("run-1", lease), ("run-2", Unlocked(NAME, 2))):
            async with rows_of(target, guard) as journal:
                for one in story(run):
                    await journal.append(one)
                assert await journal.events(run) == story(run)
    finally:
        await lease.release()
    async with rows_of(target) as journal:
        assert await journal.events() == merge(story("run-1"), story("run-2"))
        assert await journal.events("run-9") == ()


async def test_each_run_has_a_summary_that_follows_its_events(
    target: DatabaseTarget, database_url: str
) -> None:
    told = story(
        platform="local",
        actor="alice",
        reason="new",
        previous_commit="a",
        plan={"x": 1},
    )
    async with rows_of(target) as journal:
        await journal.append(*told[:4])
        (running,) = await summaries(database_url)
        await journal.append(*told[4:])
    (ended,) = await summaries(database_url)

    assert (running["status"], running["ended_at"]) == ("running", None)
    assert json.loads(ended.pop("plan")) == {"x": 1}
    assert ended == {
        "run": "run-1",
        "environment": "production",
        "kind": "deploy",
        "platform": "local",
        "commit": "b" * 40,
        "previous_commit": "a",
        "platform_deployment": "d2",
        "status": "done",
        "verdict": "ok",
        "actor": "alice",
        "reason": "new",
        "epoch": 1,
        "started_at": told[0].at,
        "ended_at": told[-1].at,
        "format": 1,
    }


async def test_writing_again_what_may_have_been_written_does_no_harm(
    target: DatabaseTarget, database_url: str
) -> None:
    async with rows_of(target) as journal:
        for _ in range(2):
            await journal.append(*story())
        assert await journal.events() == story()
    assert len(await summaries(database_url)) == 1


async def test_environments_are_kept_apart(target: DatabaseTarget) -> None:
    async with rows_of(target) as production, rows_of(target, None, "staging") as other:
        await production.append(*story())
        assert await other.events() == ()


async def test_whoever_has_lost_the_lease_writes_nothing(
    target: DatabaseTarget, database_url: str
) -> None:
    lease = await acquire(target, NAME, holder="alice", reason="run-1")
    await break_lease(target, NAME, "alice")
    async with rows_of(target, lease) as journal:
        with pytest.raises(LeaseLostError):
            await journal.append(*story())
        successor = await acquire(target, NAME, holder="bob", reason="run-2")
        with pytest.raises(LeaseLostError):
            await journal.append(*story())
        assert await journal.events() == ()
    assert await summaries(database_url) == []

    async with rows_of(target, successor) as journal:
        await journal.append(*story(epoch=2))
    assert len(await summaries(database_url)) == 1
    for one in (lease, successor):
        await one.release()


async def test_the_summary_belongs_to_the_higher_epoch(
    target: DatabaseTarget, database_url: str
) -> None:
    async with rows_of(target) as journal:
        await journal.append(*story(epoch=2))
        late = event(EventKind.END, "run", at=9, epoch=1, outcome="failed")
        await journal.append(late)
        assert late in await journal.events()
    (summary,) = await summaries(database_url)
    assert (summary["status"], summary["epoch"]) == ("done", 2)


# One database for all examples: each writes runs of its own.
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=25,
    deadline=None,
)
@given(told=st.lists(events, max_size=6, unique_by=lambda one: one.key))
def test_whatever_an_event_holds_comes_back(
    database_url: str, told: list[Event]
) -> None:
    environment = secrets.token_hex(6)
    renamed = [replace(one, run=f"{environment}-{one.run}") for one in told]

    async def there_and_back() -> None:
        async with rows_of(target_of(database_url), None, environment) as journal:
            await journal.append(*renamed)
            assert await journal.events() == merge(renamed)

    asyncio.run(there_and_back())


async def test_an_event_of_a_kind_that_is_not_known_is_passed_over(
    target: DatabaseTarget, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url, timeout=30)
    async with rows_of(target) as journal:
        await journal.append(*story())
        await connection.execute(
            "insert into ops.deployment_step select run, step, attempt, epoch, 'sung',"
            " at, data, 9 from ops.deployment_step where kind = 'begin'"
        )
        await connection.close(timeout=30)
        assert await journal.events() == story()


async def test_a_database_that_is_away_is_an_error_in_time_and_the_file_goes_on(
    tmp_path: Path,
) -> None:
    async with private_postgres() as server:
        rows = RowsJournal(target_of(server.url), "production", seconds=0.5)
        journals = Journals(FileJournal(tmp_path / "production.jsonl"), rows)
        await journals.append(*story()[:3])
        server.freeze()
        with pytest.raises(JournalError, match="no answer within"):
            await rows.events()
        await journals.append(*story()[3:])
        assert journals.degraded is not None
        server.thaw()

        again = await journals.reconcile()
        assert (again.to_file, again.to_rows) == (0, 6)
        assert await rows.events() == story()
        await rows.close()
