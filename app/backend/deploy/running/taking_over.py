"""Gets leave to act: the lease, or its absence; and ends what is taken over."""

from app.backend.database.lease import Guard, Unlocked
from app.backend.deploy.leasing import lease_name
from app.backend.deploy.planning.findings import run_of_tag
from app.backend.deploy.planning.survey import LISTED, look_back
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.report import Ending
from app.backend.deploy.running.step import RUN
from app.backend.deploy.tools import Tools
from app.errors import JournalError, LeaseHeldError

__all__ = ["end_others", "refuse_if_held", "take_lease", "unlocked"]

_WATCHING = "bake"
"""The step out of which a living run may be pushed: it changes nothing there."""


async def take_lease(
    tools: Tools,
    *,
    holder: str,
    reason: str,
    wait: float = 0.0,
    supersede: bool = False,
) -> Guard:
    """Takes the environment's lease, with an epoch that the platform will take.

    Args:
        tools: what to work with.
        holder: who asks; the run's id is in it.
        reason: what for.
        wait: seconds to wait for a holder that may be dead.
        supersede: push out a run that is only watching.

    Raises:
        LeaseHeldError: somebody else has it.
        JournalError: the state database cannot be asked.
        PlatformUnreachableError: nor can the platform.
    """
    name, above = lease_name(tools.environment), await tools.platform.epoch()
    if supersede:
        await _push_out(tools, name)
    return await tools.leases.acquire(
        name, holder=holder, reason=reason, wait=wait, above=above
    )


async def refuse_if_held(tools: Tools) -> None:
    """Names whoever is at work, if that can be told.

    Raises:
        LeaseHeldError: somebody is.
    """
    try:
        state = await tools.leases.held(lease_name(tools.environment))
    except JournalError:
        return
    if state is not None:
        raise LeaseHeldError(
            f"{state.holder} is at work since {state.acquired_at:%H:%M:%S %Z}"
            f" ({state.reason})",
            remedy="wait for it to end; --supersede takes over if it only watches",
        )


async def unlocked(tools: Tools) -> Guard:
    """Leave to act without a lease: under the highest epoch that the platform knows."""
    name = lease_name(tools.environment)
    return Unlocked(name=name, epoch=await tools.platform.epoch())


async def end_others(
    tools: Tools, guard: Guard, journals: Journals, *, by: str
) -> tuple[str, ...]:
    """Ends every run that has not ended, in the name of the one that takes over.

    What they have brought up and what does not serve is cancelled.

    Returns:
        Their ids.

    Raises:
        LeaseLostError: somebody else has taken over.
        PlatformUnreachableError: the platform does not answer.
    """
    past = await look_back(journals)
    left = [one for one in past.runs if one.begun and not one.ended and one.run != by]
    if not left:
        return ()
    names = {one.run for one in left}
    for one in await tools.platform.deployments(LISTED):
        if run_of_tag(one.tag) in names and not (one.active or one.status.is_over):
            guard.check()
            await tools.platform.cancel(one.id, epoch=guard.epoch)
    for run in left:
        await _end(tools, guard, journals, run, by)
        tools.say(f"{run.run} is ended: {by} takes over from it")
    return tuple(sorted(names))


async def _end(
    tools: Tools, guard: Guard, journals: Journals, run: RunState, by: str
) -> None:
    data = {"outcome": Ending.SUPERSEDED, "verdict": "inconclusive", "by": by}
    # A run without a lease may have had the same epoch, never a higher one.
    epoch = max(guard.epoch, run.epoch)
    event = Event(run.run, RUN, 1, epoch, EventKind.END, tools.now(), data)
    try:
        await journals.append(event)
    except JournalError as error:
        tools.say(f"the end of {run.run} cannot be written down: {error}")


async def _push_out(tools: Tools, name: str) -> None:
    """Takes the lease from a run that is watching; any other keeps it."""
    state = await tools.leases.held(name)
    if state is None:
        return
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    holder = next((one for one in past.runs if one.run in state.holder), None)
    if holder is not None and _only_watches(holder):
        await tools.leases.take_away(name, state.holder)
        tools.say(f"{holder.run} no longer has the lease: it was only watching")


def _only_watches(run: RunState) -> bool:
    under_way = [step.name for step in run.steps.values() if not step.status.is_over]
    return under_way == [_WATCHING]
