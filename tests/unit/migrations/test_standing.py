from typing import Any

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.schema_state import judge_schema
from app.backend.migrations.standing import FaultKind, MigrationStatus, faults_of


def status(*applied: str, **found: object) -> MigrationStatus:
    whole: dict[str, Any] = {
        "state": judge_schema(applied, []),
        "runner": None,
        "half_applied": {},
        "invalid_indexes": (),
        "unproven": (),
        "last": None,
    }
    return MigrationStatus(**{**whole, **found})


def test_nothing_is_wrong_with_a_schema_that_is_current_or_ahead() -> None:
    assert faults_of(status(EXPAND_HEAD)) == ()
    assert faults_of(status("9999_newer")) == ()


def test_every_fault_says_what_to_do() -> None:
    faults = faults_of(
        status(
            REVISIONS[0],
            half_applied={"9001": 2},
            invalid_indexes=("public.a",),
            unproven=("c on t",),
        )
    )
    assert [fault.kind for fault in faults] == [
        FaultKind.BEHIND,
        FaultKind.HALF_APPLIED,
        FaultKind.INVALID_INDEX,
        FaultKind.UNPROVEN,
    ]
    assert all(fault.remedy for fault in faults)
    assert [fault.kind for fault in faults if fault.is_note] == [FaultKind.UNPROVEN]


def test_a_contract_revision_of_which_this_release_knows_nothing_is_one() -> None:
    gone = status(state=judge_schema(["9999"], ["9999_gone"]))
    assert [fault.kind for fault in faults_of(gone)] == [FaultKind.INCOMPATIBLE]


def test_what_is_being_applied_is_no_fault() -> None:
    running = status(EXPAND_HEAD, half_applied={"9001": 2}, runner="pm33-migrate:1")
    assert faults_of(running) == ()
