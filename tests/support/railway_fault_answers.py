"""Cells of what goes wrong on the way to Railway's API and back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.backend.deploy.records.ending import Ending
from app.errors import PlatformError, PlatformUnreachableError
from tests.support.railway.faults import Fault
from tests.support.railway_fault_cells import UNFAMILIAR, Cell, Serves, When

__all__ = ["ANSWERS"]

_DONE, _UNKNOWN = Ending.DONE, Ending.UNKNOWN
_OLD, _NEW = Serves.OLD, Serves.NEW

_NAMES: Final = {
    Fault.DOWN: "API down",
    Fault.SERVER_ERROR: "5xx",
    Fault.TIMEOUT: "no answer",
    Fault.SLOW: "an answer that comes too late",
    Fault.LATE: "done, and answered, too late",
    Fault.CUT: "connection dropped mid-answer",
    Fault.DATA_NULL: "data: null",
    Fault.PARTIAL_DATA: "partial data with errors",
    Fault.PROBLEM: "an opaque error",
    Fault.NOT_AUTHORIZED: "Not Authorized",
    Fault.TWO_FACTOR: "two factors required",
    Fault.TOO_QUICKLY: "too quickly",
    Fault.DEPLOY_LIMIT: "deploy limit",
    Fault.RATE_LIMITED: "429 with Retry-After",
    Fault.EDGE_LIMITED: "plain-text 1015",
    Fault.EDGE_REFUSED: "plain-text 1010",
    Fault.AFTER_MUTATION_TIMEOUT: "timeout after the mutation took effect",
    Fault.AFTER_MUTATION_ERROR: "5xx after the mutation took effect",
    Fault.AFTER_MUTATION_CUT: "dropped after the mutation took effect",
}
_NOT_DONE = (Fault.DOWN, Fault.SERVER_ERROR, Fault.TIMEOUT, Fault.PROBLEM)
_TAKEN = (
    *(Fault.SLOW, Fault.CUT, Fault.DATA_NULL, Fault.PARTIAL_DATA),
    *(Fault.AFTER_MUTATION_TIMEOUT, Fault.AFTER_MUTATION_ERROR),
    Fault.AFTER_MUTATION_CUT,
)
_LATER = (Fault.TOO_QUICKLY, Fault.DEPLOY_LIMIT, Fault.RATE_LIMITED, Fault.EDGE_LIMITED)
_REFUSED = (Fault.NOT_AUTHORIZED, Fault.TWO_FACTOR, Fault.EDGE_REFUSED)
_PASSING = (
    *(Fault.DOWN, Fault.SERVER_ERROR, Fault.CUT, Fault.DATA_NULL),
    *(Fault.TIMEOUT, Fault.RATE_LIMITED, Fault.EDGE_LIMITED, Fault.TOO_QUICKLY),
)
_QUICK = (Fault.AFTER_MUTATION_CUT, Fault.RATE_LIMITED)


def _of_deploy() -> Iterator[Cell]:
    """The one request that must not be made twice."""

    def of(fault: Fault, ending: Ending, serves: Serves, **more: object) -> Cell:
        name = f"{_NAMES[fault]} to the deploy"
        return replace(
            Cell(fault, name, When.DEPLOY, ending, serves),
            script={"operation": "Deploy"},
            quick=fault in _QUICK,
            **more,  # type: ignore[arg-type]
        )

    for fault in _NOT_DONE:
        # Whether it was done cannot be told; who goes on with the run finds out.
        yield of(fault, _UNKNOWN, _OLD, deploys=0, resumed=_DONE, within=60)
    for fault in (*_TAKEN, *_LATER):
        yield of(fault, _DONE, _NEW)
    # Who does not see it come must not ask again, either.
    late = {"operation": "Deploy", "seconds": 60}
    yield replace(
        of(Fault.LATE, _UNKNOWN, _OLD, deploys=0, resumed=_DONE, within=60),
        name="done when nobody waits for it any more",
        script=late,
    )
    yield of(Fault.LATE, _DONE, _NEW)
    for fault in _REFUSED:
        yield of(fault, Ending.FAILED, _OLD, deploys=0, within=30)
    yield Cell(
        Fault.SAYS_FALSE,
        "false to the run's mark",
        When.DEPLOY,
        Ending.FAILED,
        _OLD,
        deploys=0,
        within=30,
        cause="has not done VariableCollectionUpsert",
        script={"operation": "VariableCollectionUpsert"},
    )
    yield Cell(
        Fault.AFTER_MUTATION_ERROR,
        "an unfamiliar error, and it was deployed",
        When.DEPLOY,
        _DONE,
        _NEW,
        quick=True,
        script={"operation": "Deploy", "value": UNFAMILIAR},
    )


def _of_reads() -> Iterator[Cell]:
    for fault in _PASSING:
        name = f"{_NAMES[fault]} while it is followed"
        yield Cell(fault, name, When.FOLLOW, _DONE, _NEW, script={"times": 3})
    for fault in (*_PASSING, Fault.SLOW):
        name = f"{_NAMES[fault]} in the middle of a bake"
        yield Cell(fault, name, When.WATCH, _DONE, _NEW, script={"times": 3})
    for fault in (Fault.DOWN, Fault.SERVER_ERROR, Fault.CUT, Fault.RATE_LIMITED):
        for when in (When.FOLLOW, When.WATCH):
            name = f"{_NAMES[fault]} for good"
            yield Cell(
                fault,
                name,
                when,
                _UNKNOWN,
                _NEW,
                within=400,
                resumed=_DONE,
                script={"times": None},
            )
    yield Cell(
        Fault.EDGE_REFUSED,
        "plain-text 1010 before anything is done",
        When.DEPLOY,
        PlatformError,
        _OLD,
        within=10,
        deploys=0,
        cause="1010",
        script={"operation": "Picture", "times": None},
    )


def _of_a_watch() -> Iterator[Cell]:
    """A watch of what serves outlives what passes, and says so where it does not."""
    for fault in (Fault.DOWN, Fault.RATE_LIMITED, Fault.EDGE_LIMITED):
        name = f"{_NAMES[fault]} for a moment"
        yield Cell(fault, name, When.MONITOR, _DONE, _NEW, script={"times": 2})
    yield Cell(
        *(Fault.DOWN, "API down from the beginning", When.MONITOR),
        *(PlatformUnreachableError, _NEW),
        within=60,
        script={"times": None},
    )


def _of_logs() -> Iterator[Cell]:
    """Beside a release that fails, whose log is told."""
    written = ("running pm33 migrate up", "listening", "key [redacted]")
    for fault, name, log in (
        (Fault.LOG_LINES_TWICE, "duplicated log lines", written),
        (Fault.LOG_LINES_MISSING, "missing log lines", written[::2]),
    ):
        yield Cell(
            *(fault, name, When.UNDO, Ending.ROLLED_BACK, _OLD),
            within=150,
            backs=1,
            log=log,
            script={"times": None},
        )


ANSWERS: Final = (*_of_deploy(), *_of_reads(), *_of_a_watch(), *_of_logs())
