import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.connection import ReservedConnection
from app.backend.database.target import parse_target
from app.backend.monitoring.redaction import Redactor
from app.backend.operations.runner import OperationRunner, Work
from app.backend.operations.store import Operation, OperationStatus, OperationStore
from app.errors import JournalError, NoWayBackError

SECRET = "a-canary-of-operations"
REDACT = Redactor([SECRET]).redact_value


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[OperationStore]:
    connection = reserved(database_url)
    yield OperationStore(connection)
    await connection.close()


@pytest.fixture
async def runner(store: OperationStore) -> AsyncIterator[OperationRunner]:
    runner = OperationRunner(store, redact=REDACT, heartbeat=0.05)
    yield runner
    await runner.close()


def reserved(url: str) -> ReservedConnection:
    target = parse_target(SecretStr(url), DatabaseSettings())
    return ReservedConnection(target, name="test", connect_timeout=5)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close(timeout=30)


async def begun(runner: OperationRunner, work: Work) -> Operation:
    return await runner.start("rollback", work, actor="alice", request={"to": "d1"})


async def over(store: OperationStore, name: str) -> Operation:
    async with asyncio.timeout(20):
        while True:
            operation = await store.get(name)
            assert operation is not None
            if operation.status.is_over:
                return operation
            await asyncio.sleep(0.02)


async def forever(_name: str) -> Mapping[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("nobody waits for so long")


async def test_work_is_stored_before_it_begins_and_its_result_afterwards(
    store: OperationStore, runner: OperationRunner
) -> None:
    go = asyncio.Event()

    async def work(name: str) -> Mapping[str, Any]:
        await go.wait()
        return {"operation": name, "odd": "a\0b", "times": (1, float("inf"))}

    started = await begun(runner, work)
    assert started.status is OperationStatus.RUNNING
    assert (started.kind, started.actor, started.request) == (
        "rollback",
        "alice",
        {"to": "d1"},
    )
    go.set()

    ended = await over(store, started.id)
    assert ended.status is OperationStatus.SUCCEEDED
    assert ended.result == {
        "operation": started.id,
        "odd": "a\ufffdb",
        "times": [1, "inf"],
    }
    assert (ended.error, ended.created_at) == (None, started.created_at)
    assert ended.finished_at is not None
    assert ended.to_dict()["finished_at"] == ended.finished_at.isoformat()
    assert await store.recent() == (ended,)


async def test_an_error_of_ours_is_stored_as_a_problem_without_secrets(
    store: OperationStore, runner: OperationRunner
) -> None:
    async def work(_name: str) -> Mapping[str, Any]:
        raise NoWayBackError(f"nothing before {SECRET}", remedy="deploy something")

    ended = await over(store, (await begun(runner, work)).id)
    assert ended.status is OperationStatus.FAILED
    assert ended.error == {
        "title": "Nothing to roll back to",
        "status": 409,
        "detail": "nothing before [redacted]",
        "remedy": "deploy something",
    }


async def test_any_other_error_is_named_and_told_to_the_log_alone(
    store: OperationStore, runner: OperationRunner, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(_name: str) -> Mapping[str, Any]:
        raise KeyError("what only we should see")

    ended = await over(store, (await begun(runner, work)).id)
    assert ended.error is not None
    assert ended.error["detail"] == "KeyError; the log says more"
    assert "what only we should see" in caplog.text


async def test_what_a_stop_cuts_off_is_interrupted(
    store: OperationStore, runner: OperationRunner
) -> None:
    started = await begun(runner, forever)
    await runner.close()

    ended = await store.get(started.id)
    assert ended is not None
    assert ended.status is OperationStatus.INTERRUPTED
    assert ended.finished_at is not None


async def test_what_goes_on_in_a_thread_is_not_called_interrupted(
    store: OperationStore, runner: OperationRunner
) -> None:
    started = await runner.start(
        "migration", forever, actor="alice", request={}, ask="look at the schema"
    )
    await runner.close()

    ended = await store.get(started.id)
    assert ended is not None
    assert ended.status is OperationStatus.LOST
    assert ended.error is not None
    assert "may still" in ended.error["detail"]
    assert ended.error["remedy"] == "look at the schema"


async def test_what_is_asked_for_twice_at_the_same_time_is_done_once(
    store: OperationStore, runner: OperationRunner
) -> None:
    go = asyncio.Event()

    async def work(_name: str) -> Mapping[str, Any]:
        await go.wait()
        return {}

    async def ask(**request: str) -> str:
        request = {"to": "d1"} | request
        started = await runner.start(
            "rollback", work, actor="alice", request=request, once=True
        )
        return started.id

    first, second, other = await asyncio.gather(ask(), ask(), ask(to="d2"))
    assert first == second != other
    assert await ask() == first
    go.set()
    await over(store, first)
    assert await ask() != first


async def test_a_stop_may_wait_for_work_that_is_nearly_done(
    store: OperationStore, runner: OperationRunner
) -> None:
    async def work(_name: str) -> Mapping[str, Any]:
        await asyncio.sleep(0.2)
        return {}

    started = await begun(runner, work)
    await runner.close(wait=10)
    ended = await store.get(started.id)
    assert ended is not None
    assert ended.status is OperationStatus.SUCCEEDED


async def test_silence_is_a_loss_and_a_heartbeat_ends_it(
    store: OperationStore, runner: OperationRunner, database_url: str
) -> None:
    await store.add("op-dead", "rollback", "alice", {})
    started = await begun(runner, forever)
    past = "update ops.operation set heartbeat_at = now() - interval '31 s'"
    await execute(database_url, past)

    dead = await store.get("op-dead")
    assert dead is not None
    assert (dead.status, dead.finished_at) == (OperationStatus.LOST, None)
    async with asyncio.timeout(20):
        while (alive := await store.get(started.id)) is not None:
            if alive.status is OperationStatus.RUNNING:
                break
            await asyncio.sleep(0.02)


async def test_a_process_that_was_only_paused_has_the_last_word(
    store: OperationStore, database_url: str
) -> None:
    await store.add("op-1", "rollback", "alice", {})
    past = "update ops.operation set heartbeat_at = now() - interval '31 s'"
    await execute(database_url, past)
    await store.finish("op-1", OperationStatus.SUCCEEDED, result={"serves": "d1"})
    await store.finish("op-1", OperationStatus.FAILED, error={"title": "late"})

    ended = await store.get("op-1")
    assert ended is not None
    assert (ended.status, ended.result) == (
        OperationStatus.SUCCEEDED,
        {"serves": "d1"},
    )


async def test_an_end_outlives_a_short_outage(
    store: OperationStore, runner: OperationRunner, database_url: str
) -> None:
    go = asyncio.Event()

    async def work(_name: str) -> Mapping[str, Any]:
        await go.wait()
        return {}

    started = await begun(runner, work)
    await execute(database_url, "alter table ops.operation rename to away")
    go.set()
    await asyncio.sleep(0.3)
    await execute(database_url, "alter table ops.away rename to operation")

    assert (await over(store, started.id)).status is OperationStatus.SUCCEEDED


async def test_work_that_cannot_be_stored_is_not_begun() -> None:
    connection = reserved("postgresql://u:p@127.0.0.1:1/d")
    runner = OperationRunner(OperationStore(connection), redact=REDACT)
    with pytest.raises(JournalError):
        await begun(runner, forever)
    await runner.close()


async def test_an_operation_that_nobody_knows_is_none(store: OperationStore) -> None:
    assert await store.get("op-0") is None
