"""What a run has come to, told from its events alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.backend.deploy.records.journal import Event, EventKind, merge

__all__ = ["RunState", "StepState", "StepStatus", "runs_of"]

_SHORT = 12


class StepStatus(StrEnum):
    """How far a step has come."""

    INTENDED = "intended"
    CALLED = "called"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether its outcome is known."""
        return self in {StepStatus.DONE, StepStatus.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """The newest attempt at a step.

    Attributes:
        data: of all its events, a later one's over an earlier one's.
    """

    name: str
    attempt: int
    epoch: int
    status: StepStatus
    data: Mapping[str, Any]
    began_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run, folded from its events; a journal that was cut off anywhere gives one.

    Attributes:
        run: its id.
        kind: ``deploy``, ``rollback`` or ``monitor``; from ``BEGIN``, as are
            ``environment``, ``platform``, ``commit``, ``previous_commit``, ``plan``,
            ``request``, ``actor`` and ``reason``.
        leaving: of a rollback, the deployment that is to serve no longer; from
            ``BEGIN``. None: nothing served.
        locked: whether it was begun under a lease; from ``BEGIN``.
        backwards: whether a rollback's target is older than what it leaves; from
            ``BEGIN``.
        begun: whether its ``BEGIN`` is there; without it those are empty.
        deployment: the last that one of its events names by ``deployment``.
        epoch: the highest that it was run under.
        steps: by name, in the order in which they began. ``OUTCOME`` with ``ok``
            false is a failure, any other is done.
        notes: its ``NOTE`` events.
        ended: whether there is an ``END`` of the highest epoch; a run that somebody
            has taken up again has not ended.
        outcome: from ``END``; one of :class:`.ending.Ending`.
        verdict: from ``END``: ``ok``, ``fail`` or ``inconclusive``; None: nobody
            watched.
        closing: what the newest ``END`` says, or, while it has not ended, how the last
            process that worked on it left it; see :mod:`.story`.
    """

    run: str = ""
    kind: str = "deploy"
    environment: str = ""
    platform: str = ""
    commit: str = ""
    previous_commit: str | None = None
    leaving: str | None = None
    locked: bool = True
    backwards: bool = True
    deployment: str | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""
    reason: str = ""
    epoch: int = 0
    begun: bool = False
    steps: Mapping[str, StepState] = field(default_factory=dict)
    notes: tuple[Event, ...] = ()
    ended: bool = False
    outcome: str | None = None
    verdict: str | None = None
    closing: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(cls, events: Iterable[Event]) -> "RunState":
        """Folds the events of one run, in any order. Pure; never raises."""
        ordered = merge(events)
        if not ordered:
            return cls()
        begun = [event for event in ordered if event.kind is EventKind.BEGIN]
        epoch = ordered[-1].epoch
        ends = [
            event
            for event in ordered
            if event.kind is EventKind.END and event.epoch == epoch
        ]
        return cls(
            run=ordered[0].run,
            **_beginning(begun),
            deployment=_deployment(ordered),
            epoch=epoch,
            begun=bool(begun),
            steps=_steps(ordered),
            notes=tuple(one for one in ordered if one.kind is EventKind.NOTE),
            **(_ending(ends) or _pausing(ordered)),
            started_at=ordered[0].at,
            updated_at=ordered[-1].at,
        )

    @property
    def duty(self) -> str:
        """What it is for, and why, in a few words."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.kind} {self.commit[:_SHORT]}{why}"

    def step(self, name: str) -> StepState | None:
        """A step that has begun; None when it has not."""
        return self.steps.get(name)


def runs_of(events: Iterable[Event]) -> tuple[RunState, ...]:
    """Every run that the events speak of, the newest first. Pure; never raises."""
    by_run: dict[str, list[Event]] = defaultdict(list)
    for event in merge(events):
        by_run[event.run].append(event)
    # Merged events are in their order, so runs come by their first one.
    return tuple(RunState.of(events) for events in reversed(by_run.values()))


def _beginning(begun: Iterable[Event]) -> dict[str, Any]:
    data = _joined(begun)
    texts = ("environment", "platform", "commit", "actor", "reason")
    known: dict[str, Any] = {name: _text(data, name) or "" for name in texts}
    known["kind"] = _text(data, "kind") or "deploy"
    known["previous_commit"] = _text(data, "previous_commit")
    known["leaving"] = _text(data, "leaving")
    for name in ("locked", "backwards"):
        known[name] = data.get(name) is not False
    for name in ("plan", "request"):
        value = data.get(name)
        known[name] = value if isinstance(value, Mapping) else {}
    return known


def _ending(ends: list[Event]) -> dict[str, Any]:
    if not ends:
        return {}
    data = _joined(ends)
    return {
        "ended": True,
        "outcome": _text(data, "outcome"),
        "verdict": _text(data, "verdict"),
        "closing": MappingProxyType(data),
        "ended_at": ends[-1].at,
    }


def _pausing(events: Iterable[Event]) -> dict[str, Any]:
    """How a run was left by a process that did not end it; empty once it goes on."""
    notes = [one.data for one in events if one.kind is EventKind.NOTE]
    told = [one for one in notes if "left" in one or "resumed_by" in one]
    return {"closing": told[-1]} if told and "left" in told[-1] else {}


def _deployment(events: Iterable[Event]) -> str | None:
    named = [_text(event.data, "deployment") for event in events]
    return next(filter(None, reversed(named)), None)


def _steps(events: Iterable[Event]) -> Mapping[str, StepState]:
    attempts: dict[str, dict[tuple[int, int], list[Event]]] = {}
    for event in events:
        if event.kind in {EventKind.INTENT, EventKind.CALL, EventKind.OUTCOME}:
            attempt = (event.epoch, event.attempt)
            attempts.setdefault(event.step, {}).setdefault(attempt, []).append(event)
    return MappingProxyType(
        {name: _step(name, tries[max(tries)]) for name, tries in attempts.items()}
    )


def _step(name: str, events: list[Event]) -> StepState:
    by_kind = {event.kind: event for event in events}
    outcome = by_kind.get(EventKind.OUTCOME)
    if outcome is not None:
        failed = outcome.data.get("ok") is False
        status = StepStatus.FAILED if failed else StepStatus.DONE
    elif EventKind.CALL in by_kind:
        status = StepStatus.CALLED
    else:
        status = StepStatus.INTENDED
    return StepState(
        name=name,
        attempt=events[0].attempt,
        epoch=events[0].epoch,
        status=status,
        data=_joined(events),
        began_at=events[0].at,
        ended_at=outcome.at if outcome else None,
    )


def _joined(events: Iterable[Event]) -> dict[str, Any]:
    return {name: value for event in events for name, value in event.data.items()}


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None
