"""The control: is a component bad when looked at from elsewhere, too?"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

from typing_extensions import override

__all__ = ["Control", "NoControl", "ask"]

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
