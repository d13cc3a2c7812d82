"""The time between the signal to stop and the exit, divided. Pure."""

import math
from dataclasses import dataclass
from typing import Final

from app.backend.config.model import Config

__all__ = ["MARGIN", "Drain", "divide_drain"]

MARGIN: Final = 2.0
"""Seconds that must be left between the end of the drain and Railway's SIGKILL."""

_IN_FLIGHT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """The phases in seconds, and whether they fit.

    Attributes:
        lame_duck: how long everything is still accepted and answered.
        in_flight: how long accepted requests may take to finish.
        closing: how long the application's shutdown may take.
        excess: seconds that the sum is over what the platform gives; 0: it fits.
    """

    lame_duck: float
    in_flight: float
    closing: float
    excess: float

    @property
    def total(self) -> float:
        """Seconds from the signal to the end of the drain, at most."""
        return self.lame_duck + self.in_flight + self.closing

    @property
    def needed(self) -> float:
        """Seconds that the platform would have to give."""
        return self.total + MARGIN


def divide_drain(config: Config, *, on_railway: bool) -> Drain:
    """Divides the time between the signal and the exit.

    The sum stays 2 s under ``RAILWAY_DEPLOYMENT_DRAINING_SECONDS``, after which SIGKILL
    follows. Explicit values are kept even where they break that limit.

    Args:
        config: with what is explicit.
        on_railway: whether it is for there, where traffic has moved before the signal
            and the lame duck is 0 unless it is set.
    """
    server, budget = config.server, config.railway.draining_seconds
    limit = math.inf if budget is None else budget - MARGIN
    lame_duck = config.lame_duck_on(railway=on_railway)
    in_flight = server.drain_timeout
    if in_flight is None:
        left = max(0.0, limit - lame_duck - server.close_timeout)
        in_flight = _IN_FLIGHT if budget is None else left
    # Rounded, so that the sum of three floats cannot exceed what it was made from.
    excess = round(lame_duck + in_flight + server.close_timeout - limit, 3)
    return Drain(
        lame_duck=lame_duck,
        in_flight=in_flight,
        closing=server.close_timeout,
        excess=max(0.0, excess),
    )
