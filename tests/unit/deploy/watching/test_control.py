import asyncio

import pytest
from typing_extensions import override

from app.backend.deploy.watching.control import Control, NoControl, ask


async def test_without_a_control_nothing_is_known() -> None:
    assert await ask(NoControl(), {"database", "cache"}) == {
        "cache": None,
        "database": None,
    }


async def test_a_control_that_fails_cannot_tell() -> None:
    class Broken(Control):
        @override
        async def agrees(self, check: str) -> bool | None:
            raise RuntimeError(check)

    assert await ask(Broken(), {"database"}) == {"database": None}


async def test_asking_can_be_cancelled() -> None:
    class Hanging(Control):
        @override
        async def agrees(self, check: str) -> bool | None:
            return await asyncio.get_running_loop().create_future() and check == ""

    task = asyncio.ensure_future(ask(Hanging(), {"database"}))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
