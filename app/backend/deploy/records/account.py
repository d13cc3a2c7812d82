"""A run as it is shown: as a line of a list, and with everything that it left."""

from collections.abc import Iterable
from typing import Any

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.records.story import (
    cause_of,
    evidence_of,
    log_of,
    serving_after,
    successor_of,
    way_back_of,
)

__all__ = ["meaning_of", "run_to_dict", "story_to_dict"]


def run_to_dict(run: RunState) -> dict[str, Any]:
    """A run as it is shown; JSON-ready."""
    return {
        "run": run.run,
        "kind": run.kind,
        "environment": run.environment,
        "platform": run.platform,
        "commit": run.commit,
        "previous_commit": run.previous_commit,
        "deployment": run.deployment,
        "actor": run.actor,
        "reason": run.reason,
        "epoch": run.epoch,
        "ended": run.ended,
        "outcome": run.outcome,
        "verdict": run.verdict,
        "cause": cause_of(run),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "steps": [
            {"name": step.name, "status": step.status, "attempt": step.attempt}
            for step in run.steps.values()
        ],
    }


def story_to_dict(run: RunState, runs: Iterable[RunState] = ()) -> dict[str, Any]:
    """What the run's own report told, beside :func:`run_to_dict`; JSON-ready.

    Args:
        run: the run.
        runs: where the one is looked up that has taken over from it.
    """
    by = successor_of(run)
    other = next((one for one in runs if by is not None and one.run == by), None)
    return {
        "meaning": meaning_of(run),
        "evidence": dict(evidence_of(run)),
        "log": list(log_of(run)),
        "way_back": dict(way_back_of(run)) or None,
        "serving_after": serving_after(run),
        "taken_over_by": {"run": by, "for": other.duty if other else None}
        if by
        else None,
        "steps": [
            {
                "name": step.name,
                "status": step.status,
                "attempt": step.attempt,
                "meaning": str(step.data.get("meaning") or step.data.get("reason", "")),
            }
            for step in run.steps.values()
        ],
    }


def meaning_of(run: RunState) -> str:
    """How it has ended, or was left, in one sentence."""
    ending = run.outcome if run.ended else run.closing.get("left")
    try:
        return Ending(str(ending)).meaning
    except ValueError:
        return "ended" if run.ended else "not ended"
