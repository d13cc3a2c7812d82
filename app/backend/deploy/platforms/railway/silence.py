"""For how long a deployment that is under way has shown no sign of getting on.

A build may take ten minutes and more (FACTS §3) in one state; what it writes and the
steps that it begins tell that it goes on. One request, made where it would be given up.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import moment
from app.backend.deploy.platforms.railway.picture import understood
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["signs_in", "silence"]

_EVENTS: Final = 50
_LINES: Final = 5


async def silence(
    api: RailwayApi, deployment: str, now: Callable[[], datetime]
) -> float | None:
    """Seconds since its newest line or step, by Railway's clock; None: none is told.

    Raises:
        PlatformUnreachableError: Railway does not answer.
    """
    try:
        data = await api.ask(
            "Postmortem", partial=True, id=deployment, events=_EVENTS, lines=_LINES
        )
        signs: tuple[datetime, ...] = understood(lambda: signs_in(data))
    except PlatformUnreachableError:
        raise
    except PlatformError:
        # Whoever asks looks at the deployment itself then, which may be well by now.
        return None
    if not signs:
        return None
    railways = now() + (api.ahead or timedelta())
    return max(0.0, (railways - max(signs)).total_seconds())


def signs_in(data: Mapping[str, Any]) -> tuple[datetime, ...]:
    """When it wrote its newest lines and began its steps; parts may be missing. Pure.

    Raises:
        KeyError, TypeError, ValueError: an answer that cannot be understood.
    """
    edges = (data.get("deploymentEvents") or {}).get("edges") or ()
    lines = data.get("buildLogs") or ()
    return (
        *(moment(one["node"]["createdAt"]) for one in edges),
        *(moment(one["timestamp"]) for one in lines),
    )
