"""Who has taken over from a run, for what, and what serves now."""

import asyncio
from contextlib import suppress

from app.backend.deploy.planning.at_work import who_is_at_work
from app.backend.deploy.records.story import successor_of
from app.backend.deploy.report import summary_of
from app.backend.deploy.running.following import serving
from app.backend.deploy.running.run import Run
from app.errors import JournalError, LeaseLostError, PlatformError

__all__ = ["explained"]

DEADLINE = 5.0
"""Seconds for all three questions: nothing depends on the answers."""


async def explained(run: Run, lost: LeaseLostError) -> LeaseLostError:
    """The same error, with what can be found out about it now."""
    told = [f"{run.id} is over: {lost}"]
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE):
            told += [one for one in (await _by(run), await _serves(run)) if one]
    return LeaseLostError("; ".join(told), remedy=lost.remedy)


async def _by(run: Run) -> str:
    """The lease tells it first; once it is free again, the run's own last event."""
    try:
        past = await run.journals.runs()
    except JournalError:
        past = ()
    known = {one.run: one for one in past}
    found = await who_is_at_work(run.tools, past)
    if found is not None and run.id not in found.holder:
        return f"taken over by {found.holder} ({found.task_and_why})"
    by = successor_of(known[run.id]) if run.id in known else None
    if by is None:
        return ""
    other = known.get(by)
    return f"taken over by {by}{f' ({other.duty})' if other else ''}"


async def _serves(run: Run) -> str:
    with suppress(PlatformError):
        return f"{summary_of(await serving(run.tools.platform))} serves"
    return ""
