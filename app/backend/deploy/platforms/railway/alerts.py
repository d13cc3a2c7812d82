"""Railway's own alerts: that it tells an address of deployments which end badly.

What a channel's configuration looks like is not documented; ``{type, url}`` and the
names of the events are what others have been seen to use. So what was asked for is read
again, and only then called done.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from pydantic import SecretStr

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.errors import NotAuthorizedError, PlatformError, PlatformUnreachableError

__all__ = ["EVENTS", "Applied", "apply", "missing"]

EVENTS: Final = ("Deployment.failed", "Deployment.crashed", "Deployment.oom_killed")
"""What somebody has to know of."""

_ELSEWHERE: Final = (
    "use an account's or a workspace's token (RAILWAY_API_TOKEN, with"
    " PM33_RAILWAY_PROJECT; unset RAILWAY_TOKEN, which is used first), or add the"
    " webhook in Railway's dashboard: project settings, Webhooks"
)


class Applied(StrEnum):
    """What had to be done."""

    CREATED = "created"
    EXTENDED = "extended"
    KEPT = "was there"


async def apply(api: RailwayApi, target: Target, url: SecretStr) -> Applied:
    """Has the project's deployments that end badly told to an address, once.

    Args:
        api: asked three times at most, and told once.
        target: whose project.
        url: where to; it may hold a secret.

    Raises:
        NotAuthorizedError: the token may not see or change rules.
        PlatformError: refused, or what was created cannot be found again.
        PlatformUnreachableError: no answer.
    """
    if target.workspace is None:
        raise NotAuthorizedError(
            "the token does not see which workspace the project belongs to, and rules"
            " belong to workspaces",
            remedy=_ELSEWHERE,
        )
    try:
        return await _apply(api, target, target.workspace, url.get_secret_value())
    except NotAuthorizedError as error:
        raise NotAuthorizedError(str(error), remedy=_ELSEWHERE) from error


async def _apply(api: RailwayApi, target: Target, workspace: str, url: str) -> Applied:
    ours = await _ours(api, target, workspace, url)
    lacking = missing(ours)
    if not lacking:
        return Applied.KEPT
    try:
        done = await _tell(api, target, workspace, url, ours, lacking)
    except PlatformUnreachableError:
        # It may have been done all the same; a second rule would tell all twice.
        if missing(await _ours(api, target, workspace, url)):
            raise
        return Applied.CREATED
    if missing(await _ours(api, target, workspace, url)):
        raise PlatformError(
            "Railway has taken the rule, and does not list it as it was given",
            remedy="see Railway's dashboard: project settings, Webhooks",
        )
    return done


async def _tell(
    api: RailwayApi,
    target: Target,
    workspace: str,
    url: str,
    ours: Sequence[Mapping[str, Any]],
    lacking: Sequence[str],
) -> Applied:
    if ours:
        types = [*ours[0]["eventTypes"], *lacking]
        change = {"eventTypes": types}
        await api.change("NotificationRuleUpdate", id=ours[0]["id"], input=change)
        return Applied.EXTENDED
    rule = {
        "workspaceId": workspace,
        "projectId": target.project,
        "eventTypes": [*EVENTS],
        "channelConfigs": [{"type": "webhook", "url": url}],
    }
    await api.change("NotificationRuleCreate", input=rule)
    return Applied.CREATED


def missing(rules: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The events that none of these rules tells. Pure."""
    told = {_plain(one) for rule in rules for one in rule["eventTypes"]}
    return tuple(one for one in EVENTS if _plain(one) not in told)


async def _ours(
    api: RailwayApi, target: Target, workspace: str, url: str
) -> list[Mapping[str, Any]]:
    """The rules that tell this address of this environment's deployments."""
    body = await api.ask(
        "NotificationRules", workspaceId=workspace, projectId=target.project
    )
    return [
        rule
        for rule in body["notificationRules"]
        if rule.get("projectId") in {None, target.project}
        and rule.get("environmentId") in {None, target.environment}
        and any(_leads_to(channel.get("config"), url) for channel in rule["channels"])
    ]


def _leads_to(config: Any, url: str) -> bool:
    return isinstance(config, Mapping) and config.get("url") == url


def _plain(event: str) -> str:
    """Their casing differs from report to report: ``oomKilled``, ``oom_killed``."""
    return event.replace("_", "").lower()
