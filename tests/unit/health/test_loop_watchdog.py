import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.backend.health.loop_watchdog import (
    GcPauses,
    LoopBlock,
    LoopWatchdog,
    SlidingWindow,
)

DEADLINE = 20.0
BLOCK = 0.1


@asynccontextmanager
async def watching(
    on_block: Callable[[LoopBlock], object],
) -> AsyncIterator[LoopWatchdog]:
    watchdog = LoopWatchdog(on_block=on_block, interval=0.01, block_warning=BLOCK)
    watchdog.start(asyncio.get_running_loop())
    try:
        yield watchdog
    finally:
        watchdog.stop()


def block_until(condition: Callable[[], bool]) -> None:
    """Blocks the loop, which is the point here."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the condition was not met in time"
        time.sleep(0.005)


def watches(watchdog: LoopWatchdog) -> bool:
    return watchdog._thread is not None and watchdog._thread.is_alive()


async def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the condition was not met in time"
        await asyncio.sleep(0.005)


async def test_a_block_is_reported_while_it_goes_on_and_says_where() -> None:
    blocks: list[LoopBlock] = []
    async with watching(blocks.append) as watchdog:
        block_until(lambda: bool(blocks))
        assert watchdog.max_lag() > BLOCK
    assert blocks[0].lag > BLOCK
    assert "block_until" in blocks[0].stack[0] + blocks[0].stack[1]
    assert any("test_loop_watchdog.py:" in line for line in blocks[0].stack)


async def test_a_block_is_reported_once_and_the_next_one_again() -> None:
    blocks: list[LoopBlock] = []
    async with watching(blocks.append) as watchdog:
        block_until(lambda: watchdog.last_lag > 4 * BLOCK)
        assert len(blocks) == 1
        await eventually(lambda: watchdog.last_lag < BLOCK)
        reported = len(blocks)
        block_until(lambda: len(blocks) > reported)


async def test_the_worst_lag_outlasts_the_block() -> None:
    async with watching(lambda _: None) as watchdog:
        block_until(lambda: watchdog.last_lag > 2 * BLOCK)
        await eventually(lambda: watchdog.last_lag < BLOCK)
        assert watchdog.max_lag() > 2 * BLOCK


async def test_a_report_that_raises_does_not_end_the_watch() -> None:
    calls: list[LoopBlock] = []

    def report(block: LoopBlock) -> None:
        calls.append(block)
        raise RuntimeError("the report is broken")

    async with watching(report) as watchdog:
        block_until(lambda: watchdog.last_lag > 3 * BLOCK)
    assert calls


async def test_stop_on_the_loop_ends_the_thread() -> None:
    async with watching(lambda _: None) as watchdog:
        assert watches(watchdog)
    assert not watches(watchdog)


def test_stop_without_start_does_nothing() -> None:
    LoopWatchdog(on_block=lambda _: None).stop()


async def test_a_stopped_watchdog_can_watch_again() -> None:
    blocks: list[LoopBlock] = []
    async with watching(blocks.append) as watchdog:
        watchdog.stop()
        watchdog.start(asyncio.get_running_loop())
        block_until(lambda: bool(blocks))


def test_a_loop_closed_without_stop_ends_the_thread() -> None:
    loop = asyncio.new_event_loop()
    watchdog = LoopWatchdog(on_block=lambda _: None, interval=0.01)
    watchdog.start(loop)
    loop.close()
    block_until(lambda: not watches(watchdog))


def test_a_running_watchdog_does_not_keep_the_process_alive() -> None:
    program = """
import asyncio
from app.backend.health.loop_watchdog import LoopWatchdog

async def main():
    loop = asyncio.get_running_loop()
    LoopWatchdog(on_block=print, interval=0.001).start(loop)
    await asyncio.sleep(0.05)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_collections_are_counted_until_stop() -> None:
    before = list(gc.callbacks)
    pauses = GcPauses()
    pauses.start()
    try:
        gc.collect()
        stats = pauses.stats()
    finally:
        pauses.stop()
    assert stats.samples >= 1
    assert 0 < stats.worst <= stats.total
    assert gc.callbacks == before


def test_counting_twice_leaves_one_callback_and_stopping_twice_none() -> None:
    before = list(gc.callbacks)
    pauses = GcPauses()
    pauses.start()
    pauses.start()
    assert len(gc.callbacks) == len(before) + 1
    pauses.stop()
    pauses.stop()
    assert gc.callbacks == before


def test_a_window_sums_up_its_samples() -> None:
    window = SlidingWindow(60)
    for now, value in ((100.0, 1.0), (100.5, 3.0), (130.0, 2.0)):
        window.add(now, value)
    assert window.read(130.0) == (3, 3.0, 6.0)
    assert window.read(130.0, 20) == (1, 2.0, 2.0)


@pytest.mark.parametrize("now", [161.0, 170.0, 1000.0])
def test_a_window_forgets_what_is_older_than_it(now: float) -> None:
    window = SlidingWindow(60)
    window.add(100.0, 5.0)
    assert window.read(160.9).worst == 5.0
    assert window.read(now) == (0, 0.0, 0.0)


def test_a_full_turn_of_the_window_replaces_the_old_samples() -> None:
    window = SlidingWindow(10)
    for second in range(100):
        window.add(float(second), 1.0)
    assert window.read(99.0) == (11, 1.0, 11.0)


def test_an_empty_window_is_all_zero_even_at_the_clocks_beginning() -> None:
    assert SlidingWindow(60).read(0.0) == (0, 0.0, 0.0)
