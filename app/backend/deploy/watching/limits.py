"""Where the line is between a bad moment and a bad release."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is too much.

    ``threshold`` and ``interval`` belong together: it is their product, a duration,
    that tells a release from a burst. 3 at 10 s rolled back 2 % of healthy releases in
    a simulation with two shared bursts of 8 s an hour; 3 at 5 s, 10 %.

    Attributes:
        threshold: failed rounds in a row that are a failure.
        interval: seconds from one round to the next.
        window: rounds that are looked back upon.
        window_failures: failed rounds within the window that are a failure.
        identity: probes answered by a wrong release that are a failure.
        restarts: starts of one replica during the watch that are a failure.
        calm: rounds for which the second path must have worked before silence of the
            release counts as the release's.
        slow_factor: times the median of before the deploy; and
        slow_extra: seconds beyond that median, too, until an answer is slow.
        patience: seconds that a route's failure waits for the next look at the shared
            checks that are not critical; None: ``threshold`` times ``interval``.
            Critical ones are always waited for.
        punctual: the watch ends in time, with what was seen until then.
    """

    threshold: int = 3
    interval: float = 10.0
    window: int = 20
    window_failures: int = 6
    identity: int = 3
    restarts: int = 3
    calm: int = 6
    slow_factor: float = 3.0
    slow_extra: float = 0.5
    patience: float | None = None
    punctual: bool = False

    @property
    def overtime(self) -> int:
        """Rounds more that a question gets which is open when the time is up."""
        return 0 if self.punctual else self.threshold

    @property
    def waits(self) -> float:
        """``patience`` in seconds."""
        if self.patience is None:
            return self.threshold * self.interval
        return self.patience

    def slow(self, median: float) -> float:
        """From how many seconds on an answer is slow."""
        return max(self.slow_factor * median, median + self.slow_extra)
