from dataclasses import replace

import pytest

from app.backend.database.revision_history import OURS
from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.schema_state import SchemaPosition, judge_schema

HISTORY = replace(OURS, needed="r3", known=("r1", "r2", "r3"), arrived=("r3",))


def position(applied: list[str], floors: list[str] | None = None) -> SchemaPosition:
    return judge_schema(applied, floors or [], history=HISTORY).position


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ([], SchemaPosition.BEHIND),
        (["r1"], SchemaPosition.BEHIND),
        (["r2"], SchemaPosition.BEHIND),
        (["r3"], SchemaPosition.CURRENT),
        (["r3", "c1"], SchemaPosition.CURRENT),
        (["r4"], SchemaPosition.AHEAD),
        (["r9", "c1"], SchemaPosition.AHEAD),
    ],
)
def test_the_rows_tell_where_the_schema_stands(
    applied: list[str], expected: SchemaPosition
) -> None:
    assert position(applied) is expected


@pytest.mark.parametrize("applied", [["r3"], ["r4"], ["r2"], []], ids=str)
def test_what_a_contract_revision_took_away_outweighs_everything(
    applied: list[str],
) -> None:
    assert position(applied, ["r4"]) is SchemaPosition.INCOMPATIBLE
    assert position(applied, ["r1", "r4"]) is SchemaPosition.INCOMPATIBLE


@pytest.mark.parametrize("applied", [["r3"], ["r4"], ["r2"]], ids=str)
def test_a_contract_revision_whose_demand_is_known_changes_nothing(
    applied: list[str],
) -> None:
    assert position(applied, ["r3"]) is position(applied)


def test_the_verdict_says_what_was_found_and_what_was_wanted() -> None:
    state = judge_schema({"r4", "c1"}, (), history=HISTORY)

    assert state.applied == ("c1", "r4")
    assert state.needed == "r3"


def test_this_release_is_content_with_its_own_head() -> None:
    assert judge_schema([EXPAND_HEAD], []).position is SchemaPosition.CURRENT
    assert EXPAND_HEAD in REVISIONS
    assert judge_schema([], []).position is SchemaPosition.BEHIND
