"""How a replica asks while it cannot know whether others do. Pure but for the dice.

The store is away, so every replica asks for itself: each so much more rarely that all
of them together ask about as often as one did.
"""

import math
import random
from dataclasses import dataclass, field

from app.backend.health.models import JITTER, CheckPolicy

__all__ = ["ALONE_FACTOR", "Alone"]

ALONE_FACTOR = 4
"""Periods from one attempt to the next at least: there may be more replicas than were
seen last, and none were seen where the store was never there."""


@dataclass(slots=True)
class Alone:
    """When one check may be asked about; seconds are on the monotonic clock.

    Attributes:
        replicas: how many there were when the store was last asked.
        due: the next attempt; None: the store is there.
        earliest: before it this replica never asks alone, however often the store
            comes and goes.
    """

    replicas: int = 1
    due: float | None = None
    earliest: float = field(default=-math.inf)

    def period(self, policy: CheckPolicy) -> float:
        """Seconds from one attempt to the next."""
        return policy.period * max(ALONE_FACTOR, self.replicas)

    def begin(
        self, now: float, jitter: random.Random, *, open_from: float, expires: float
    ) -> float:
        """Finds the first attempt once the store is away; returns when it is.

        All replicas lose the store in the same moment. What they know stays good for a
        while, and over that while their attempts are spread; who knows nothing asks at
        once.

        Args:
            now: this moment.
            jitter: the dice.
            open_from: before it nobody would have asked.
            expires: when what is known turns ``unknown``.
        """
        if self.due is None:
            first = max(now, open_from)
            spread = jitter.uniform(first, max(first, expires))
            self.due = max(spread if expires > now else now, self.earliest)
        return self.due

    def asked(
        self, now: float, pause: float, policy: CheckPolicy, jitter: random.Random
    ) -> float:
        """Finds the next attempt after one; returns the seconds until then.

        Args:
            now: this moment.
            pause: seconds for which the component wants to be left alone.
            policy: of the check.
            jitter: the dice.
        """
        wait = max(pause, self.period(policy)) * (1 + jitter.uniform(0, JITTER))
        self.due = self.earliest = now + wait
        return wait

    def end(self, replicas: int) -> None:
        """The store is there, and tells how many replicas are."""
        self.due = None
        self.replicas = replicas
