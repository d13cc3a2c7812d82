import asyncio

import pytest
from typing_extensions import override

from app.backend.deploy.watching.control import Control, NoControl, OwnLook, ask
from app.backend.health.models import Status
from tests.support.simulated_release import PatientClock


class Look:
    """Finds what it is told, and counts how often it was asked."""

    def __init__(self, **found: Status) -> None:
        self.found = found
        self.count = 0

    async def __call__(self) -> dict[str, Status]:
        self.count += 1
        return self.found


@pytest.mark.parametrize(
    ("status", "certain", "uncertain"),
    [
        (Status.UNHEALTHY, True, True),
        (Status.HEALTHY, False, None),
        (Status.DEGRADED, None, None),
        (Status.SKIPPED, None, None),
        (Status.UNKNOWN, None, None),
    ],
)
async def test_only_who_has_the_same_settings_can_acquit_a_component(
    status: Status, certain: object, uncertain: object
) -> None:
    same = OwnLook(Look(database=status), same_settings=True)
    other = OwnLook(Look(database=status), same_settings=False)

    assert await same.agrees("database") is certain
    assert await other.agrees("database") is uncertain
    assert await same.agrees("nobody") is None


async def test_a_look_is_remembered_for_ten_seconds() -> None:
    look, clock = Look(database=Status.UNHEALTHY), PatientClock()
    control = OwnLook(look, same_settings=True, clock=clock)
    for _ in range(21):
        await control.agrees("database")
        await clock.sleep(1.0)

    assert look.count == 3


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
