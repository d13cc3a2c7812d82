"""Whether a push deploys by itself.

While a run is at work it must not: a push would overtake it, and after a rollback it
would bring the bad commit back.
"""

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError

__all__ = ["is_on", "put"]


async def is_on(api: RailwayApi, target: Target) -> bool:
    """Whether a push to the service's branch starts a deployment.

    Raises:
        NotAuthorizedError: the token may not see that.
        PlatformError, PlatformUnreachableError: as :meth:`RailwayApi.ask`.
    """
    answer = await api.ask(
        "AutoDeploy",
        projectId=target.project,
        environmentId=target.environment,
        serviceId=target.service,
    )
    return bool((answer.get("serviceInstanceAutoDeployStatus") or {}).get("enabled"))


async def put(api: RailwayApi, target: Target, enabled: bool) -> None:  # noqa: FBT001 - the seam's
    """Switches it on or off; harmless when it is so already.

    Raises:
        NotAuthorizedError: the token may not do that; nothing was done.
        PlatformError: refused, or it is still as it was.
        PlatformUnreachableError: no answer; it may have been done.
    """
    answer = await api.change(
        "AutoDeployUpdate",
        input={
            "projectId": target.project,
            "environmentId": target.environment,
            "serviceId": target.service,
            "enabled": enabled,
        },
    )
    now = (answer.get("serviceInstanceAutoDeployUpdate") or {}).get("enabled")
    if now is not enabled:
        raise PlatformError(
            f"Railway has not switched autodeploy {'on' if enabled else 'off'}",
            remedy="see the service's settings at Railway, under Source",
        )
