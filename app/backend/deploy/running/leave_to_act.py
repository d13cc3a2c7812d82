"""Gets leave to act: the environment's lease, or its absence."""

from app.backend.database.lease import Guard, Unlocked
from app.backend.deploy.leasing import lease_name
from app.backend.deploy.planning.at_work import who_is_at_work
from app.backend.deploy.planning.looking_back import look_back
from app.backend.deploy.running.asking import ask
from app.backend.deploy.running.fencing import let_land
from app.backend.deploy.running.superseding import end_strays, push_out
from app.backend.deploy.tools import Tools
from app.errors import JournalError, LeaseHeldError, PreflightError

__all__ = ["leave_to_act", "refuse_if_held"]

_SECOND = 1.0
_REMEDY = "wait for it to end; --supersede takes over if it only watches"


async def leave_to_act(
    tools: Tools,
    *,
    holder: str,
    reason: str,
    patient: bool,
    supersede: bool,
    alone: bool,
    remedy: str = "",
) -> tuple[Guard, str]:
    """Takes the environment's lease, with an epoch that the platform will take.

    Without a lease the epoch is one above the platform's: whoever still holds one
    cannot change anything any more. The next lease is taken above that.

    Args:
        tools: what to work with.
        holder: who asks; the run's id is in it.
        reason: what for.
        patient: wait for a holder that may have died.
        supersede: push out a run that is only watching.
        alone: go on without a lease where none is to be had.
        remedy: what else can be done about that.

    Returns:
        The leave, and a note for the reader; empty with a lease.

    Raises:
        LeaseHeldError: somebody else has it.
        PreflightError: there is none to be had.
        PlatformUnreachableError: the platform does not answer.
        InterruptedRunError: somebody has asked to stop meanwhile.
    """
    name = lease_name(tools.environment)
    epoch = await ask(tools, "epoch", tools.platform.epoch)
    wait = tools.leases.ttl + _SECOND if patient else 0.0
    try:
        if supersede:
            await push_out(tools, name)
        if patient:
            await _say_who_is_waited_for(tools, name)
        taking = tools.leases.acquire(
            name, holder=holder, reason=reason, wait=wait, above=epoch
        )
        guard = await tools.interrupt.race(taking)
    except LeaseHeldError as error:
        await refuse_if_held(tools, error.remedy if patient else _REMEDY)
        raise
    except JournalError as error:
        if alone:
            note = f"unlocked, without a lease: {error}"
            return Unlocked(name=name, epoch=epoch + 1), note
        raise PreflightError(
            f"there is no lease to be had: {error}", remedy=f"{error.remedy}{remedy}"
        ) from error
    await _succeed(tools, guard)
    return guard, ""


async def _succeed(tools: Tools, guard: Guard) -> None:
    """Takes over from whoever was killed where the platform could not fence them.

    What they had sent lands meanwhile; what no run knows of is cancelled (contract §4).
    """
    try:
        if await let_land(tools, guard):
            await end_strays(tools, guard)
    except BaseException:
        await guard.release()
        raise


async def _say_who_is_waited_for(tools: Tools, name: str) -> None:
    state = await tools.leases.held(name)
    if state is not None:
        tools.say(
            f"{state.holder} has the lease ({state.reason}); waiting until"
            f" {state.expires_at:%H:%M:%S %Z}, when it is free unless it is renewed"
        )


async def refuse_if_held(tools: Tools, remedy: str = _REMEDY) -> None:
    """Names whoever is at work, and why, if that can be told.

    Raises:
        LeaseHeldError: somebody is.
    """
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    found = await who_is_at_work(tools, past.runs)
    if found is not None:
        raise found.error(remedy)
