"""Says how a watch and a gate go: what changes at once, and that it goes on."""

import math
from collections.abc import Callable

from app.backend.deploy.watching.clock import Clock
from app.backend.deploy.watching.gate_state import GateState
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.rules import example
from app.backend.deploy.watching.traffic import Stretch
from app.backend.deploy.watching.verdict import counted
from app.backend.deploy.watching.watch_state import WatchState
from app.backend.deploy.watching.weighing import Mark, RoundRecord

__all__ = ["QUIET", "GateProgress", "WatchProgress"]

QUIET = 30.0
"""Seconds for which nothing need be said; who reads a log believes it hangs then."""

_FEW_ERRORS = 2
_BAD_SHARE = 0.05
_MINUTE = 60
_LONG = 90.0


class WatchProgress:
    """Told after each round of a watch; see ``on_round`` of :func:`.watch.watch`.

    A bad round, one that says nothing, users whose requests fail, and the end of each
    are said at once. Of a good watch there is a line in every 30 s, or with every
    round where those are further apart.

    Args:
        say: takes one line.
        seconds: how long will be watched, from now on; None: until stopped.
        limits: the watch's own.
        clock: the watch's own.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        seconds: float | None,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._say = say
        self._clock = clock
        self._limits = limits
        self._said_at = clock.time()
        self._ends = math.inf if seconds is None else clock.time() + seconds
        self._bad = 0
        self._unclear = False
        self._failing = False
        self._heard: Stretch | None = None
        self._requests = 0
        self._errors = 0

    def __call__(self, state: WatchState) -> None:
        """Says what has changed with this round, or that nothing has for a while."""
        lines = [*self._of_round(state.records[-1]), *self._of_users(state)]
        now = self._clock.time()
        soon = now + self._limits.interval >= self._said_at + QUIET
        over = state.decision is not None or (
            self._ends is not None and now >= self._ends
        )
        if soon and not lines and not over:
            lines = [self._so_far(state)]
        for line in lines:
            self._say(line)
            self._said_at = self._clock.time()

    def _of_round(self, record: RoundRecord) -> list[str]:
        why = example((record,)).removeprefix("; ")
        because = f": {why}" if why else ""
        if record.mark.failed:
            self._bad += 1
            self._unclear = False
            if self._bad <= self._limits.threshold:
                return [f"bad round {self._bad} of {self._limits.threshold}{because}"]
            # A rule is met; what is shared is looked at once more before it counts.
            return [
                f"bad round {self._bad}, of which the reason is looked for{because}"
            ]
        if record.mark is Mark.OK:
            bad, was_unclear = self._bad, self._unclear
            self._bad, self._unclear = 0, False
            if bad:
                return [f"good again after {counted(bad, 'bad round')}"]
            return ["clear again, and good"] if was_unclear else []
        if self._unclear:
            return []
        self._unclear = True
        shared = "what is shared is bad, or nothing could be asked"
        return [f"a round that decides nothing: {why or shared}"]

    def _of_users(self, state: WatchState) -> list[str]:
        newest = state.traffic[-1] if state.traffic else None
        if newest is None or newest is self._heard:
            return []
        before, self._heard = self._heard, newest
        self._requests += newest.requests
        self._errors += newest.errors
        was, share = self._failing, _BAD_SHARE * newest.requests
        self._failing = newest.errors >= _FEW_ERRORS and newest.errors >= share
        if self._failing:
            span = f" in {newest.at - before.at:.0f} s" if before else ""
            return [
                f"users: {newest.errors} of {newest.requests} requests failed{span}"
            ]
        return ["users: their requests are answered again"] if was else []

    def _so_far(self, state: WatchState) -> str:
        counts = state.counts
        facts = [counted(counts.rounds, "round")]
        facts += [f"{counts.failed} bad"] * bool(counts.failed)
        facts += [f"{counts.inconclusive} unclear"] * bool(counts.inconclusive)
        if self._heard is not None:
            facts += [counted(self._requests, "request"), f"{self._errors} failed"]
        good = counts.ok == counts.rounds and not self._failing
        return f"{'good ' * good}so far: {', '.join(facts)}{self._left()}"

    def _left(self) -> str:
        seconds = self._ends - self._clock.time()
        if math.isinf(seconds):
            return ""
        short = seconds < _LONG
        left = f"{seconds:.0f} s" if short else f"{seconds / _MINUTE:.0f} min"
        return f"; {left} left"


class GateProgress:
    """Told after each round of a gate; see ``on_round`` of :func:`.gate.gate`.

    Args:
        say: takes one line.
        replicas: how many it takes.
        hold: seconds for which each has to be well.
        clock: the gate's own.
    """

    def __init__(
        self, say: Callable[[str], None], *, replicas: int, hold: float, clock: Clock
    ) -> None:
        self._say = say
        self._replicas = replicas
        self._hold = hold
        self._clock = clock
        self._said_at = 0.0
        self._known: tuple[int, str] | None = None

    def __call__(self, state: GateState) -> None:
        """Says when replicas turn out well or cease to be, and why none is yet."""
        well, now = len(state.well_since), self._clock.time()
        known = (well, state.public)
        if known == self._known and now < self._said_at + QUIET:
            return
        self._known, self._said_at = known, now
        self._say(
            f"{well} of {counted(self._replicas, 'replica')} well{self._why(state)}"
        )

    def _why(self, state: GateState) -> str:
        if len(state.well_since) >= self._replicas:
            return f"; to stay so for {self._hold:g} s" if self._hold else ""
        if state.public:
            return f"; {state.public}"
        for sample in state.evidence:
            where = sample.replica or sample.source
            return f"; {where} {sample.path}: {sample.reason or 'slow'}"
        return ""
