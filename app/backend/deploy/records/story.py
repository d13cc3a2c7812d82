"""What a run has come to, in the words that it left: why, on what grounds, where to.

All of it is pure, and read from a run's events alone, so that it can be told as long as
those are kept, and of runs of an earlier version as far as they have written it down.
"""

from collections.abc import Mapping
from typing import Any

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState, StepState, StepStatus

__all__ = [
    "blame_of",
    "cause_of",
    "evidence_of",
    "log_of",
    "serving_after",
    "successor_of",
    "way_back_of",
]


def cause_of(run: RunState) -> str:
    """Why it did not do what it was for, in one sentence; empty when it did."""
    told = run.closing.get("cause")
    if isinstance(told, str):
        return told
    if run.outcome in {Ending.DONE, Ending.UNBAKED, Ending.RESTORED}:
        return ""
    failed = _failed(run)
    return str(failed.data.get("reason", "")) if failed else ""


def blame_of(run: RunState) -> str:
    """Why it speaks against a commit: what it saw, or why it was asked to go back."""
    return run.reason if run.kind == "rollback" else cause_of(run)


def evidence_of(run: RunState) -> Mapping[str, Any]:
    """The probes that its cause stands upon, as the run's report has them."""
    told = run.closing.get("evidence")
    if isinstance(told, Mapping) and told:
        return told
    failed = _failed(run) if cause_of(run) else None
    found = failed.data.get("evidence") if failed else None
    return found if isinstance(found, Mapping) else {}


def log_of(run: RunState) -> tuple[str, ...]:
    """The last lines of the deployment that failed."""
    failed = _failed(run) if cause_of(run) else None
    lines = failed.data.get("log") if failed else None
    return tuple(map(str, lines)) if isinstance(lines, list) else ()


def way_back_of(run: RunState) -> Mapping[str, str]:
    """Where it went back to: ``target``, its ``commit``, ``why``, and ``restored``.

    The last is the deployment that came of it. Empty when it did not go back.
    """
    chosen = run.step("choose")
    if chosen is None or not chosen.data.get("target"):
        return {}
    known = {
        "target": chosen.data.get("target"),
        "commit": chosen.data.get("target_commit"),
        "why": chosen.data.get("why"),
        "restored": _came_back(run),
    }
    return {name: str(value) for name, value in known.items() if value}


def _came_back(run: RunState) -> Any:
    """The last that was tried: what does not do well may be replaced once more."""
    steps = filter(None, map(run.step, ("verify", "restore")))
    found = (step.data.get("restored") for step in steps)
    return next(filter(None, found), None)


def serving_after(run: RunState) -> str | None:
    """The deployment that served when it had ended; None: nothing, or not known."""
    last = run.step("finalise")
    found = last.data.get("serves") if last else None
    return str(found) if found else None


def successor_of(run: RunState) -> str | None:
    """The run that has taken over from it; None: none has."""
    by = run.closing.get("by")
    return str(by) if by else None


def _failed(run: RunState) -> StepState | None:
    """The first step that failed: what failed later did so on the way back."""
    steps = run.steps.values()
    return next((one for one in steps if one.status is StepStatus.FAILED), None)
