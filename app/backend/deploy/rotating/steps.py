"""The two steps that touch the variable; the journal gets its name, never a value."""

from collections.abc import Mapping
from typing import Final

from app.backend.deploy.rotating.rotation import Rotation
from app.backend.deploy.rotating.values import Values, is_same
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import Facts, Step, StepFailedError

__all__ = ["PUT_BACK", "SET", "putting_back", "setting"]

SET: Final = "set"
"""The name of the step that sets."""
PUT_BACK: Final = "put back"
"""The name of the step that undoes it."""


def setting(rotation: Rotation) -> Step:
    """Gives the next deployment the new value."""

    async def call(run: Run) -> Facts:
        if not rotation.is_set:
            await _set(run, rotation.changes)
        return {"adopted": rotation.is_set}

    async def settle(run: Run) -> Facts:
        _compare(rotation.changes, await _today(run))
        return {"meaning": f"the next deployment gets the new {rotation.name}"}

    return Step(
        name=SET,
        duty="gives the next deployment the new value",
        intend=lambda _run: {"variables": sorted(rotation.changes)},
        call=call,
        settle=settle,
    )


def putting_back(rotation: Rotation) -> Step:
    """Gives the next deployment what it would have got before."""

    async def call(run: Run) -> Facts:
        await _set(run, rotation.undo)
        return {}

    async def settle(run: Run) -> Facts:
        _compare(rotation.undo, await _today(run))
        return {"meaning": f"{rotation.name} is as it was"}

    return Step(
        name=PUT_BACK,
        duty="gives the next deployment what it would have got before",
        intend=lambda _run: {"variables": sorted(rotation.undo)},
        call=call,
        settle=settle,
        final=False,
    )


async def _set(run: Run, values: Mapping[str, str | None]) -> None:
    platform = run.tools.platform
    await run.act(
        "variables", lambda: platform.set_variables(values, epoch=run.guard.epoch)
    )


async def _today(run: Run) -> Values:
    return await run.ask("variables", run.tools.platform.variables)


def _compare(wanted: Values, today: Values) -> None:
    """Sealed values cannot be compared; the platform has said that it took them."""
    for one, value in wanted.items():
        found = today.get(one)
        sealed = one in today and found is None
        if not sealed and found != value and not is_same(found, value):
            raise StepFailedError(f"the platform has another {one} than was set")
