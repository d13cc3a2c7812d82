"""Looks at everything that a plan is drawn up from, and changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from app.backend.config.environment import Environment
from app.backend.deploy.planning.at_work import lease_now
from app.backend.deploy.planning.environment import (
    ENVIRONMENT_INVALID,
    differing,
    findings_of_variables,
    judge_variables,
    of_its_name,
)
from app.backend.deploy.planning.findings import Finding, Severity, Survey, is_down
from app.backend.deploy.planning.looking_back import Past, look_back, look_further
from app.backend.deploy.planning.plan import Plan, draw_up
from app.backend.deploy.planning.returning import (
    of_migration,
    of_retention,
    of_variables,
)
from app.backend.deploy.planning.room import of_connections, room_of
from app.backend.deploy.platforms.base import Deployment, ServiceSettings
from app.backend.deploy.platforms.settings_file import SETTINGS_FILE
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.history import last_known_good, quarantined
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Tools
from app.errors import (
    ConfigError,
    PlatformError,
    PlatformUnreachableError,
    TargetError,
)

__all__ = ["ROTATION", "once_replaced", "survey", "undecided"]

RESUMABLE = frozenset({"deploy", "rollback"})
"""The kinds of runs that can be gone on with."""
ROTATION = "rotate"
"""The kind of a run that changes a variable, and asks for one that deploys."""

_COUNTED = 1000
"""Commits at most; more are as surprising."""

BAKE = 1800.0
BAKE_IN_DEVELOPMENT = 60.0

_SHIELDED = Finding(
    Severity.WARNING,
    "the platform keeps machines out for now, so that no probe can tell how the release"
    " is; the run will end undecided",
    "`pm33 platform shield status` says for how long, `pm33 platform shield off` ends"
    " it",
    "shield",
)

Variables = Mapping[str, str | None]


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
    deployments, past = await _as_far_as_needed(request, tools)
    serving = next((one for one in deployments if one.active), None)
    given, unknown = await _variables(tools)
    back = _way_back(request, deployments, past)
    bake = _bake(request, tools)
    settings = await platform.settings(request.commit)
    worn = await _given_to(tools, {one.id for one in (serving, back) if one})
    return draw_up(
        request,
        Survey(
            platform=platform.name,
            url=url,
            subject=await tools.repository.subject(request.commit),
            deployments=deployments,
            commits=await _commits(tools, serving, request.commit),
            undone=await _undone(tools, serving, request.commit),
            pending=await tools.schema.pending(request.commit),
            migrates_alone=not platform.runs_commands,
            settings=settings,
            settings_now=await _settings(tools, serving.commit if serving else None),
            way_back=back,
            changed_variables=_changes(
                given, worn.get(serving.id) if serving else None
            ),
            own_settings=await _has_settings(tools, request.commit),
            quarantined_by=quarantined(past.runs).get(request.commit),
            undecided=undecided(past.runs),
            lease=await lease_now(tools, past.runs),
            journal_trouble=past.trouble,
        ),
        bake=bake,
        gate_hold=_either(request.gate_hold, tools.config.deployment.gate_hold),
        variables=[
            *_left_over(past.runs, request.rotation),
            *unknown,
            *of_retention(back, bake=bake, now=tools.now()),
            *of_variables(
                back,
                worn.get(back.id) if back else None,
                given,
                request.variables,
                by_image=platform.restores_with_todays,
            ),
            *of_migration(back, worn.get(back.id) if back else None, request.variables),
            *of_connections(settings, given, await room_of(tools.config)),
            *await _concerns(tools, request.commit),
        ],
    )


async def _as_far_as_needed(
    request: DeployRequest, tools: Tools
) -> tuple[Sequence[Deployment], Past]:
    """What there is, back to what could be returned to, if something serves."""

    def found(deployments: Sequence[Deployment], past: Past) -> bool:
        if request.way_back or not any(one.active for one in deployments):
            return True
        return _way_back(request, deployments, past) is not None

    async with tools.journals(None) as journals:
        return await look_further(
            tools.platform.deployments,
            partial(look_back, journals),
            found,
            say=tools.say,
        )


def _way_back(
    request: DeployRequest, deployments: Sequence[Deployment], past: Past
) -> Deployment | None:
    """Last known good, seen from the new commit once that serves. Pure."""
    return last_known_good(
        once_replaced(deployments),
        past.runs,
        current_commit=request.commit,
        fallen=next((one.commit for one in deployments if is_down(one)), None),
    )


def once_replaced(deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """The same as they will be when the new release serves. Pure.

    Railway keeps an image from when its deployment is removed, and returns to none
    that is active: what serves now can be returned to once it has been replaced.
    """
    return tuple(
        replace(one, can_roll_back=True) if one.active and one.succeeded else one
        for one in deployments
    )


async def _concerns(tools: Tools, commit: str) -> list[Finding]:
    """What the platform itself has to say, as the plan shows it."""
    try:
        found = await tools.platform.concerns(commit)
        shielded = await tools.platform.shielded()
    except PlatformUnreachableError:
        raise
    except PlatformError as error:
        why = f"what {tools.platform.name} would make of it is not known: {error}"
        return [Finding(Severity.WARNING, why, error.remedy)]
    told = [
        Finding(Severity(one.severity), one.text, one.remedy, one.code) for one in found
    ]
    known = any(one.code == _SHIELDED.code for one in told)
    return [*told, _SHIELDED] if shielded and not known else told


def undecided(runs: tuple[RunState, ...]) -> str | None:
    """The newest run that has begun and not ended; None when all have."""
    possible = (one for one in runs if one.kind in RESUMABLE)
    return next((one.run for one in possible if one.begun and not one.ended), None)


def _left_over(runs: tuple[RunState, ...], but: str) -> list[Finding]:
    """A rotation that left its value behind, if nothing has gone well since.

    Args:
        runs: the newest first.
        but: the one that asks.
    """
    for one in runs:
        if one.ended and one.outcome in {Ending.DONE, Ending.UNBAKED}:
            return []
        if one.kind != ROTATION or not one.begun or one.run == but:
            continue
        if one.closing.get("put_back"):
            return []
        name = one.request.get("variable")
        if not one.ended:
            text = f"the rotation {one.run} of {name} has not ended"
            remedy = "`pm33 deploy resume` goes on with it"
            return [Finding(Severity.WARNING, text, remedy)]
        if one.outcome == Ending.SUPERSEDED:
            text = f"the rotation {one.run} of {name} was taken over from"
            remedy = f"see whether {name} is what the next deployment is to have"
            return [Finding(Severity.WARNING, text, remedy)]
    return []


async def _variables(tools: Tools) -> tuple[Variables | None, list[Finding]]:
    """Those of the next deployment, and what is wrong with them; None: not known."""
    platform, environment = tools.platform, tools.environment
    try:
        given = await platform.variables()
    except PlatformUnreachableError:
        raise
    except ConfigError as error:
        # No release could be given them.
        why = f"the variables of {environment} cannot be read: {error}"
        finding = Finding(Severity.ERROR, why, error.remedy, ENVIRONMENT_INVALID)
        return None, [finding]
    except PlatformError as error:
        why = f"the variables of {environment} are not known: {error}"
        return None, [Finding(Severity.WARNING, why, error.remedy)]
    found = judge_variables(given, environment, platform=platform.name, now=tools.now())
    told = findings_of_variables(found, environment)
    return given, [*told, *of_its_name(given, environment)]


async def _given_to(tools: Tools, deployments: Collection[str]) -> dict[str, Variables]:
    """What they were given, of those of which the platform can tell."""
    found = {}
    for one in sorted(deployments):
        with suppress(ConfigError, PlatformError):
            found[one] = await tools.platform.variables(one)
    return found


def _changes(given: Variables | None, before: Variables | None) -> list[str]:
    """Names of what has changed since; none where the platform cannot tell."""
    return differing(given, before) if given is not None and before is not None else []


async def _commits(
    tools: Tools, serving: Deployment | None, commit: str
) -> Sequence[str]:
    """What the release has that the serving one has not."""
    if serving is None:
        return ()
    return await tools.repository.subjects(serving.commit, commit)


async def _undone(
    tools: Tools, serving: Deployment | None, commit: str
) -> Sequence[str]:
    """What the serving release has that this one has not."""
    if serving is None:
        return ()
    return await tools.repository.subjects(commit, serving.commit, limit=_COUNTED)


async def _has_settings(tools: Tools, commit: str) -> bool:
    answer = await tools.repository.git("cat-file", "-e", f"{commit}:{SETTINGS_FILE}")
    return answer.code == 0


async def _settings(tools: Tools, commit: str | None) -> ServiceSettings | None:
    if commit is not None:
        with suppress(ConfigError, PlatformError):
            return await tools.platform.settings(commit)
    return None


def _bake(request: DeployRequest, tools: Tools) -> float:
    development = tools.environment == Environment.DEVELOPMENT
    default = BAKE_IN_DEVELOPMENT if development else BAKE
    return _either(request.bake, _either(tools.config.deployment.bake, default))


def _either(asked: float | None, default: float) -> float:
    return default if asked is None else asked
