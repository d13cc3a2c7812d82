"""One vendor's status page, read again and again, out of every check's way."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.backend.health.checks.vendor import Answer, Asking, Read
from app.backend.health.checks.vendor_answers import retry_after
from app.backend.health.incidents.page import Incident, PageError, read_page, touching
from app.backend.health.incidents.pages import StatusPage

__all__ = ["Pace", "StatusFeed", "pause_of"]

_LONGEST: Final = 196_608
"""Bytes. Reading a page holds the loop for 10 ms at most, whatever is in it."""
_NOT_MODIFIED: Final = 304
_OK: Final = 200

_log = logging.getLogger("pm33.health")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a page is asked. All in seconds but ``patience``.

    Attributes:
        least: the shortest time from one look to the next.
        most: the longest; between the two, chance decides.
        start: the longest time to the first look.
        timeout: for one look.
        patience: failures in a row, after which the page is left alone.
        rest: how long, until it is tried once.
        stale: how old the page's word may be; then it counts as none.
    """

    least: float = 120.0
    most: float = 300.0
    start: float = 2.0
    timeout: float = 10.0
    patience: int = 3
    rest: float = 1800.0
    stale: float = 900.0


def pause_of(
    pace: Pace, failures: int, chance: float, told: float | None = None
) -> float:
    """Seconds to the next look. Pure.

    Args:
        pace: of the page.
        failures: in a row, up to now.
        chance: between 0 and 1.
        told: what the page asks for by ``Retry-After``.
    """
    usual = pace.least + (pace.most - pace.least) * chance
    if failures >= pace.patience:
        usual = pace.rest + usual
    return max(usual, min(told or 0.0, pace.rest))


class StatusFeed:
    """Knows the newest word of one page.

    A page that cannot be reached or read is no incident, and what it said last holds
    until it is stale.

    Args:
        name: of the check.
        page: where it is, and what of it counts.
        asking: by plain HTTP, whoever else asks through it.
        pace: how often.
        seed: of the chance; tests fix it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        page: StatusPage,
        asking: Asking,
        *,
        pace: Pace | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._page = page
        self._asking = asking
        self._pace = pace or Pace()
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._clock = clock
        self._etag = ""
        self._incident: Incident | None = None
        self._read_at: float | None = None
        self._failures = 0
        self._told: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a word of the page that still counts."""
        age = None if self._read_at is None else self._clock() - self._read_at
        return age is not None and age <= self._pace.stale

    @property
    def incident(self) -> Incident | None:
        """What touches us by now; None: nothing, or nobody knows."""
        return self._incident if self.is_known else None

    async def run(self) -> None:
        """Looks, and looks again, without an end."""
        await asyncio.sleep(self._random.uniform(0, self._pace.start))
        while True:
            await self.look()
            chance = self._random.random()
            await asyncio.sleep(
                pause_of(self._pace, self._failures, chance, self._told)
            )

    async def look(self) -> None:
        """Asks the page once; a failure is counted and not raised."""
        headers = {"if-none-match": self._etag} if self._etag else {}
        read = Read(url=self._page.url, headers=headers, most=_LONGEST)
        try:
            await self._asking.open()
        except (OSError, ValueError, ImportError) as error:
            self._failed(type(error).__name__)
            return
        answer = await self._asking.ask(read, timeout=self._pace.timeout)
        self._told = retry_after(answer.headers)
        trouble = self._trouble_with(answer)
        if trouble:
            self._failed(trouble)
        else:
            self._succeeded()

    def _trouble_with(self, answer: Answer) -> str:
        """Takes the page's word in, or says why there is none."""
        if answer.status == _NOT_MODIFIED and self._etag:
            return ""
        if answer.status != _OK:
            fault = answer.fault
            silent = fault is not None and not fault.answered
            return fault.message if fault and silent else f"HTTP {answer.status}"
        if answer.fault is not None:
            return answer.fault.message
        try:
            found = read_page(answer.body)
        except PageError as error:
            return str(error)
        if not any(map(self._page.components.search, found.components)):
            return "it lists no component that we know"
        self._incident = touching(found, self._page.components)
        self._etag = answer.headers.get("etag", "")
        return ""

    def _succeeded(self) -> None:
        if self._failures >= self._pace.patience:
            _log.info("the status page of %s can be read again", self.name)
        self._failures, self._read_at = 0, self._clock()

    def _failed(self, trouble: str) -> None:
        self._failures += 1
        if self._failures == self._pace.patience:
            knob = f"HEALTH_{self.name.upper()}_STATUS_URL"
            _log.info(
                "the status page of %s cannot be read: %s",
                *(self.name, trouble),
                extra={"remedy": f"nothing hangs on it; {knob}=off asks no more"},
            )
