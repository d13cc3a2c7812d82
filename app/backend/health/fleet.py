"""One replica asks for all of them: whose turn it is, and what the others have found.

See docs/decisions/0011. Nobody is elected: whoever finds that a check is due claims its
row, asks, and publishes; the others hear of it. Each observation counts once on each
replica, with its true age, so that hysteresis is what it is for one that asks alone.
"""

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from app.backend.health.alone import Alone
from app.backend.health.backoff import LONGEST
from app.backend.health.models import JITTER, CheckPolicy, CheckResult
from app.backend.health.observations import Finding, Observation, next_finding
from app.backend.health.registry import Registered
from app.backend.health.shared_results import Key, SharedResults, Standing
from app.backend.health.store import STORE_ERRORS

__all__ = ["Fleet", "Hear", "Turn", "lease_of", "spacing_of"]

_LEASE_FACTOR: Final = 2
_LEASE_EXTRA: Final = 2.0
_HORIZON_FACTOR: Final = 2
_POLL: Final = 1.0
"""Seconds between two looks at most while somebody else is asking."""
_SPREAD: Final = 1.0
"""Seconds over which replicas come to look, at most, once an attempt is due."""

_log = logging.getLogger("pm33.health")


class Hear(Protocol):
    """Takes in what was found, here or elsewhere; on the event loop."""

    def __call__(
        self, name: str, result: CheckResult, *, age: float, pause: float
    ) -> None:
        """``age``: seconds since then; ``pause``: from then to the next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What this replica does now.

    Attributes:
        ask: whether it asks.
        claim: the number under which it does; None: alone, since the store is away.
        wait: seconds until its next turn, where it does not ask.
    """

    ask: bool = False
    claim: int | None = None
    wait: float = 0.0


@dataclass(slots=True)
class _Seat:
    """What this replica knows of one check; seconds are on the monotonic clock."""

    key: Key
    alone: Alone = field(default_factory=Alone)
    is_new: bool = True
    heard: datetime | None = None
    last: Finding | None = None
    known_at: float = -math.inf
    expires: float = -math.inf


class Fleet:
    """Gives one replica its turns.

    Args:
        results: the rows.
        hear: takes each observation.
        replica: who this is; asked each time, since a server may fork the process.
        fingerprint: tells what a check's answers depend on.
        sanitize: makes a result safe to be kept: redacted, JSON-ready.
        seed: of the dice; tests fix it.
    """

    def __init__(
        self,
        results: SharedResults,
        hear: Hear,
        *,
        replica: Callable[[], str],
        fingerprint: Callable[[Registered], str],
        sanitize: Callable[[CheckResult], CheckResult],
        seed: int | None = None,
    ) -> None:
        self._results = results
        self._tell = hear
        self._replica = replica
        self._fingerprint = fingerprint
        self._sanitize = sanitize
        self._dice = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._seats: dict[str, _Seat] = {}
        self._away = False

    async def turn(self, entry: Registered) -> Turn:
        """Hears what is new, and claims the check if it is due.

        A replica that has just started asks again what has been left alone: to restart
        is what people do after they have mended it.
        """
        seat, policy, claim = self._seat(entry), entry.policy, None
        try:
            horizon = _horizon_of(policy)
            standing = await self._results.look(seat.key, horizon=horizon)
            again = seat.is_new and standing.held_for <= -policy.period
            seat.is_new = False
            if not again:
                self._hear(entry, seat, standing.newest)
            if again or standing.is_due:
                claim = await self._results.claim(
                    seat.key,
                    self._replica(),
                    lasts=lease_of(policy),
                    spacing=spacing_of(policy),
                    rested=policy.period if again else 0.0,
                    horizon=horizon,
                )
        except STORE_ERRORS as error:
            self._tell_away(error)
            return self._turn_alone(entry, seat)
        self._tell_back()
        seat.alone.end(standing.replicas)
        if claim is not None:
            return Turn(ask=True, claim=claim)
        return Turn(wait=self._wait(policy, standing))

    async def found(self, entry: Registered, turn: Turn, result: CheckResult) -> float:
        """Publishes what a turn has found; returns the seconds until the next one."""
        seat, policy = self._seat(entry), entry.policy
        last = seat.last if time.monotonic() < seat.expires else None
        finding = next_finding(self._sanitize(result), last, policy, self._dice)
        if turn.claim is None:
            return self._found_alone(entry, seat, finding)
        try:
            published = await self._results.publish(
                seat.key, turn.claim, self._replica(), finding
            )
        except STORE_ERRORS as error:
            self._tell_away(error)
            return self._found_alone(entry, seat, finding)
        if published is None:
            # Too late: somebody else has asked since, and will tell.
            return self._poll(policy)
        self._hear(entry, seat, published)
        return self._until_due(policy, finding.pause)

    def _hear(self, entry: Registered, seat: _Seat, news: Observation | None) -> None:
        """Takes an observation in, unless it is known, or something newer is."""
        if news is None or news.at == seat.heard:
            return
        seat.heard = news.at
        if news.is_stale(entry.policy) or time.monotonic() - news.age <= seat.known_at:
            return
        result = news.finding.result
        shown = replace(result, data={**result.data, "observed_by": news.by})
        self._know(entry, seat, replace(news.finding, result=shown), news.age)

    def _know(
        self, entry: Registered, seat: _Seat, finding: Finding, age: float
    ) -> None:
        seat.last = finding
        seat.known_at = time.monotonic() - age
        seat.expires = seat.known_at + entry.policy.validity_after(finding.pause)
        self._tell(entry.name, finding.result, age=age, pause=finding.pause)

    def _turn_alone(self, entry: Registered, seat: _Seat) -> Turn:
        policy, now = entry.policy, time.monotonic()
        pause = seat.last.pause if seat.last else 0.0
        due = seat.alone.begin(
            now,
            self._dice,
            open_from=seat.known_at + pause,
            # An attempt that begins just before may last for its timeout.
            expires=seat.expires - policy.timeout,
        )
        if due <= now:
            return Turn(ask=True)
        return Turn(wait=min(due - now, self._look_again(policy)))

    def _found_alone(self, entry: Registered, seat: _Seat, finding: Finding) -> float:
        policy = entry.policy
        wait = seat.alone.asked(time.monotonic(), finding.pause, policy, self._dice)
        self._know(entry, seat, replace(finding, pause=wait), 0.0)
        return min(wait, self._look_again(policy))

    def _wait(self, policy: CheckPolicy, standing: Standing) -> float:
        if standing.is_due:  # somebody was faster
            return self._poll(policy)
        if standing.held_for > 0:
            return min(self._poll(policy), standing.held_for)
        return self._until_due(policy, standing.due_in)

    def _until_due(self, policy: CheckPolicy, due_in: float) -> float:
        """What is left alone for long may have been asked by one that was restarted."""
        spread = self._dice.uniform(0, min(_SPREAD, policy.period * JITTER))
        return min(due_in, policy.period) + spread

    def _look_again(self, policy: CheckPolicy) -> float:
        """Seconds until the store is tried again."""
        return policy.period * (1 - self._dice.uniform(0, JITTER))

    def _poll(self, policy: CheckPolicy) -> float:
        return min(_POLL, policy.period * JITTER) * self._dice.uniform(0.5, 1.0)

    def _seat(self, entry: Registered) -> _Seat:
        if entry.name not in self._seats:
            key = Key(entry.name, self._fingerprint(entry))
            self._seats[entry.name] = _Seat(key)
        return self._seats[entry.name]

    def _tell_away(self, error: Exception) -> None:
        if not self._away:
            _log.warning(
                "the store is away, so each replica asks for itself, and more rarely:"
                " %s: %s",
                *(type(error).__name__, error),
                extra={"remedy": "see the database check; run `pm33 migrate up`"},
            )
        self._away = True

    def _tell_back(self) -> None:
        if self._away:
            _log.info("the store is back; one replica asks for all of them again")
        self._away = False


def _horizon_of(policy: CheckPolicy) -> float:
    """Seconds beyond which no replica puts off an attempt."""
    longest = max(LONGEST, policy.period, spacing_of(policy), lease_of(policy))
    return longest * _HORIZON_FACTOR


def lease_of(policy: CheckPolicy) -> float:
    """Seconds after which a claim without a result may be taken away.

    An attempt is reported after one timeout, whatever becomes of it; the rest is for
    the store, and for an event loop that is late.
    """
    return policy.timeout * _LEASE_FACTOR + _LEASE_EXTRA


def spacing_of(policy: CheckPolicy) -> float:
    """Seconds between two claims at least, also in a crash loop, as the budget has it.

    Without a budget a claim's end is all that its successor waits for.
    """
    return 3600 * policy.calls / policy.budget if policy.budget else 0.0
