from datetime import UTC, datetime
from typing import Any

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.schema_state import judge_schema
from app.backend.migrations.running.history import RunState
from app.backend.migrations.running.records import RunRecord
from app.backend.migrations.standing import FaultKind, MigrationStatus, faults_of

DOWN = RunRecord(
    run="1",
    kind="downgrade",
    source="pm33",
    goal="9000",
    plan=None,
    actor="nobody",
    state=RunState.LOST,
    before=("9001",),
    after=None,
    error=None,
    started_at=datetime(2026, 11, 23, tzinfo=UTC),
    ended_at=None,
)


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
    (fault,) = faults_of(gone)
    assert fault.kind is FaultKind.INCOMPATIBLE
    assert fault.remedy == "deploy a release that knows 9999_gone"


def test_what_is_being_applied_is_no_fault() -> None:
    running = status(EXPAND_HEAD, half_applied={"9001": 2}, runner="pm33-migrate:1")
    assert faults_of(running) == ()


@pytest.mark.parametrize(
    ("index", "remedy"),
    [
        ("public.a", "run its revision again, or DROP INDEX CONCURRENTLY public.a"),
        ("s.a_ccnew", "{}, then the REINDEX that has left it again"),
        ('s."A_ccold1"', "{}: what REINDEX has put into its place is whole"),
    ],
)
def test_an_index_that_a_rebuild_has_left_has_no_revision(
    index: str, remedy: str
) -> None:
    (fault,) = faults_of(status(EXPAND_HEAD, invalid_indexes=(index,)))
    assert fault.remedy == remedy.format(f"DROP INDEX CONCURRENTLY {index}")


def test_a_way_down_that_is_half_done_says_where_it_was_to_lead() -> None:
    half = {"9001 (down)": 2}
    (fault,) = faults_of(status(EXPAND_HEAD, half_applied=half))
    assert fault.remedy.startswith("`pm33 migrate down --to REVISION`")
    (fault,) = faults_of(status(EXPAND_HEAD, half_applied=half, last=DOWN))
    assert fault.remedy == "`pm33 migrate down --to 9000` goes on where it ended"
