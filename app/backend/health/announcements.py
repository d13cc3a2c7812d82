"""What the log says of health: each change once, each closed gate with its remedy."""

import logging

from app.backend.health.gate import FaultKind, GateState
from app.backend.health.history import Transition
from app.backend.health.models import Status
from app.backend.health.overrides import Override
from app.backend.health.snapshot import CheckView
from app.backend.health.transition import Instant

__all__ = [
    "announce_gate",
    "announce_overrides",
    "announce_transition",
    "transition_of",
]

_log = logging.getLogger("pm33.health")


def transition_of(before: Status, view: CheckView, now: Instant) -> Transition:
    """The record of a change that has just been published."""
    return Transition(
        check=view.name,
        before=before,
        after=view.status,
        at=now.wall,
        failure=view.failure,
        message=view.message,
    )


def announce_transition(transition: Transition, remedy: str) -> None:
    """One line for one change of a check's status.

    What is not configured from the start is no news: a dozen such lines would hide
    the one that matters.
    """
    calm = transition.after in {Status.HEALTHY, Status.SKIPPED}
    unused = (transition.before, transition.after) == (Status.UNKNOWN, Status.SKIPPED)
    _log.log(
        logging.DEBUG if unused else logging.INFO if calm else logging.WARNING,
        "%s is %s",
        transition.check,
        transition.after,
        extra=_fields(
            check=transition.check,
            was=transition.before,
            failure=transition.failure,
            cause=transition.message,
            remedy=remedy,
        ),
    )


def announce_overrides(
    before: tuple[Override, ...], after: tuple[Override, ...]
) -> None:
    """One line for each override that began or ended."""
    for one in (*before, *after):
        if (one in before) != (one in after):
            _log.warning(
                "override %s: %s",
                "in force" if one in after else "ended",
                " ".join(filter(None, (one.kind, one.check))),
                extra={name: value for name, value in one.to_dict().items() if value},
            )


def announce_gate(gate: GateState, told: GateState | None) -> GateState | None:
    """Says why the gate is closed, or that it is open, once for each new verdict.

    What closes it for good is an error, since no waiting helps.

    Returns:
        The verdict that the log knows now.
    """
    if any(fault.kind is FaultKind.PENDING for fault in gate.faults):
        return told
    if told is not None and _essence(told) == _essence(gate):
        return told
    for fault in gate.faults:
        for_good = not gate.passed and fault.kind is FaultKind.RELEASE
        _log.log(
            logging.ERROR if for_good else logging.WARNING,
            "startup gate %s: %s",
            "passed in spite of" if gate.passed else "closed",
            fault.words,
            extra=_fields(
                source=fault.source,
                kind=fault.kind,
                failure=fault.failure,
                remedy=fault.remedy,
            ),
        )
    if gate.clean:
        _log.info("startup gate passed")
    return gate


def _fields(**fields: str | None) -> dict[str, str]:
    """What there is to say; enums as their words."""
    return {name: str(value) for name, value in fields.items() if value}


def _essence(gate: GateState) -> tuple[object, ...]:
    faults = [(fault.source, fault.kind, fault.failure) for fault in gate.faults]
    return (gate.passed, faults)
