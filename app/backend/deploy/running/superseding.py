"""Takes over from other runs: ends them, and cancels what they have left."""

from functools import partial

from app.backend.database.lease import Guard
from app.backend.deploy.planning.findings import run_of_tag, under_way
from app.backend.deploy.planning.looking_back import LISTED, look_back
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.running.asking import ask
from app.backend.deploy.running.fencing import acting
from app.backend.deploy.running.step import RUN
from app.backend.deploy.tools import Tools
from app.errors import JournalError, PlatformError

__all__ = ["end_others", "end_strays", "push_out"]

_WATCHING = "bake"
"""The step out of which a living run may be pushed: it changes nothing there."""


async def end_others(
    tools: Tools,
    guard: Guard,
    journals: Journals,
    *,
    by: str,
    spared: str = "",
    everything: bool = False,
) -> None:
    """Ends every run that has not ended, in the name of the one that takes over.

    What they have brought up and what does not serve is cancelled. What cannot be
    cancelled stays, and is said: a way back does not depend on it.

    Args:
        tools: what to work with.
        guard: leave to act.
        journals: where they are written down.
        by: the run that takes over.
        spared: the run that it is a part of.
        everything: cancel also what is under way and belongs to none of them.

    Raises:
        LeaseLostError: somebody else has taken over.
        PlatformUnreachableError: the platform does not answer.
    """
    past = await look_back(journals)
    going = (one for one in past.runs if one.begun and not one.ended)
    left = [one for one in going if one.run not in {by, spared}]
    names = {one.run for one in left}
    listed = partial(tools.platform.deployments, LISTED)
    found = await ask(tools, "deployments", listed)
    for one in under_way(found):
        if not one.active and (everything or run_of_tag(one.tag) in names):
            await _cancel(tools, guard, one.id)
    for run in left:
        await _end(tools, guard, journals, run, by)
        tools.say(f"{run.run} is ended: {by} takes over from it")


async def end_strays(tools: Tools, guard: Guard) -> None:
    """Cancels what is under way and was asked for by none of the known runs.

    Raises:
        LeaseLostError: somebody else has taken over.
        PlatformUnreachableError: the platform does not answer.
    """
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    known = {one.run for one in past.runs}
    targets = {_target(one) for one in past.runs if not one.ended} - {None}
    listed = partial(tools.platform.deployments, LISTED)
    for one in under_way(await ask(tools, "deployments", listed)):
        known_of = run_of_tag(one.tag) in known or one.rollback_of in targets
        if not one.active and not known_of:
            await _cancel(tools, guard, one.id)


def _target(run: RunState) -> str | None:
    """What a run returns to: a platform may lose the tag of what that creates."""
    chosen = run.step("choose")
    return chosen.data.get("target") if chosen else None


async def _cancel(tools: Tools, guard: Guard, deployment: str) -> None:
    try:
        async with acting(tools, guard):
            await tools.platform.cancel(deployment, epoch=guard.epoch)
    except PlatformError as error:
        tools.say(f"{deployment} is not cancelled: {error}")


async def push_out(tools: Tools, name: str) -> None:
    """Takes a lease from a run that is only watching; any other keeps it.

    Raises:
        JournalError: the state database cannot be asked.
        LeaseHeldError: somebody else has it by now.
    """
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
    unfinished = [step.name for step in run.steps.values() if not step.status.is_over]
    return unfinished == [_WATCHING]


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
