"""Whether a token may make a notification rule: one is made, and deleted at once."""

from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.errors import (
    NotAuthorizedError,
    OpsError,
    PlatformError,
    PlatformUnreachableError,
    RateLimitedError,
)
from tests.live.changes.evidence import Answer

__all__ = ["ADDRESS", "tried"]

ADDRESS: Final = "https://pm33-smoke.invalid/"
"""Where the rule would tell something; that name never resolves (RFC 6761 §6.4)."""
_EVENT: Final = "Deployment.failed"


async def tried(api: RailwayApi, target: Target, *, left: list[str]) -> Answer:
    """Makes one and deletes it.

    Args:
        api: is told twice.
        target: whose project.
        left: takes the rule, where it could not be deleted.
    """
    if target.workspace is None:
        return Answer(None, "the token does not see whose workspace it is")
    rule: dict[str, Any] = {
        "workspaceId": target.workspace,
        "projectId": target.project,
        "eventTypes": [_EVENT],
        "channelConfigs": [{"type": "webhook", "url": ADDRESS}],
    }
    try:
        made = await api.change("NotificationRuleCreate", input=rule)
    except NotAuthorizedError as error:
        return Answer(False, f"refused: {error}")  # noqa: FBT003 - a value
    except PlatformError as error:
        if _may_be_done(error):
            left.append(f"perhaps a notification rule to {ADDRESS}")
        return Answer(None, f"{type(error).__name__}: {error}")
    await _delete(api, str(made["notificationRuleCreate"]["id"]), left)
    return Answer(True, "it was taken")  # noqa: FBT003 - a value


async def _delete(api: RailwayApi, rule: str, left: list[str]) -> None:
    try:
        await api.change("NotificationRuleDelete", id=rule)
    except OpsError as error:
        left.append(f"the notification rule {rule} to {ADDRESS}: {error}")


def _may_be_done(error: PlatformError) -> bool:
    unknown = isinstance(error, PlatformUnreachableError)
    return unknown and not isinstance(error, RateLimitedError)
