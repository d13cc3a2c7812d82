"""What becomes of a try that failed."""

import time
from collections.abc import Sequence

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from app.backend.config.settings import DatabaseSettings
from app.backend.database.connection import ReservedConnection
from app.backend.database.target import parse_target
from app.backend.migrations.running.blockers import Blocker
from app.backend.migrations.running.history import History
from app.backend.migrations.running.patience import Patience
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.trial import Trial, Trials
from app.errors import InterruptedRunError

BLOCKER = Blocker(
    pid=7, application="a", user="u", state="active", kind="k", seconds=5, began=1.0
)
DENIED = DBAPIError(None, None, asyncpg.LockNotAvailableError("no lock"))


class Scene:
    """Blockers who are there for so many looks."""

    def __init__(
        self, looks: int, budget: float = 300.0, *, stops: bool = False
    ) -> None:
        self.looks = looks
        self.stops = stops
        self.asked: list[Sequence[Blocker]] = []
        self.stop = StopSign()
        nowhere = parse_target(SecretStr("postgresql://h/d"), DatabaseSettings())
        side = ReservedConnection(nowhere, name="side", connect_timeout=1)
        self.trials = Trials(
            "run",
            Patience(budget=budget),
            history=History(side, "run", goal="heads", actor="test"),
            stop=self.stop,
            tell=lambda _: None,
            still=self.still,
            luck=lambda: 0.0,
        )

    async def still(self, blockers: tuple[Blocker, ...]) -> bool:
        self.asked.append(blockers)
        if self.stops:
            self.stop.ask()
        return len(self.asked) <= self.looks

    async def fail(self, *blockers: Blocker) -> None:
        trial = Trial("9001", "ALTER TABLE t", 1, 0.03, blockers=blockers)
        await self.trials.failed(trial, DENIED)


async def test_there_is_no_other_try_while_a_blocker_is_in_the_same_transaction() -> (
    None
):
    scene = Scene(looks=3)

    began = time.monotonic()
    await scene.fail(BLOCKER)

    assert scene.asked == [(BLOCKER,)] * 4
    assert time.monotonic() - began >= 0.3


async def test_waiting_for_a_blocker_is_taken_from_the_budget() -> None:
    scene = Scene(looks=10_000, budget=0.4)

    await scene.fail(BLOCKER)

    assert scene.trials.budget.left == 0
    assert len(scene.asked) <= 5


async def test_a_stop_ends_the_wait_for_a_blocker() -> None:
    scene = Scene(looks=10_000, stops=True)

    with pytest.raises(InterruptedRunError):
        await scene.fail(BLOCKER)
    assert scene.asked == [(BLOCKER,)]
