"""How often each replica has been started anew, told from its health pages. Pure.

A restarted process has looked at everything anew, so that all its statuses begin after
what it was last seen to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.backend.deploy.watching.samples import Round

__all__ = ["Life", "count_restarts"]


@dataclass(frozen=True, slots=True)
class Life:
    """One replica's processes.

    Attributes:
        seen: the newest look that it has reported, on its own clock.
        restarts: how often it was started again since the first sample.
    """

    seen: datetime
    restarts: int = 0


def count_restarts(lives: Mapping[str, Life], samples: Round) -> Mapping[str, Life]:
    """Takes one round in."""
    counted = dict(lives)
    for sample in samples:
        if sample.replica is None or sample.born is None or sample.seen is None:
            continue
        known = counted.get(sample.replica)
        if known is None:
            counted[sample.replica] = Life(sample.seen)
        else:
            again = sample.born > known.seen
            counted[sample.replica] = Life(
                max(sample.seen, known.seen), known.restarts + again
            )
    return counted
