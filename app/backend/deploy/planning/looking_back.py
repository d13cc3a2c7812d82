"""Earlier runs and deployments: as far back as it takes to find what was good.

Where every push is deployed and fails, or is skipped, that lies behind many which never
served. Looking further costs requests, so it is done only then.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.errors import JournalError

__all__ = ["LISTED", "Past", "look_back", "look_further"]

T = TypeVar("T")

LISTED: Final = 50
"""Deployments, and runs, that are looked at."""

_FURTHER: Final = (200, 350, 500)
"""The same of deployments, one after the other, where nothing is found among those."""
_RUNS: Final = 200
"""The same of runs: more of them would take the state database too long to tell."""


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier runs, and why they are not all known; empty when they are."""

    runs: tuple[RunState, ...]
    trouble: str = ""


async def look_back(journals: Journals, limit: int = LISTED) -> Past:
    """Reads so many of the newest runs, as far as they can be read."""
    try:
        runs = await journals.runs(limit)
    except JournalError as error:
        return Past((), f"earlier runs are not known: {error}")
    if journals.degraded is not None:
        return Past(runs, f"earlier runs of others are not known: {journals.degraded}")
    return Past(runs)


async def look_further(
    deployments: Callable[[int], Awaitable[Sequence[Deployment]]],
    runs: Callable[[int], Awaitable[T]],
    found: Callable[[Sequence[Deployment], T], bool],
    *,
    say: Callable[[str], None],
) -> tuple[Sequence[Deployment], T]:
    """The newest deployments and runs: as many as it takes, or as there are.

    Args:
        deployments: so many of the newest.
        runs: the same of runs; what is shunned is told from them.
        found: whether these are enough.
        say: is told that it looks further.

    Raises:
        Exception: what ``deployments`` and ``runs`` raise.
    """
    listed, known, asked = await deployments(LISTED), await runs(LISTED), LISTED
    for limit in _FURTHER:
        if len(listed) < asked or found(listed, known):
            break
        say(
            f"nothing to return to is among the newest {asked} deployments; looking at"
            f" the newest {limit}"
        )
        if asked == LISTED:
            known = await runs(_RUNS)
        listed, asked = await deployments(limit), limit
    return listed, known
