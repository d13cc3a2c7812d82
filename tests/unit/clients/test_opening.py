import asyncio
import threading

import pytest

from app.backend.clients.opening import Opened


class Thing:
    """Something that is open until it is closed."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


async def test_it_is_opened_once_in_a_thread_for_all_who_ask() -> None:
    opened = Opened(Thing, Thing.close)
    first, second = await asyncio.gather(opened.get(), opened.get())

    assert first is second is await opened.get()
    assert first.thread != threading.get_ident()
    await opened.close()
    await opened.close()
    assert first.closed == 1
    again = await opened.get()
    assert again is not first
    await opened.close()


async def test_one_who_gives_up_does_not_end_it_for_the_others() -> None:
    go_on = threading.Event()

    def build() -> Thing:
        go_on.wait(10)
        return Thing()

    opened = Opened(build, Thing.close)
    impatient = asyncio.ensure_future(opened.get())
    patient = asyncio.ensure_future(opened.get())
    await asyncio.sleep(0)
    impatient.cancel()
    go_on.set()

    thing = await patient
    assert impatient.cancelled()
    await opened.close()
    assert thing.closed == 1


async def test_what_cannot_be_opened_is_tried_again() -> None:
    errors = [OSError("no certificates")]

    def build() -> Thing:
        if errors:
            raise errors.pop()
        return Thing()

    opened = Opened(build, Thing.close)
    with pytest.raises(OSError, match="certificates"):
        await opened.get()
    assert isinstance(await opened.get(), Thing)
    await opened.close()


async def test_what_is_about_to_open_is_closed_as_well() -> None:
    go_on, things = threading.Event(), []

    def build() -> Thing:
        go_on.wait(10)
        things.append(Thing())
        return things[0]

    opened = Opened(build, Thing.close)
    waiting = asyncio.create_task(opened.get())
    await asyncio.sleep(0)
    closing = asyncio.create_task(opened.close())
    go_on.set()
    await closing
    await waiting
    assert things[0].closed == 1


async def test_what_failed_to_open_needs_no_closing() -> None:
    def build() -> Thing:
        raise OSError("no certificates")

    opened = Opened(build, Thing.close)
    with pytest.raises(OSError, match="certificates"):
        await opened.get()
    await opened.close()
