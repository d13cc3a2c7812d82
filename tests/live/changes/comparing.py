"""Whether one deployment is another once more: settings, commit, variables."""

from collections.abc import Callable, Mapping
from typing import Any

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import Node
from app.backend.deploy.platforms.railway.manifest import values_of
from app.backend.deploy.platforms.railway.stored import differences
from app.backend.deploy.platforms.railway.variables import Variables
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["unlike"]


async def unlike(
    api: RailwayApi,
    variables: Variables,
    was: Node,
    made: str,
    *,
    say: Callable[[str], None],
) -> list[str]:
    """Names of what differs; no values.

    Args:
        api: is asked.
        variables: of the service.
        was: the one that is to be there again.
        made: the one that is.
        say: is told what cannot be compared.

    Raises:
        PlatformError, PlatformUnreachableError: it cannot be asked for.
    """
    now = (await api.ask("Deployment", id=made))["deployment"]
    names = _settings(was["meta"], now["meta"])
    try:
        given, earlier = (
            await variables.given(made),
            await variables.given(str(was["id"])),
        )
    except PlatformUnreachableError:
        raise
    except PlatformError as error:
        say(f"whether it was given the same variables cannot be told: {error}")
        return names
    return names + [
        f"the variable {name}"
        for name in sorted(given.keys() | earlier.keys())
        if given.get(name) != earlier.get(name)
    ]


def _settings(
    was: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> list[str]:
    before, after = values_of(was), values_of(now)
    if before is None or after is None:
        return ["settings, perhaps: they are not told"]
    return [one.name for one in differences(before, after)]
