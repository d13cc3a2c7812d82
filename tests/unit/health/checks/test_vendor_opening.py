import asyncio
import threading

import pytest

from app.backend.health.checks.vendor_opening import OpenedOnce


class Door:
    """Opens when it is let, or fails; counts both ways."""

    def __init__(self, *, fails: int = 0) -> None:
        self.opened = self.closed = 0
        self.fails = fails
        self.may_open = threading.Event()
        self.may_open.set()

    def open(self) -> int:
        assert self.may_open.wait(30)
        self.opened += 1
        if self.opened <= self.fails:
            raise OSError("it sticks")
        return self.opened

    async def close(self, number: int) -> None:
        assert number == self.opened
        self.closed += 1


def once(door: Door) -> OpenedOnce[int]:
    return OpenedOnce(door.open, door.close)


async def test_all_who_wait_get_the_one_that_is_opened() -> None:
    door = Door()
    opening = once(door)
    both = await asyncio.gather(opening.get(), opening.get())
    assert [*both] == [1, 1]
    assert await opening.get() == 1


async def test_one_who_gives_up_waiting_ends_it_for_nobody() -> None:
    door = Door()
    door.may_open.clear()
    opening = once(door)
    first = asyncio.create_task(opening.get())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    door.may_open.set()

    assert await opening.get() == 1
    await opening.close()
    assert door.closed == 1


async def test_after_a_failure_the_next_one_tries_again() -> None:
    door = Door(fails=1)
    opening = once(door)
    with pytest.raises(OSError, match="sticks"):
        await opening.get()
    assert await opening.get() == 2


@pytest.mark.parametrize("fails", [0, 9])
async def test_what_is_about_to_open_is_closed_once(fails: int) -> None:
    door = Door(fails=fails)
    door.may_open.clear()
    opening = once(door)
    waiting = asyncio.create_task(opening.get())
    await asyncio.sleep(0)
    door.may_open.set()
    await opening.close()
    await opening.close()
    await asyncio.wait({waiting})

    assert door.closed == (0 if fails else 1)
    assert (waiting.exception() is not None) is bool(fails)


async def test_it_may_be_opened_again() -> None:
    door = Door()
    opening = once(door)
    await opening.get()
    await opening.close()
    assert await opening.get() == 2
    await opening.close()
    assert door.closed == 2
