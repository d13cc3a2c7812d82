"""Cells of what goes wrong on the way back to an earlier release."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from app.backend.deploy.records.ending import Ending
from tests.support.railway.faults import Fault
from tests.support.railway_fault_cells import UNFAMILIAR, Cell, Serves, When

__all__ = ["WAYS_BACK"]

_RESTORED, _STRANDED, _UNKNOWN = Ending.RESTORED, Ending.STRANDED, Ending.UNKNOWN
_OLD, _NEW = Serves.OLD, Serves.NEW
_CALL: Final = {"operation": "Rollback"}
_KINDS: Final = {
    When.BACK: (_RESTORED, 90.0),
    When.EMERGENCY: (_RESTORED, 90.0),
    When.UNDO: (Ending.ROLLED_BACK, 150.0),
}
"""How each ends when all goes well, and its seconds."""


def _cells() -> Iterator[Cell]:
    for when, (good, within) in _KINDS.items():

        def back(
            fault: Fault,
            name: str,
            ending: Ending,
            when: When = when,
            within: float = within,
            **more: object,
        ) -> Cell:
            good = ending in {_RESTORED, Ending.ROLLED_BACK}
            plain = Cell(fault, name, when, ending, _OLD if good else _NEW)
            given = {"within": within, "backs": 1 if good else 0, **more}
            return replace(plain, **given)  # type: ignore[arg-type]

        # An opaque refusal may be a fault of Railway's after it was done.
        yield back(Fault.ROLLBACK_REFUSED, "rollback refused", _UNKNOWN, resumed=good)
        yield back(
            *(Fault.ROLLBACK_FAILS, "accepted, but the new one FAILED", _STRANDED),
            backs=1,
            cause="FAILED",
        )
        yield back(
            *(Fault.ROLLBACK_LATE, "accepted, and no new id for 12 s", good),
            quick=when is When.BACK,
            script={"seconds": 12},
        )
        yield back(
            *(Fault.ROLLBACK_LATE, "accepted, and no new id for 100 s", _UNKNOWN),
            resumed=good,
            cause="not to be seen",
            script={"seconds": 100},
        )
        yield back(
            *(Fault.ROLLBACK_LOST, "accepted, and never a new id", _UNKNOWN),
            resumed=good,
            cause="not to be seen",
        )
        for fault, name in (
            (Fault.TARGET_AGED_OUT, "target aged out between check and call"),
            (Fault.NOT_AUTHORIZED, "a token that may not roll back"),
        ):
            call = _CALL if fault is Fault.NOT_AUTHORIZED else {}
            if when is When.BACK:
                # Somebody is there, and is told how it can be done all the same.
                yield back(fault, name, _STRANDED, script=call)
            else:
                yield back(fault, name, good, script=call, cause="built anew")
        yield from _of_the_call(back, good)


def _of_the_call(back: Callable[..., Cell], good: Ending) -> Iterator[Cell]:
    """What is asked for once."""
    for fault in (Fault.DOWN, Fault.SERVER_ERROR):
        name = f"{fault} to the rollback"
        yield back(fault, name, _UNKNOWN, resumed=good, script=_CALL)
    late = _CALL | {"seconds": 60}
    name = "done when nobody waits for it any more"
    yield back(Fault.LATE, name, _UNKNOWN, resumed=good, script=late)
    for fault in (
        *(
            Fault.LATE,
            Fault.DATA_NULL,
            Fault.RATE_LIMITED,
            Fault.EDGE_LIMITED,
            Fault.TOO_QUICKLY,
        ),
        *(Fault.AFTER_MUTATION_TIMEOUT, Fault.AFTER_MUTATION_ERROR),
        Fault.AFTER_MUTATION_CUT,
    ):
        yield back(fault, f"{fault} to the rollback", good, script=_CALL)
    yield back(
        *(Fault.SAYS_FALSE, "false to the rollback", _STRANDED),
        script=_CALL,
        cause="has not done Rollback",
    )
    yield back(
        *(Fault.AFTER_MUTATION_ERROR, "an unfamiliar error, and it was done", good),
        quick=True,
        script={**_CALL, "value": UNFAMILIAR},
    )


WAYS_BACK: Final = tuple(_cells())
