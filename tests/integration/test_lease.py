import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer
from app.backend.database.lease import (
    Lease,
    Unlocked,
    acquire,
    boottime,
    break_lease,
    held,
)
from app.backend.database.lease_row import LeaseRow
from app.backend.database.target import DatabaseTarget, parse_target
from app.errors import JournalError, LeaseHeldError, LeaseLostError
from tests.support.postgres import fresh_database
from tests.support.private_postgres import private_postgres
from tests.support.processes import Child, eventually, start

NAME = "environment/production"
SHORT = 1.5


@pytest.fixture
def target(database_url: str) -> DatabaseTarget:
    return target_of(database_url)


def target_of(url: str) -> DatabaseTarget:
    return parse_target(SecretStr(url), DatabaseSettings())


@asynccontextmanager
async def leased(
    target: DatabaseTarget, holder: str = "alice", *, ttl: float = 15.0, above: int = 0
) -> AsyncIterator[Lease]:
    lease = await acquire(
        target, NAME, holder=holder, reason="run-1", ttl=ttl, above=above
    )
    try:
        yield lease
    finally:
        await lease.release()


async def test_whoever_comes_second_learns_who_when_and_why(
    target: DatabaseTarget,
) -> None:
    async with leased(target) as lease:
        with pytest.raises(LeaseHeldError) as caught:
            await acquire(target, NAME, holder="bob", reason="run-2")
        state = await held(target, NAME)
        lease.check()

    assert state is not None
    assert (state.holder, state.reason, state.epoch) == ("alice", "run-1", 1)
    for told in ("alice", "run-1", f"{state.acquired_at:%Y-%m-%d %H:%M}"):
        assert told in str(caught.value)


async def test_a_released_lease_is_free_at_once_and_its_epoch_rises(
    target: DatabaseTarget,
) -> None:
    epochs = []
    for holder in ("alice", "bob", "alice"):
        async with leased(target, holder) as lease:
            epochs.append(lease.epoch)
        assert await held(target, NAME) is None
    assert epochs == [1, 2, 3]


async def test_a_released_lease_permits_nothing_more(target: DatabaseTarget) -> None:
    async with leased(target) as lease:
        pass
    with pytest.raises(LeaseLostError, match="released"):
        lease.check()
    await lease.release()


async def test_the_epoch_is_higher_than_any_that_a_platform_has_seen(
    target: DatabaseTarget,
) -> None:
    async with leased(target, above=7) as lease:
        assert lease.epoch == 8
    async with leased(target, above=3) as lease:
        assert lease.epoch == 9


async def test_of_many_at_once_one_gets_it(target: DatabaseTarget) -> None:
    asked = [
        acquire(target, NAME, holder=f"holder {number}", reason="a race")
        for number in range(8)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    leases = [answer for answer in answers if isinstance(answer, Lease)]
    refused = [answer for answer in answers if isinstance(answer, LeaseHeldError)]
    for lease in leases:
        await lease.release()
    assert (len(leases), len(refused)) == (1, 7)


async def test_other_names_are_other_leases(target: DatabaseTarget) -> None:
    async with leased(target):
        other = await acquire(target, "environment/staging", holder="bob", reason="x")
        await other.release()
        assert other.epoch == 1


async def test_a_waiting_one_gets_it_when_it_is_released(
    target: DatabaseTarget,
) -> None:
    async with leased(target):
        waiting = asyncio.create_task(
            acquire(target, NAME, holder="bob", reason="run-2", wait=15)
        )
        await asyncio.sleep(0.3)
        assert not waiting.done()
    lease = await waiting
    await lease.release()
    assert lease.epoch == 2


async def test_it_is_renewed_for_longer_than_it_lasts(target: DatabaseTarget) -> None:
    async with leased(target, ttl=SHORT) as lease:
        ends = time.monotonic() + 2 * SHORT
        while time.monotonic() < ends:
            lease.check()
            await asyncio.sleep(0.05)
        assert 0 < lease.left <= SHORT
        with pytest.raises(LeaseHeldError):
            await acquire(target, NAME, holder="bob", reason="run-2")


async def test_time_in_which_the_machine_slept_counts(target: DatabaseTarget) -> None:
    slept = [0.0]
    lease = await acquire(
        target,
        NAME,
        holder="alice",
        reason="run-1",
        clock=lambda: boottime() + slept[0],
    )
    lost: list[LeaseLostError] = []
    lease.on_lost(lost.append)
    lease.check()
    slept[0] = 16.0

    for _ in range(2):
        with pytest.raises(LeaseLostError, match="ran out"):
            lease.check()
    await lease.release()
    assert len(lost) == 1


async def test_a_broken_lease_is_lost_and_its_holder_is_told(
    target: DatabaseTarget,
) -> None:
    lost: list[LeaseLostError] = []
    async with leased(target, ttl=SHORT) as lease:
        lease.on_lost(lost.append)
        with pytest.raises(LeaseHeldError, match="alice"):
            await break_lease(target, NAME, "somebody else")
        await break_lease(target, NAME, "alice")
        async with leased(target, "bob") as other:
            assert other.epoch == 2
            await eventually(lambda: lost, within=SHORT)
            with pytest.raises(LeaseLostError, match="broken"):
                lease.check()
    await break_lease(target, NAME, "alice")


async def test_a_late_release_takes_nothing_from_the_successor(
    target: DatabaseTarget,
) -> None:
    async with leased(target, ttl=SHORT):
        await break_lease(target, NAME, "alice")
        successor = await acquire(target, NAME, holder="bob", reason="run-2")
    state = await held(target, NAME)
    await successor.release()
    assert state is not None
    assert state.holder == "bob"


async def test_a_database_without_our_tables_says_what_to_do(
    postgres: EmbeddedServer,
) -> None:
    async with fresh_database(postgres, migrated=False) as url:
        with pytest.raises(JournalError) as caught:
            await acquire(target_of(url), NAME, holder="alice", reason="run-1")
    assert "pm33 migrate up" in caught.value.remedy


async def test_a_database_that_is_not_there_is_an_error_in_time() -> None:
    nowhere = target_of("postgresql://u:p@127.0.0.1:1/d")
    async with asyncio.timeout(10):
        with pytest.raises(JournalError, match="cannot be used"):
            await acquire(nowhere, NAME, holder="alice", reason="run-1")


async def test_without_a_lease_everything_is_allowed() -> None:
    guard = Unlocked(NAME, 4)
    guard.check()
    guard.on_lost(print)
    await guard.release()
    assert (guard.epoch, guard.locked) == (4, False)


@pytest.mark.parametrize("how", ["frozen", "stopped"])
async def test_a_database_that_goes_away_ends_the_lease_in_time(how: str) -> None:
    async with private_postgres() as server:
        lost: list[LeaseLostError] = []
        async with leased(target_of(server.url), ttl=SHORT) as lease:
            lease.on_lost(lost.append)
            if how == "frozen":
                server.freeze()
            else:
                await server.stop()
            left = lease.left
            went = boottime()
            await eventually(lambda: lost, within=10)
            took = boottime() - went
            with pytest.raises(LeaseLostError):
                lease.check()
            server.thaw()
        assert took <= left + 1.0


async def test_a_short_outage_is_survived() -> None:
    async with (
        private_postgres() as server,
        leased(target_of(server.url), ttl=6) as lease,
    ):
        server.freeze()
        await asyncio.sleep(3)
        lease.check()
        server.thaw()
        await eventually(lambda: lease.left > 4, within=6)
        lease.check()


@contextmanager
def zombie(url: str, folder: Path) -> Iterator[Child]:
    """A holder to be stopped; it goes on once there is a file ``go``."""
    order = {"url": url, "name": NAME, "holder": "zombie", "ttl": SHORT}
    order["go"] = str(folder / "go")
    arguments = ["-m", "tests.support.lease_holder", json.dumps(order)]
    with start(arguments, output=folder / "zombie") as child:
        yield child


async def rows(url: str) -> int:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return int(await connection.fetchval("select count(*) from ops.deployment"))
    finally:
        await connection.close(timeout=30)


async def test_a_revived_holder_can_neither_write_nor_believe_that_it_holds(
    database_url: str, tmp_path: Path
) -> None:
    target = target_of(database_url)
    with zombie(database_url, tmp_path) as child:
        assert (await child.event())["epoch"] == 1
        child.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        with pytest.raises(LeaseHeldError, match="zombie"):
            await acquire(target, NAME, holder="bob", reason="run-2")

        successor = await acquire(target, NAME, holder="bob", reason="run-2", wait=20)
        took = time.monotonic() - stopped
        (tmp_path / "go").touch()
        child.signal(signal.SIGCONT)
        await child.event(checked="LeaseLostError")
        await child.event(wrote="LeaseLostError")
        successor.check()
        await successor.release()

    assert successor.epoch == 2
    assert took < SHORT + 2.0
    assert await rows(database_url) == 0


async def test_a_holder_that_lives_writes(database_url: str, tmp_path: Path) -> None:
    with zombie(database_url, tmp_path) as child:
        await child.event(epoch=1)
        (tmp_path / "go").touch()
        await child.event(checked="held")
        await child.event(wrote="yes")
    assert await rows(database_url) == 1


async def test_whether_the_holder_before_let_go_is_known(
    target: DatabaseTarget,
) -> None:
    async with leased(target) as first:
        assert first.lapsed == float("inf")
    async with leased(target, "bob") as after_release:
        assert after_release.lapsed == float("inf")


async def test_how_long_ago_a_dead_holder_lost_it_is_known(
    target: DatabaseTarget,
) -> None:
    row = LeaseRow(target, NAME, 0.2)
    assert isinstance(await row.take("alice", "run-1", 0), int)
    later = await acquire(target, NAME, holder="bob", reason="run-2", wait=5)
    try:
        assert 0 <= later.lapsed < 5
    finally:
        await later.release()
