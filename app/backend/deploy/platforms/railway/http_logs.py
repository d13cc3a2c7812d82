"""What Railway's edge has logged of single requests to a deployment."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.errors import PlatformError

__all__ = ["MOST", "http_logs", "line_of"]

MOST: Final = 5000
"""Lines that Railway gives at most."""

_FAILED: Final = "@httpStatus:>=500"
_LONGEST_PATH: Final = 200
_HOOKS: Final = "/api/hooks/railway/"
"""What follows is a secret."""


async def http_logs(
    api: RailwayApi, deployment: str, *, failed: bool = False, limit: int = 100
) -> tuple[LogLine, ...]:
    """The newest requests, the oldest of them first.

    Neither who asked is told nor what stood behind a question mark: the first is
    personal, the second may be a secret.

    Args:
        api: asked once.
        deployment: that has answered, or should have.
        failed: only those with 5xx.
        limit: lines at most.

    Raises:
        PlatformError: Railway does not say.
    """
    body = await api.ask(
        "HttpLogs",
        deploymentId=deployment,
        filter=_FAILED if failed else None,
        limit=min(limit, MOST),
    )
    try:
        lines = [line_of(one) for one in body["httpLogs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise PlatformError(
            f"Railway's HTTP logs cannot be read: {type(error).__name__}",
            remedy="take a newer pm33: its form is another one",
        ) from None
    lines.sort(key=lambda one: one.at)
    # The server gives one more than it was asked for.
    return tuple(lines[-limit:])


def line_of(told: Mapping[str, Any]) -> LogLine:
    """One request in one line.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    path = str(told["path"]).partition("?")[0][:_LONGEST_PATH]
    before, hooks, _ = path.partition(_HOOKS)
    path = f"{before}{hooks}…" if hooks else path
    words = [
        f"{told['method']} {path}",
        f"{told['httpStatus']}",
        f"{told['totalDuration']} ms",
    ]
    why = [str(told.get(name) or "") for name in ("responseDetails", "upstreamErrors")]
    words += [one for one in dict.fromkeys(why) if one and one != "[]"]
    at = datetime.fromisoformat(told["timestamp"])
    return LogLine(
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        replica=str(told.get("deploymentInstanceId") or ""),
        text=" ".join(words),
    )
