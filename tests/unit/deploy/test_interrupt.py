import asyncio
import os
import signal

import pytest

from app.backend.deploy.interrupt import (
    Interrupt,
    InterruptedRunError,
    until_interrupted,
)


async def test_the_first_signal_asks_and_a_later_one_cancels() -> None:
    interrupt = Interrupt()
    asked = asyncio.Event()

    async def work() -> None:
        await interrupt.event.wait()
        asked.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(until_interrupted(work(), interrupt))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(asked.wait(), 5)
    os.kill(os.getpid(), signal.SIGINT)  # the same one, from a process group
    await asyncio.sleep(0.1)
    assert not running.done()
    await asyncio.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_takes_time_ends_when_a_stop_is_asked_for() -> None:
    interrupt = Interrupt()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asyncio.get_running_loop().call_later(0.01, interrupt.ask)
    with pytest.raises(InterruptedRunError):
        await interrupt.race(work())
    assert ended.is_set()


async def test_what_ends_first_gives_its_result() -> None:
    async def work() -> int:
        return 7

    assert await Interrupt().race(work()) == 7
