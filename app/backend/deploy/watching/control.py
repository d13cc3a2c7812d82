"""The control: is a component bad when looked at from elsewhere, too?"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from typing_extensions import override

from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.health.models import Status

__all__ = ["Control", "NoControl", "OwnLook", "ask"]

_REMEMBERED = 10.0
_DEADLINE = 10.0


class Control(Protocol):
    """Looks at shared components past the release that is being watched."""

    async def agrees(self, check: str) -> bool | None:
        """Whether the component behind this check is bad from here too.

        None: it cannot be told from here. False has to be certain: it makes the
        release guilty of what could be an outage.
        """
        ...


class NoControl(Control):
    """Cannot tell: every shared component that turns bad is inconclusive."""

    @override
    async def agrees(self, check: str) -> bool | None:
        return None


class OwnLook(Control):
    """The same checks, run by this process.

    Args:
        look: runs them and returns each one's status, such as those of
            :func:`app.backend.health.get_health`; a look is remembered for 10 s.
        same_settings: this process has the release's own settings, so that a healthy
            component is healthy for the release. Otherwise it may be another one.
        clock: for the age of a look.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Mapping[str, Status]]],
        *,
        same_settings: bool,
        clock: Clock | None = None,
    ) -> None:
        self._look = look
        self._same_settings = same_settings
        self._clock = clock or SystemClock()
        self._seen: Mapping[str, Status] = {}
        self._until: float | None = None

    @override
    async def agrees(self, check: str) -> bool | None:
        now = self._clock.time()
        if self._until is None or now >= self._until:
            self._seen = await self._look()
            self._until = now + _REMEMBERED
        match self._seen.get(check):
            case Status.UNHEALTHY:
                return True
            case Status.HEALTHY if self._same_settings:
                return False
            case _:
                return None


async def ask(control: Control, checks: Collection[str]) -> Mapping[str, bool | None]:
    """Asks for each of these checks; a control that fails or hangs cannot tell."""
    answers: dict[str, bool | None] = {}
    for check in sorted(checks):
        try:
            async with asyncio.timeout(_DEADLINE):
                answers[check] = await control.agrees(check)
        except Exception:  # noqa: BLE001 - whatever ails it, it knows nothing
            answers[check] = None
    return answers
