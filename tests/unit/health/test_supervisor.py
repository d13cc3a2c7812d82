import asyncio
import logging
import time

import pytest

from app.backend.health.supervisor import Supervisor
from tests.support.health import until


class Work:
    """Counts its starts; ends each of them as it is told."""

    def __init__(self, error: BaseException | None = None, deaths: int = 1) -> None:
        self.starts: list[float] = []
        self._error = error
        self._deaths = deaths

    async def __call__(self) -> None:
        self.starts.append(time.monotonic())
        if len(self.starts) <= self._deaths:
            if self._error is not None:
                raise self._error
            return
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "error",
    [ValueError("canary"), asyncio.CancelledError(), None],
    ids=["raises", "cancels itself", "returns"],
)
async def test_work_that_ends_is_started_again_and_counted(
    error: BaseException | None,
) -> None:
    supervisor, work = Supervisor(pause=0.01), Work(error, deaths=3)
    supervisor.spawn("work", work)
    await until(lambda: len(work.starts) == 4)

    assert supervisor.restarts == {"work": 3}
    await supervisor.stop()


async def test_work_that_is_cancelled_from_outside_is_started_again() -> None:
    supervisor, work = Supervisor(pause=0.01), Work(deaths=0)
    supervisor.spawn("work", work)
    await until(lambda: work.starts)
    [task] = [one for one in asyncio.all_tasks() if one.get_name() == "work"]
    task.cancel()
    await until(lambda: len(work.starts) == 2)

    assert supervisor.restarts == {"work": 1}
    await supervisor.stop()


async def test_dying_again_and_again_is_no_busy_loop() -> None:
    supervisor, work = Supervisor(pause=0.05), Work(ValueError("canary"), deaths=2)
    supervisor.spawn("work", work)
    await until(lambda: len(work.starts) == 3)

    first, second, third = work.starts
    assert second - first >= 0.045
    assert third - second >= 0.045
    await supervisor.stop()


async def test_one_death_leaves_the_others_alone() -> None:
    supervisor, frail, sound = Supervisor(pause=0.01), Work(), Work(deaths=0)
    supervisor.spawn("frail", frail)
    supervisor.spawn("sound", sound)
    await until(lambda: len(frail.starts) == 2)

    assert supervisor.restarts == {"frail": 1, "sound": 0}
    assert len(sound.starts) == 1
    await supervisor.stop()


async def test_a_stop_ends_everything_and_starts_nothing_again() -> None:
    supervisor = Supervisor(pause=0.0)
    dead, busy = Work(ValueError("canary"), deaths=10_000), Work(deaths=0)
    supervisor.spawn("dead", dead)
    supervisor.spawn("busy", busy)
    await until(lambda: len(dead.starts) > 3)
    await supervisor.stop()
    counted = dict(supervisor.restarts)
    starts = len(dead.starts)
    for _ in range(20):
        await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (supervisor.restarts, len(dead.starts)) == (counted, starts)


async def test_a_stop_during_the_pause_starts_nothing_afterwards() -> None:
    supervisor, work = Supervisor(pause=0.02), Work(ValueError("canary"), deaths=9)
    supervisor.spawn("work", work)
    await until(lambda: supervisor.restarts["work"])
    await supervisor.stop()
    stopped = time.monotonic()
    await until(lambda: time.monotonic() > stopped + 0.06)

    assert len(work.starts) == 1


async def test_a_stop_does_not_wait_for_ever() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor = Supervisor()
    supervisor.spawn("stubborn", stubborn)
    await asyncio.sleep(0)
    await supervisor.stop(timeout=0.01)

    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    assert not task.done()
    release.set()
    await task


async def test_a_stop_without_work_is_no_error() -> None:
    supervisor = Supervisor()
    await supervisor.stop()
    await supervisor.stop()


async def test_the_log_says_what_died_and_of_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "pm33.supervisor")
    supervisor, work = Supervisor(pause=0.01), Work(ValueError("canary"))
    supervisor.spawn("health:database", work)
    await until(lambda: len(work.starts) == 2)
    await supervisor.stop()

    [line] = caplog.records
    assert vars(line).items() >= {"work": "health:database", "restarts": 1}.items()
    assert line.exc_info is not None
    assert "canary" in str(line.exc_info[1])
