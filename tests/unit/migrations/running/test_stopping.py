import asyncio
import time

import pytest

from app.backend.migrations.running.stopping import StopSign
from app.errors import InterruptedRunError, LeaseLostError


def test_nothing_happens_until_a_stop_is_asked_for() -> None:
    stop = StopSign()
    stop.check()
    stop.ask()
    with pytest.raises(InterruptedRunError) as caught:
        stop.check()
    assert "goes on" in caught.value.remedy
    assert not stop.urgent
    stop.ask_now()
    assert stop.urgent


def test_it_ends_with_the_first_reason_that_was_given() -> None:
    stop = StopSign()
    stop.ask(LeaseLostError("taken over"))
    stop.ask()
    with pytest.raises(LeaseLostError, match="taken over"):
        stop.check()


async def test_a_pause_ends_as_soon_as_a_stop_is_asked_for_in_another_thread() -> None:
    stop = StopSign()
    asyncio.get_running_loop().run_in_executor(None, stop.ask)
    began = time.monotonic()
    with pytest.raises(InterruptedRunError):
        await stop.pause(30)
    assert time.monotonic() - began < 10
