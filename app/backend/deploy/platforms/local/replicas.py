"""The replicas of one deployment: started, asked for their health, ended together."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.backend.deploy.platforms.base import ReplicaAddress, ServiceSettings
from app.backend.deploy.platforms.local.patience import Patience, Refusal
from app.backend.deploy.platforms.local.probing import Answer
from app.backend.deploy.platforms.local.replica import Replica
from app.backend.deploy.platforms.local.restarts import Backoff
from app.backend.deploy.platforms.local.startup_page import (
    faults_of,
    hopeless,
    words_of,
)
from app.errors import OpsError, PlatformError

__all__ = ["ReplicaSet"]

logger = logging.getLogger("pm33.platform")

# Most releases are healthy by then, and nobody has to be told why not yet.
_SILENT: Final = 2.0
_GLANCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Sight:
    answer: Answer
    starts: int


class ReplicaSet:
    """All replicas of one deployment.

    Args:
        replicas: not started yet.
        settings: the deployment's.
        on_lost: called once when the last of them has been given up.

    Attributes:
        waits_for: why it is not healthy yet, while that is waited for.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        settings: ServiceSettings,
        on_lost: Callable[[str], None],
    ) -> None:
        self._replicas = tuple(replicas)
        self._settings = settings
        self._on_lost = on_lost
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self.waits_for = ""

    @property
    def addresses(self) -> tuple[ReplicaAddress, ...]:
        """Where each of them listens."""
        return tuple(ReplicaAddress(one.name, one.socket) for one in self._replicas)

    @property
    def given_up(self) -> str:
        """Which of them are not started again, and why; empty: none."""
        return "; ".join(
            f"{one.name}: {one.gave_up}" for one in self._replicas if one.gave_up
        )

    def start(self) -> None:
        """Starts all; returns at once."""
        self._tasks = {asyncio.create_task(self._keep(one)) for one in self._replicas}

    async def become_healthy(self, on_wait: Callable[[], None]) -> None:
        """Waits until every replica has answered its health check with 200.

        Args:
            on_wait: called when :attr:`waits_for` has changed.

        Raises:
            PlatformError: one spent its restarts, says itself that it will never be
                healthy, or the time is over; the message says what it answered last.
        """
        try:
            await self._become_healthy(on_wait)
        finally:
            self.waits_for = ""

    async def _become_healthy(self, on_wait: Callable[[], None]) -> None:
        timeout, began = self._settings.healthcheck_timeout, time.monotonic()
        patience = Patience()
        while True:
            sights = await self._look()
            now = time.monotonic()
            lost = next((one for one in self._replicas if one.gave_up), None)
            if lost is not None:
                raise PlatformError(
                    f"{lost.name}: {lost.gave_up}",
                    remedy="look into the deployment's log for what it said",
                )
            if self._all_well(sights):
                return
            refusals = _refusals(sights)
            answered = any(one.answer.status is not None for one in sights.values())
            patience = patience.after(refusals, answered=answered, now=now)
            if (certain := patience.ended_by(refusals, now)) is not None:
                raise _never_healthy(certain)
            if now - began >= timeout:
                raise PlatformError(
                    f"not healthy within {timeout:g} s: {self._ill(sights)}",
                    remedy="look into the deployment's log; if it only needs longer, "
                    "raise healthcheckTimeout",
                )
            if now - began >= _SILENT and self._is_news(sights):
                on_wait()
            await asyncio.sleep(patience.pause)

    async def standing(self) -> list[dict[str, Any]]:
        """Each of them as it is now, for ``platform status``; 4 s at most."""
        sights = await self._look(_GLANCE)
        return [_told(one, sights[one.name]) for one in self._replicas]

    async def ill(self) -> str:
        """One look at all: what is wrong; empty when all are well."""
        sights = await self._look()
        return "" if self._all_well(sights) else self._ill(sights)

    async def end(self, grace: float) -> None:
        """Ends all at once: SIGTERM, and SIGKILL after ``grace`` seconds."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(one.end(grace) for one in self._replicas))

    async def _keep(self, replica: Replica) -> None:
        await replica.keep()
        backoff = Backoff()
        while not self._ending and all(one.gave_up for one in self._replicas):
            try:
                self._on_lost(f"{replica.name}: {replica.gave_up}")
            except (OpsError, OSError) as error:
                logger.warning("%s has crashed, unsaid: %s", replica.name, error)
            else:
                return
            backoff = backoff.after(0)
            await asyncio.sleep(backoff.pause)

    async def _look(self, *timeout: float) -> dict[str, _Sight]:
        async def look(one: Replica) -> tuple[str, _Sight]:
            starts = one.starts
            return one.name, _Sight(
                await one.look(self._settings.healthcheck_path, *timeout), starts
            )

        return dict(await asyncio.gather(*map(look, self._replicas)))

    def _all_well(self, sights: dict[str, _Sight]) -> bool:
        """Well is only who still is the process that has answered."""
        return all(_is_well(one, sights[one.name]) for one in self._replicas)

    def _is_news(self, sights: dict[str, _Sight]) -> bool:
        """Takes down why they are not healthy; whether that was not known."""
        ill = [one for one in self._replicas if not _is_well(one, sights[one.name])]
        said = dict.fromkeys(
            _with_history(sights[one.name].answer.brief, one) for one in ill
        )
        before, self.waits_for = self.waits_for, f"not healthy yet: {'; '.join(said)}"
        return self.waits_for != before

    def _ill(self, sights: dict[str, _Sight]) -> str:
        path = self._settings.healthcheck_path or "its socket"
        return (
            "; ".join(
                f"{one.name} {path}: {_with_history(str(sights[one.name].answer), one)}"
                for one in self._replicas
                if not (one.running and sights[one.name].answer.ok)
            )
            or "a replica was restarted meanwhile"
        )


def _is_well(replica: Replica, sight: _Sight) -> bool:
    return replica.running and sight.answer.ok and sight.starts == replica.starts


def _with_history(answer: str, replica: Replica) -> str:
    return f"{answer}; {replica.history}" if replica.history else answer


def _refusals(sights: dict[str, _Sight]) -> list[Refusal]:
    found = (
        Refusal(name, one.starts, hopeless(faults_of(one.answer.body)))
        for name, one in sights.items()
        if not one.answer.ok
    )
    return [one for one in found if one.faults]


def _never_healthy(refusal: Refusal) -> PlatformError:
    return PlatformError(
        f"{refusal.replica}: its startup gate stays closed: {words_of(refusal.faults)}",
        remedy="mend that, and deploy again; no waiting would help",
    )


def _told(replica: Replica, sight: _Sight) -> dict[str, Any]:
    last, well = replica.last_end, _is_well(replica, sight)
    return {
        "replica": replica.name,
        "pid": replica.pid,
        "healthy": well,
        "problem": None if well else replica.gave_up or sight.answer.brief,
        "restarts": max(0, replica.starts - 1),
        "ended_at": None if last is None else last.at.isoformat(),
        "ended": None if last is None else last.how,
    }
