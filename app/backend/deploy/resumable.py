"""Which run a resume goes on with."""

from collections.abc import Collection

from app.backend.deploy.planning.looking_back import look_back
from app.backend.deploy.planning.survey import RESUMABLE
from app.backend.deploy.records.journals import Journals
from app.backend.deploy.records.run_state import RunState
from app.errors import PreflightError

__all__ = ["find_resumable", "nothing_to_resume"]


async def find_resumable(
    journals: Journals, run: str | None, *, kinds: Collection[str] = RESUMABLE
) -> RunState:
    """The run that is named; else the newest that has not ended.

    Args:
        journals: where it is looked for.
        run: its id; None: the newest.
        kinds: of runs that the asker can go on with.

    Raises:
        PreflightError: there is none; which there are is its remedy.
    """
    runs = (await look_back(journals)).runs
    left = [one for one in runs if _is_open(one, kinds)]
    if run is None:
        if not left:
            raise nothing_to_resume()
        return left[0]
    named = next((one for one in runs if one.run == run), None)
    named = named or await journals.state(run)
    if named is not None and _is_open(named, kinds):
        return named
    if named is None:
        raise PreflightError(f"there is no run {run}", remedy=_open_ones(left))
    how = f"has ended: {named.outcome}" if named.ended else f"is a {named.kind}"
    raise PreflightError(
        f"{run} {how}; it cannot be gone on with", remedy=_open_ones(left)
    )


def _is_open(run: RunState, kinds: Collection[str]) -> bool:
    return run.begun and not run.ended and run.kind in kinds


def _open_ones(left: list[RunState]) -> str:
    if not left:
        return "no run is left open; `pm33 deployments list` shows how each has ended"
    named = ", ".join(f"{one.run} ({one.kind} {one.commit[:12]})" for one in left)
    return f"name one that is left open: {named}"


def nothing_to_resume() -> PreflightError:
    """Every run has ended."""
    return PreflightError(
        "there is no run that could be gone on with",
        remedy="`pm33 deployments` shows how each has ended",
    )
