"""Pushes do not deploy by themselves while a run is at work; afterwards they do again.

It is written down before the platform is asked, so that whoever comes after a run that
was killed knows what to put back: the same run when it is resumed, or the next one.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from app.backend.deploy.planning.looking_back import LISTED
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.running.run import Run
from app.errors import JournalError, PlatformError

__all__ = ["AUTODEPLOY", "held_by", "hold_back", "let_through", "say_what_is_left"]

AUTODEPLOY: Final = "autodeploy"
"""Names the notes of a run about it; ``pushes`` in them says what they are."""

_GLANCE: Final = 10.0
"""Seconds that a way back waits for an answer about it."""
_OFF: Final = "off"
_RESTORED: Final = "restored"
_LEFT_ON: Final = "pushes go on deploying by themselves, and one may overtake this run"


def held_by(runs: Iterable[RunState]) -> str | None:
    """The run that has switched it off and not on again; None: none has. Pure.

    Args:
        runs: the newest first. Only the newest that speaks of it counts: it has taken
            over what earlier ones had left.
    """
    for one in runs:
        told = _last_word(one)
        if told is not None:
            return one.run if told == _OFF else None
    return None


async def hold_back(run: Run) -> None:
    """Switches it off, if it is on; takes over what an earlier run has left off.

    A run goes on without: that nobody pushes meanwhile is likely, and said. A rollback
    asks once: users wait for it.

    Raises:
        LeaseLostError, InterruptedRunError: as :meth:`Run.ask`.
    """
    try:
        on = await _is_on(run)
        if on is None or (not on and not await _was_left_off(run)):
            return
        await run.record(AUTODEPLOY, pushes=_OFF)
        if on:
            await _put(run, enabled=False, patient=not _is_urgent(run))
            run.say("pushes do not deploy by themselves while this run is at work")
    except JournalError as error:
        run.remark(f"{_LEFT_ON}: that it was switched off cannot be kept: {error}")
    except PlatformError as error:
        run.remark(f"{_LEFT_ON}: {error}")


async def let_through(run: Run, *, patient: bool = True) -> bool:
    """Switches it on again, if this run or an earlier one has switched it off.

    Args:
        run: at the end of this process's part in it.
        patient: ask again while the platform does not answer.

    Returns:
        Whether nothing is left to be put back.

    Raises:
        LeaseLostError: somebody else has taken over, and this with it.
    """
    if _last_word(run.state) != _OFF:
        return True
    run.heeds = False
    try:
        await _put(run, enabled=True, patient=patient)
    except PlatformError as error:
        run.remark(f"pushes do not deploy by themselves yet: {error}; {_by_hand(run)}")
        return False
    await run.note(AUTODEPLOY, pushes=_RESTORED)
    run.say("pushes deploy by themselves again")
    return True


def say_what_is_left(run: Run) -> None:
    """Says so where a process ends and leaves pushes held back."""
    if _last_word(run.state) == _OFF:
        run.say(f"pushes do not deploy by themselves: {_by_hand(run)}")


def _by_hand(run: Run) -> str:
    return (
        f"`pm33 deploy resume -e {run.tools.environment}` puts that right, as does the"
        " next run, or the service's page on the platform"
    )


def _is_urgent(run: Run) -> bool:
    return run.state.kind == "rollback"


async def _is_on(run: Run) -> bool | None:
    """Whether it is; None where there is no such thing, or nobody can tell."""
    ask = run.tools.platform.autodeploy
    try:
        if not _is_urgent(run):
            return await run.ask(AUTODEPLOY, ask)
        async with asyncio.timeout(_GLANCE):
            return await ask()
    except TimeoutError:
        why = f"no answer within {_GLANCE:g} s"
    except PlatformError as error:
        why = str(error)
    run.remark(f"whether a push deploys by itself meanwhile is not known: {why}")
    return None


async def _put(run: Run, *, enabled: bool, patient: bool) -> None:
    platform, epoch = run.tools.platform, run.guard.epoch

    async def put() -> None:
        await platform.set_autodeploy(enabled, epoch=epoch)

    await (run.act(AUTODEPLOY, put) if patient else run.act_once(put))


async def _was_left_off(run: Run) -> bool:
    """By this run itself, before it was killed, or by the last one that was at work."""
    if _last_word(run.state) == _OFF:
        return True
    try:
        runs = await run.journals.runs(LISTED)
    except JournalError:
        return False
    return held_by(one for one in runs if one.run != run.id) is not None


def _last_word(run: RunState) -> str | None:
    told = [one.data.get("pushes") for one in run.notes if one.step == AUTODEPLOY]
    return str(told[-1]) if told else None
