"""What was asked for, and is not there: how long it may still come, and what is said.

Railway's lists may lag, and a rollback is accepted before its deployment is there.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.deployment import Deployment
from app.backend.deploy.platforms.earlier import last_asked
from app.backend.deploy.platforms.railway.picture import Picture
from app.errors import PlatformError, PlatformUnreachableError

__all__ = [
    "LOOK_FOR",
    "SETTLED",
    "explained",
    "given_up",
    "not_seen",
    "of_earlier",
]

LOOK_FOR: Final = 30.0
"""Seconds in which what was asked for has to show, where its id was not told."""
SETTLED: Final = 90.0
"""Seconds after which a request whose end nobody knows has not been done."""
_PAUSE: Final = 3.0


async def of_earlier(
    look: Callable[[Picture], Awaitable[Deployment | None]],
    before: Picture,
    newest: Callable[[], Awaitable[Picture]],
    clock: Clock,
) -> tuple[Deployment | None, Picture]:
    """What an earlier process of the run has created, and the newest picture.

    Where one may just have asked, it is looked for until that must have come; a few
    requests at most.

    Args:
        look: finds it in a picture.
        before: the first one.
        newest: takes another.
        clock: measures and waits.
    """
    ago, pause = last_asked(), _PAUSE
    ends = clock.time() + (0.0 if ago is None else SETTLED - ago)
    while True:
        found = await look(before)
        left = ends - clock.time()
        if found is not None or left <= 0:
            return found, before
        await clock.sleep(min(pause, left))
        pause *= 2
        before = await newest()


def explained(error: PlatformError, commit: str) -> PlatformError:
    """The same error, or a better one where Railway does not find the commit."""
    if "commit not found" not in str(error).lower():
        return error
    return PlatformError(
        f"Railway does not find {commit[:12]} in the repository that the service is"
        " connected to; nothing was deployed",
        remedy="push it there; the service's settings at Railway name the repository",
    )


def given_up(deployment: str) -> PlatformError:
    """Railway keeps an image for some days only."""
    return PlatformError(
        f"Railway can no longer restore {deployment}: its image is given up",
        remedy="let its commit be built anew with --allow-rebuild",
    )


def not_seen(tag: str, error: PlatformUnreachableError) -> PlatformUnreachableError:
    """It may have been done, and does not show; whoever goes on looks again first."""
    return PlatformUnreachableError(
        f"what {tag} has asked for is not to be seen at Railway within {LOOK_FOR:g} s:"
        f" {error}",
        remedy="`pm33 deployments list` shows whether it has come; `pm33 deploy resume`"
        " goes on with it, and does not ask for it twice",
    )
