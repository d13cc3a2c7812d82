"""Keeps the variables of the next deployment while an earlier one comes back.

Whether a rollback stores the variables of what it restores as the service's own nobody
has established (FACTS §4 [?]). Where it does, a rotated password would be undone in
silence: the next deployment would get the dead one, and so would the attempt with
today's variables that follows a rollback in vain. So they are read before, looked at
afterwards, and stored again where they have changed; no deployment is started for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from app.backend.deploy.platforms.railway.variables import OWN, Variables
from app.errors import PlatformError

__all__ = ["Keeping"]

_GLANCE: Final = 10.0
"""Seconds that a way back waits for a look at variables at most."""
_REFERENCE: Final = "${{"
"""Begins what stands for the value of another variable."""


class Keeping:
    """Those of one service, from just before a rollback on.

    What is stored again is forgotten, so that what somebody changes later stays
    changed. What one process has read another does not know: killed in between, they
    stay as Railway has them then.

    Args:
        variables: of the service.
        say: is told what was stored again, and what could not be.
    """

    def __init__(self, variables: Variables, say: Callable[[str], None]) -> None:
        self._variables = variables
        self._say = say
        self._kept: tuple[str, str, Mapping[str, str]] | None = None

    async def remember(self, tag: str, target: str) -> None:
        """Reads them before a rollback to the target; asked again, it keeps those."""
        run = _run(tag)
        if self._kept is None or self._kept[0] != run:
            found = await self._stored("may be stored again by this rollback")
            self._kept = None if found is None else (run, target, found)

    async def put_back(self, tag: str) -> None:
        """Stores again what is not as it was before a rollback of the same run.

        Raises:
            LeaseLostError: somebody else is at work.
        """
        run, target, kept = self._kept or ("", "", {})
        if run != _run(tag):
            return
        now = await self._stored("may have been stored again by the rollback")
        if now is None:
            return
        lost = {name: old for name, old in kept.items() if now.get(name) != old}
        if lost:
            lost = await self._by_the_rollback(lost, now, target)
        cleared = {name for name in OWN if now.get(name) and not kept.get(name)}
        await self._store(lost | dict.fromkeys(cleared, ""))
        # Removing one may start a deployment, which nobody wants in the middle of this.
        returned = sorted(now.keys() - kept.keys() - OWN)
        if returned:
            self._say(
                f"Railway has stored {', '.join(returned)} again with the rollback;"
                " remove what the next deployment is not to have"
            )

    async def _by_the_rollback(
        self, lost: Mapping[str, str], now: Mapping[str, str], target: str
    ) -> dict[str, str]:
        """Those that are as the target had them: others somebody changed meanwhile.

        Whoever rotates a password in an outage must not have it undone. Where nobody
        can tell, or a value refers to another, the rollback is taken for it.
        """
        try:
            async with asyncio.timeout(_GLANCE):
                own = await self._variables.given(target)
        except (PlatformError, TimeoutError):
            return dict(lost)
        return {
            name: old
            for name, old in lost.items()
            if now.get(name) == own.get(name) or _REFERENCE in now.get(name, "")
        }

    async def _stored(self, otherwise: str) -> Mapping[str, str] | None:
        """As they are written, references unresolved; None: it is not known."""
        try:
            async with asyncio.timeout(_GLANCE):
                return await self._variables.stored()
        except (PlatformError, TimeoutError) as error:
            why = str(error) or f"no answer within {_GLANCE:g} s"
            self._say(f"old values of variables {otherwise}: {why}")
            return None

    async def _store(self, values: Mapping[str, str]) -> None:
        try:
            if values:
                await self._variables.put(values)
        except PlatformError as error:
            self._say(
                f"Railway has stored old values of {', '.join(sorted(values))} with"
                f" the rollback, and today's could not be stored again: {error}; set"
                " them before the next deployment"
            )
            return
        self._kept = None
        if told := sorted(values.keys() - OWN):
            self._say(
                f"Railway has stored old values of {', '.join(told)} with the rollback;"
                " today's are stored again, for the next deployment"
            )


def _run(tag: str) -> str:
    return tag.partition("/")[0]
