"""Where a call waits for leave, for a moment, or is refused at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from app.backend.clients.limit import Limit
from app.backend.clients.shared import BELIEVED, Reply, Report, Shared
from app.backend.clients.window import Window
from app.errors import VendorLimitedError

__all__ = ["Gate", "Permit"]

_POLL: Final = 0.02
"""Seconds between two looks whether a call has ended; nobody knows when one will."""
_SAID_IF_BUSY: Final = 1.0
_RENEWAL: Final = BELIEVED / 3


class _Why(Enum):
    """What stands in the way: a sentence, and what to do about it."""

    FULL = (
        "the limit of {vendor} for a minute is reached",
        "Ask again in {wait:.0f} s; PM33_LIMIT_{upper}_REQUESTS or _TOKENS sets it.",
    )
    BUSY = (
        "as many calls of {vendor} are in flight as may be",
        "Ask again when some have ended; PM33_LIMIT_{upper}_CONCURRENCY sets how many.",
    )
    TOLD = (
        "{vendor} has asked to be left alone for {wait:.0f} s more",
        "Ask again then; if it happens often, have the account's limits raised.",
    )


@dataclass(frozen=True, slots=True)
class _Refusal:
    why: _Why
    wait: float


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call.

    Attributes:
        tokens: that it was counted with.
        second: of the gate's own window in which it is.
        shared: the same of the window that is shared; None: it is in none.
    """

    tokens: int
    second: int
    shared: int | None = None


class Gate:
    """One vendor's limiter in this process; all its calls go through it.

    Args:
        vendor: its name.
        limit: what all replicas together may ask.
        wait: seconds that a call waits at most.
        shared: what replicas agree by; None: each is alone. While the others cannot be
            reached, a replica keeps to its part: the limit, divided by how many had
            lately been at work when they last could.
        clock: seconds that never go back.
        sleep: waits for so many of them.
    """

    def __init__(
        self,
        vendor: str,
        limit: Limit,
        *,
        wait: float,
        shared: Shared | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vendor = vendor
        self._limit = limit
        self._wait = wait
        self._shared = shared
        self._clock = clock
        self._sleep = sleep
        self._window = Window()
        self._busy = 0
        self._held_until = 0.0
        self._replicas = 1
        self._corrections: dict[int, int] = {}
        # One exchange at a time, or the count of calls in flight would be an old one.
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether a call's tokens matter to anybody."""
        return self._limit.tokens > 0

    @property
    def busy(self) -> int:
        """Calls of this process in flight."""
        return self._busy

    async def enter(
        self, tokens: int, refuse: type[VendorLimitedError] = VendorLimitedError
    ) -> Permit:
        """Waits for leave to make one call; :meth:`leave` has to follow.

        Args:
            tokens: that it will probably cost.
            refuse: what is raised; a subclass may be an error of an SDK as well.

        Raises:
            VendorLimitedError: there will be no leave within ``wait``; raised as soon
                as that is known.
        """
        ends = self._clock() + self._wait
        while isinstance(answer := await self._ask(tokens), _Refusal):
            if answer.wait > ends - self._clock():
                raise self._error(answer, refuse)
            await self._sleep(answer.wait)
        return answer

    def leave(self, permit: Permit, used: int | None) -> None:
        """The call has ended.

        Args:
            permit: its leave.
            used: tokens that it has cost; None: nobody knows, and the estimate stays.
        """
        self._busy -= 1
        more = 0 if used is None else used - permit.tokens
        if more and self.counts_tokens:
            self._window.correct(permit.second, more)
            if permit.shared is not None:
                known = self._corrections.get(permit.shared, 0)
                self._corrections[permit.shared] = known + more
        self._tell()

    def hold(self, seconds: float) -> None:
        """The vendor has asked to be left alone: no call begins before that."""
        until = self._clock() + seconds
        if until > self._held_until:
            self._held_until = until
            self._tell()

    async def close(self) -> None:
        """Ends what runs beside the calls; other replicas hear that none is left.

        A call that is still in flight may end later, but nobody is told of it.
        """
        shared, self._shared = self._shared, None
        telling, self._telling = self._telling, None
        if shared is None or telling is None:
            return
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        await shared.exchange(self._vendor, self._limit, Report(busy=0), asked=None)

    async def _ask(self, tokens: int) -> Permit | _Refusal:
        told = self._held_until - self._clock()
        if told > 0:
            return _Refusal(_Why.TOLD, told)
        if self._shared is not None:
            counted = self._limit.capped(tokens)
            try:
                async with self._turn:
                    reply = await self._exchange(asked=counted)
                    if reply is not None and reply.granted:
                        return self._let_in(counted, shared=reply.second)
            except asyncio.CancelledError:
                # It may have been granted, and nobody is going to leave.
                self._tell()
                raise
            if reply is not None:
                return _of_reply(reply)
        return self._ask_alone(tokens)

    def _ask_alone(self, tokens: int) -> Permit | _Refusal:
        limit = self._limit.share(self._replicas)
        counted = limit.capped(tokens)
        wait = self._window.wait(self._clock(), limit, counted)
        if wait > 0:
            return _Refusal(_Why.FULL, wait)
        if limit.concurrency and self._busy >= limit.concurrency:
            return _Refusal(_Why.BUSY, _POLL)
        return self._let_in(counted)

    def _let_in(self, tokens: int, shared: int | None = None) -> Permit:
        self._busy += 1
        if shared is not None:
            self._start_telling()
        # Counted here as well: the others may be out of reach in a moment.
        return Permit(tokens, self._window.add(self._clock(), tokens), shared)

    async def _exchange(self, *, asked: int | None) -> Reply | None:
        if self._shared is None:
            return None
        corrections, self._corrections = self._corrections, {}
        report = Report(
            busy=self._busy,
            hold=max(self._held_until - self._clock(), 0.0),
            corrections=corrections,
        )
        reply = await self._shared.exchange(
            self._vendor, self._limit, report, asked=asked
        )
        if reply is not None:
            self._replicas = reply.replicas
        return reply

    def _tell(self) -> None:
        if self._shared is not None:
            self._news.set()
            self._start_telling()

    def _start_telling(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(
                self._keep_telling(), name=f"clients:{self._vendor}"
            )

    async def _keep_telling(self) -> None:
        """Reports at once what is new, and now and then that calls still run.

        What cannot be told is dropped: a word that is not renewed stops counting.
        """
        while self._busy or self._news.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_RENEWAL):
                    await self._news.wait()
            self._news.clear()
            async with self._turn:
                await self._exchange(asked=None)

    def _error(
        self, refusal: _Refusal, refuse: type[VendorLimitedError]
    ) -> VendorLimitedError:
        sentence, remedy = refusal.why.value
        wait = _SAID_IF_BUSY if refusal.why is _Why.BUSY else refusal.wait
        words = {"vendor": self._vendor, "upper": self._vendor.upper(), "wait": wait}
        return refuse(
            sentence.format(**words), remedy=remedy.format(**words), retry_after=wait
        )


def _of_reply(reply: Reply) -> _Refusal:
    if reply.wait is None:
        return _Refusal(_Why.BUSY, _POLL)
    return _Refusal(_Why.TOLD if reply.told else _Why.FULL, reply.wait)
