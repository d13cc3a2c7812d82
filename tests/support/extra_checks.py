"""Checks that misbehave on demand; the served process loads them by their names here.

A test tells a check by a file what to do, and reads from another file when its
attempts began and ended. Both sides of that are in this module.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.backend.health.models import CheckResult, Status

__all__ = [
    "Attempted",
    "Controls",
    "a_second_application",
    "killer",
    "slow_one",
    "slow_three",
    "slow_two",
    "subject",
    "threaded",
]

_FOLDER = "EXTRA_CHECKS_FOLDER"
_MODULE = "tests.support.extra_checks"
_HEALTHY = "healthy"
_OK = CheckResult(status=Status.HEALTHY)


@dataclass(frozen=True, slots=True)
class Attempted:
    """When an attempt began and ended, in seconds of the machine's monotonic clock."""

    began: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Controls:
    """The test's side, and the check's.

    Args:
        folder: one for each served process.
    """

    folder: Path

    def variables(self, *names: str) -> dict[str, str]:
        """What makes a service load these checks, and be controlled from here."""
        paths = ",".join(f"{_MODULE}:{name}" for name in names)
        return {"HEALTH_EXTRA_CHECKS": paths, _FOLDER: str(self.folder)}

    def order(self, name: str, behaviour: str) -> None:
        """Says what a check has to do from now on; see the checks' classes."""
        draft = self.folder / f"{name}.draft"
        draft.write_text(behaviour, encoding="utf-8")
        draft.replace(self.folder / f"{name}.order")

    def ordered(self, name: str) -> str:
        """What a check has to do now."""
        file = self.folder / f"{name}.order"
        return file.read_text(encoding="utf-8") if file.exists() else _HEALTHY

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Writes down that an attempt begins, and that it ends."""
        number = time.monotonic_ns()
        self._write(name, f"{number} began {time.monotonic()}")
        try:
            yield
        finally:
            self._write(name, f"{number} ended {time.monotonic()}")

    def attempts(self, name: str) -> list[Attempted]:
        """What a check has done until now, in order."""
        file = self.folder / f"{name}.attempts"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        began: dict[str, float] = {}
        ended: dict[str, float] = {}
        for number, what, at in map(str.split, lines):
            (began if what == "began" else ended)[number] = float(at)
        return [Attempted(at, ended.get(number)) for number, at in began.items()]

    def most_at_once(self, name: str) -> int:
        """How many attempts of a check were in flight at the same time, at most."""
        steps = [(one.began, 1) for one in self.attempts(name)]
        steps += [(one.ended, -1) for one in self.attempts(name) if one.ended]
        running = most = 0
        for _, step in sorted(steps):
            running += step
            most = max(most, running)
        return most

    def _write(self, name: str, line: str) -> None:
        with (self.folder / f"{name}.attempts").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def _controls() -> Controls:
    return Controls(Path(os.environ[_FOLDER]))


class Slow:
    """Takes half a second."""

    period = 60.0

    def __init__(self, name: str) -> None:
        self.name = name

    async def probe(self) -> None:
        """Waits."""
        with _controls().attempt(self.name):
            await asyncio.sleep(0.5)


class Subject:
    """Does on the event loop what it is told.

    ``hang`` for ever, ``stubborn``ly even when cancelled, ``raise``, ``cancel``,
    ``exit``, ``block`` the loop for a second, ``drop PORT``: connect to where packets
    are dropped; anything else is healthy.
    """

    name = "subject"

    async def probe(self) -> CheckResult:
        """Obeys."""
        controls = _controls()
        with controls.attempt(self.name):
            match controls.ordered(self.name).split():
                case ["hang"]:
                    await asyncio.get_running_loop().create_future()
                case ["stubborn"]:
                    await self._persist(controls)
                case ["raise"]:
                    raise RuntimeError("the check is broken")
                case ["cancel"]:
                    raise asyncio.CancelledError
                case ["exit"]:
                    raise SystemExit(7)
                case ["block"]:
                    time.sleep(1.0)  # noqa: ASYNC251 - blocking the loop is its duty
                case ["drop", port]:
                    await asyncio.open_connection("127.0.0.1", int(port))
                case _:
                    pass
            return _OK

    async def _persist(self, controls: Controls) -> None:
        while controls.ordered(self.name) == "stubborn":
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue


class Threaded:
    """Does in a thread what it is told: ``hang``, ``raise``, ``exit``, or healthy."""

    name = "threaded"

    def probe(self) -> CheckResult:
        """Obeys; a hang lasts until it is told otherwise."""
        controls = _controls()
        with controls.attempt(self.name):
            match controls.ordered(self.name):
                case "raise":
                    raise RuntimeError("the check is broken")
                case "exit":
                    raise SystemExit(7)
                case "hang":
                    while controls.ordered(self.name) == "hang":
                        time.sleep(0.02)
                case _:
                    pass
            return _OK


class Killer:
    """``kill NAME`` ends the loop that refreshes another check, at each attempt."""

    name = "killer"
    period = 0.1

    async def probe(self) -> CheckResult:
        """Obeys; ``kill-once`` only the first time."""
        controls = _controls()
        match controls.ordered(self.name).split():
            case [("kill" | "kill-once") as word, victim]:
                if word == "kill-once":
                    controls.order(self.name, _HEALTHY)
                for task in asyncio.all_tasks():
                    if task.get_name() == f"health:{victim}":
                        task.cancel()
            case _:
                pass
        return _OK


class SecondApplication:
    """Has the name of a check that is there already."""

    name = "application"

    async def probe(self) -> CheckResult:
        """Is never asked."""
        return _OK


slow_one, slow_two, slow_three = Slow("slow_one"), Slow("slow_two"), Slow("slow_three")
subject, threaded, killer = Subject(), Threaded(), Killer()
a_second_application = SecondApplication()
