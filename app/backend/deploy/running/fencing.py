"""Acting on a platform that cannot be fenced: in time, and after whoever came before.

Such a platform takes a change from whoever sends it (contract §4). So none is sent with
less of the lease left than it may be under way for, and whoever takes a lease over that
was not let go of waits until what its holder may have sent has landed.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from app.backend.database.lease import Guard
from app.backend.deploy.platforms.leave import under
from app.backend.deploy.tools import Tools

__all__ = ["acting", "let_land", "time_to_act"]

_LOOK: Final = 0.05
_RENEWED: Final = 2 / 3
"""Of its whole time a lease has so much left at least, as long as it is renewed."""


@asynccontextmanager
async def acting(tools: Tools, guard: Guard) -> AsyncIterator[None]:
    """Within it the platform may be changed, and asks again before each change.

    Raises:
        LeaseLostError: as :func:`time_to_act`, also from within.
    """

    async def leave() -> float:
        await time_to_act(tools, guard)
        return guard.left

    await time_to_act(tools, guard)
    with under(leave):
        yield


async def time_to_act(tools: Tools, guard: Guard) -> None:
    """Returns when a change can be sent; to be called just before.

    With too little of the lease left it waits for the next renewal, which comes within
    a third of the lease's time, or never.

    Raises:
        LeaseLostError: somebody else has taken over, or nobody renews it any more.
    """
    need = min(tools.platform.longest_change, tools.leases.ttl * _RENEWED)
    guard.check()
    while guard.left < need:
        await asyncio.sleep(_LOOK)
        guard.check()


async def let_land(tools: Tools, guard: Guard) -> bool:
    """Waits until what an earlier holder may have sent is done or refused.

    Returns:
        Whether there was one that did not let go, on a platform that takes everything.

    Raises:
        InterruptedRunError: somebody has asked to stop meanwhile.
    """
    longest = tools.platform.longest_change
    if longest == 0 or math.isinf(guard.lapsed):
        return False
    wait = longest - guard.lapsed
    if wait > 0:
        tools.say(
            "whoever was at work has ended without letting go; waiting"
            f" {wait:.0f} s for what may still be under way"
        )
        await tools.interrupt.race(tools.clock.sleep(wait))
    return True
