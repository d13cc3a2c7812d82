"""Looks at everything that a plan is drawn up from, and changes nothing."""

from contextlib import suppress
from dataclasses import dataclass

from app.backend.config.environment import Environment
from app.backend.deploy.planning.findings import Survey
from app.backend.deploy.planning.plan import Plan, draw_up
from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.records.history import last_known_good, quarantined
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Tools
from app.errors import JournalError, PlatformError, TargetError

__all__ = ["Past", "look_back", "survey", "undecided"]

LISTED = 50
"""Deployments, and runs, that are looked at."""

BAKE = 1800.0
BAKE_IN_DEVELOPMENT = 60.0


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier runs, and why they are not all known; empty when they are."""

    runs: tuple[RunState, ...]
    trouble: str = ""


async def survey(request: DeployRequest, tools: Tools) -> Plan:
    """Looks, and says what a deploy would do.

    Raises:
        TargetError: the commit is not here.
        ConfigError: its settings, the paths or the address cannot be used.
        PlatformUnreachableError: the platform does not answer.
    """
    if await tools.repository.whole(request.commit) is None:
        raise TargetError(
            f"the commit {request.commit} is not in {tools.repository.root}",
            remedy="fetch it first",
        )
    platform = tools.platform
    url = await platform.url()
    # What cannot be probed is found out before anything is touched.
    tools.prober("", url=url)
    deployments = await platform.deployments(LISTED)
    serving = next((one for one in deployments if one.active), None)
    async with tools.journals(None) as journals:
        past = await look_back(journals)
    return draw_up(
        request,
        Survey(
            platform=platform.name,
            url=url,
            subject=await tools.repository.subject(request.commit),
            deployments=deployments,
            commits=await tools.repository.subjects(serving.commit, request.commit)
            if serving
            else (),
            pending=await tools.schema.pending(request.commit),
            settings=await platform.settings(request.commit),
            settings_now=await _settings(tools, serving.commit if serving else None),
            way_back=last_known_good(
                deployments, past.runs, current_commit=request.commit
            ),
            quarantined_by=quarantined(past.runs).get(request.commit),
            undecided=undecided(past.runs),
            journal_trouble=past.trouble,
        ),
        bake=_bake(request, tools),
        gate_hold=_either(request.gate_hold, tools.config.deployment.gate_hold),
    )


async def look_back(journals: Journals) -> Past:
    """Reads earlier runs as far as they can be read."""
    try:
        runs = await journals.runs(LISTED)
    except JournalError as error:
        return Past((), f"earlier runs are not known: {error}")
    if journals.degraded is not None:
        return Past(runs, f"earlier runs of others are not known: {journals.degraded}")
    return Past(runs)


def undecided(runs: tuple[RunState, ...]) -> str | None:
    """The newest run that has begun and not ended; None when all have."""
    return next((one.run for one in runs if one.begun and not one.ended), None)


async def _settings(tools: Tools, commit: str | None) -> ServiceSettings | None:
    if commit is not None:
        with suppress(PlatformError):
            return await tools.platform.settings(commit)
    return None


def _bake(request: DeployRequest, tools: Tools) -> float:
    development = tools.environment == Environment.DEVELOPMENT
    default = BAKE_IN_DEVELOPMENT if development else BAKE
    return _either(request.bake, _either(tools.config.deployment.bake, default))


def _either(asked: float | None, default: float) -> float:
    return default if asked is None else asked
