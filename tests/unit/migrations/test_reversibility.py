import pytest

from app.backend.migrations.changes import Change, ChangeKind
from app.backend.migrations.reversibility import (
    Reversibility,
    way_back_of,
    way_back_of_change,
)


def change(kind: ChangeKind, name: str = "x", table: str = "t") -> Change:
    return Change(kind=kind, table=table, name=name)


@pytest.mark.parametrize("kind", ChangeKind)
def test_every_kind_of_change_has_its_worth_and_the_bad_ones_their_reason(
    kind: ChangeKind,
) -> None:
    found = way_back_of_change(change(kind))
    assert bool(found.why) is (found.kind is not Reversibility.REVERSIBLE)


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        ("integer -> bigint", "reversible-until-written"),
        ("character varying(10) -> text", "reversible-until-written"),
        ("character varying(10) -> character varying(20)", "reversible-until-written"),
        ("numeric(5,2) -> numeric(7,2)", "reversible-until-written"),
        ("numeric(5,2) -> numeric(6,4)", "lossy"),
        ("numeric -> numeric(6,4)", "lossy"),
        ("bigint -> integer", "lossy"),
        ("text -> character varying(10)", "lossy"),
        ("character varying(20) -> character varying(10)", "lossy"),
        ("text -> jsonb", "lossy"),
        ("timestamp(3) without time zone -> date", "lossy"),
        (" -> text", "lossy"),
    ],
)
def test_a_wider_type_can_go_back_until_it_is_used(types: str, kind: str) -> None:
    retyped = Change(kind=ChangeKind.COLUMN_RETYPED, table="t", name="c", detail=types)
    assert way_back_of_change(retyped).kind == kind


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ([], "reversible"),
        ([change(ChangeKind.INDEX_CREATED)], "reversible"),
        (
            [change(ChangeKind.INDEX_CREATED), change(ChangeKind.COLUMN_ADDED)],
            "reversible-until-written",
        ),
        (
            [change(ChangeKind.COLUMN_ADDED), change(ChangeKind.ROWS_CHANGED)],
            "reversible-until-written",
        ),
        (
            [change(ChangeKind.COLUMN_ADDED), change(ChangeKind.ROWS_CHANGED, "y")],
            "lossy",
        ),
        (
            [change(ChangeKind.TABLE_CREATED), change(ChangeKind.ROWS_CHANGED, "y")],
            "reversible-until-written",
        ),
        (
            [change(ChangeKind.COLUMN_ADDED), change(ChangeKind.COLUMN_DROPPED)],
            "reversible-until-written",
        ),
        ([change(ChangeKind.ENUM_VALUE_ADDED)], "irreversible"),
    ],
)
def test_a_revision_is_worth_as_much_as_its_worst_change(
    changes: list[Change], kind: str
) -> None:
    assert way_back_of(changes, down=True).kind == kind


def test_without_a_downgrade_there_is_no_way_back_but_from_nothing() -> None:
    changes = [change(ChangeKind.INDEX_CREATED)]
    assert way_back_of(changes, down=False).kind is Reversibility.IRREVERSIBLE
    assert way_back_of([], down=False, nothing=True).kind is Reversibility.REVERSIBLE
