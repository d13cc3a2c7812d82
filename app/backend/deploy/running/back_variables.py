"""Which variables a release comes back with (contract §7); names are told, no value."""

import asyncio
from typing import Final

from app.backend.deploy.planning.returning import SAY_WHICH, has_to_be_said
from app.backend.deploy.planning.reverting import Reverting, compare
from app.backend.deploy.request import Variables
from app.backend.deploy.running.deploy_order import order_of, rollback_request
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts
from app.errors import (
    ConfigError,
    PlatformError,
    PlatformUnreachableError,
    PreflightError,
)

__all__ = ["asked_variables", "choose_variables", "chosen_variables", "in_a_hurry"]

_GLANCE: Final = 10.0
"""Seconds for a look at variables that a way back does not wait for any longer."""
_WHOSE: Final = {
    Variables.CURRENT: "it gets today's; --restore-variables brings the old ones back",
    Variables.TARGET: "it gets the old ones, which is quick; today's if that fails",
}


def asked_variables(run: Run) -> Variables | None:
    """Those that were asked for; None: nobody has said."""
    request = rollback_request(run)
    return request.variables if request else order_of(run).request.variables


def in_a_hurry(run: Run) -> bool:
    """Whether nobody is there to be asked, and one more attempt is better than none."""
    request = rollback_request(run)
    return request is None or request.emergency or request.verdict is not None


def chosen_variables(run: Run) -> Variables:
    """Those that were chosen; a run of an earlier version has only been asked."""
    chosen = run.fact("choose", "variables") or asked_variables(run)
    return Variables(chosen) if chosen else Variables.TARGET


async def choose_variables(run: Run, target: str) -> Facts:
    """What is to be remembered of the choice.

    Raises:
        PreflightError: somebody is there who has to say it.
        PlatformUnreachableError, InterruptedRunError, LeaseLostError: as
            :meth:`Run.ask`.
    """
    asked = asked_variables(run)
    if asked is not None:
        return {"variables": asked}
    found = await _changed(run, target)
    if found is None:
        return {"variables": Variables.TARGET, "unknown": True}
    if not found.required:
        return {"variables": Variables.TARGET}
    names = f"{', '.join(found.required)} changed since {target} was made"
    chosen = _choice(run, found)
    if chosen is None:
        raise PreflightError(
            f"{names}: the platform brings it back with the old values only",
            remedy=SAY_WHICH,
        )
    run.remark(f"{names}: {_WHOSE[chosen]}")
    return {"variables": chosen, "reverting": found.to_dict()}


def _choice(run: Run, found: Reverting) -> Variables | None:
    """Today's where that is quick, or allowed to take a build; None: who can tell."""
    request, platform = rollback_request(run), run.tools.platform
    if not has_to_be_said(found, by_image=platform.restores_with_todays):
        return Variables.CURRENT
    if in_a_hurry(run):
        return Variables.TARGET
    return Variables.CURRENT if request and request.allow_rebuild else None


async def _changed(run: Run, target: str) -> Reverting | None:
    """What has changed; None: nobody can tell, or not quickly enough."""
    try:
        if in_a_hurry(run):
            async with asyncio.timeout(_GLANCE):
                return await _look(run, target)
        return await run.ask("variables", lambda: _look(run, target))
    except PlatformUnreachableError as error:
        if not in_a_hurry(run):
            raise
        why = str(error)
    except TimeoutError:
        why = f"no answer within {_GLANCE:g} s"
    except (ConfigError, PlatformError) as error:
        why = str(error)
    run.remark(f"which variables have changed since {target} is not known: {why}")
    return None


async def _look(run: Run, target: str) -> Reverting:
    platform = run.tools.platform
    return compare(await platform.variables(target), await platform.variables())
