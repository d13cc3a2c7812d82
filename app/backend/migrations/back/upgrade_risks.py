"""Risks that come from what an upgrade did, and no downgrade undoes. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.backend.migrations.back.conditions import Conditions
from app.backend.migrations.back.names import Names
from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.back.risk import Risk, RiskKind
from app.backend.migrations.back.schema import Schema
from app.backend.migrations.back.setting_aside import (
    refusal_to_set_aside,
    set_aside,
    source_of,
)
from app.backend.migrations.back.undoing import Undo, UndoKind
from app.backend.migrations.changes import Change, ChangeKind
from app.backend.migrations.sql.cursor import Cursor, name_of
from app.backend.migrations.sql.tokens import Kind, LexicalError, tokens_of

__all__ = ["risks_of_upgrade"]

_ROWS: Final = frozenset(
    {ChangeKind.ROWS_CHANGED, ChangeKind.ROWS_DELETED, ChangeKind.TABLE_EMPTIED}
)
_GIVES: Final = frozenset(
    {UndoKind.ROWS_CHANGED, UndoKind.ROWS_ADDED, UndoKind.ROWS_DELETED}
)


def risks_of_upgrade(
    reverse: Reverse, undos: Sequence[Undo], schema: Schema, names: Names
) -> Iterator[Risk]:
    """What its downgrade leaves behind, or cannot give back.

    Args:
        reverse: the revision.
        undos: all that its downgrade does.
        schema: before the first of all downgrades.
        names: what is called otherwise when this one begins.
    """
    if reverse.is_contract:
        yield _risk(
            reverse,
            RiskKind.CONTRACTED,
            "a contract revision removed what earlier releases used",
        )
    yield from _rows_without_inverse(reverse, undos, schema, names)
    yield from _enum_values(reverse, undos, schema, names)


def _rows_without_inverse(
    reverse: Reverse, undos: Sequence[Undo], schema: Schema, names: Names
) -> Iterator[Risk]:
    given_back = {one.table for one in undos if one.kind in _GIVES}
    for change in dict.fromkeys(reverse.changes):
        if change.kind not in _ROWS or change.table in given_back:
            continue
        if _is_gone(change, undos) or _is_new(change, reverse.changes):
            continue
        name = names.table(change.table)
        table = None if name is None else schema.tables.get(name)
        yield _risk(
            reverse,
            RiskKind.NO_INVERSE,
            "its upgrade changed rows, and its downgrade does not change them back",
            table=table.name if table else change.table,
            columns=(change.name,) if change.name else (),
            source=source_of(table) if table else "",
            condition="true" if table else None,
        )
    unknown = any(one.kind is ChangeKind.UNKNOWN for one in reverse.changes)
    opaque = reverse.up is None or reverse.up.opaque is not None
    if (unknown or opaque) and not given_back:
        yield _risk(
            reverse,
            RiskKind.NO_INVERSE,
            "what its upgrade did to rows cannot be told",
        )


def _is_gone(change: Change, undos: Sequence[Undo]) -> bool:
    """Whether the downgrade drops what the rows were changed in."""
    return any(
        one.table == change.table
        and (
            one.kind is UndoKind.TABLE_DROPPED
            or (one.kind is UndoKind.COLUMN_DROPPED and one.names == (change.name,))
        )
        for one in undos
    )


def _is_new(rows: Change, changes: Sequence[Change]) -> bool:
    """Whether the upgrade itself made what it then filled."""
    return any(
        one.table == rows.table
        and (
            one.kind is ChangeKind.TABLE_CREATED
            or (one.kind is ChangeKind.COLUMN_ADDED and one.name == rows.name)
        )
        for one in changes
    )


def _enum_values(
    reverse: Reverse, undos: Sequence[Undo], schema: Schema, names: Names
) -> Iterator[Risk]:
    made = {one.table for one in undos if one.kind is UndoKind.ENUM_MADE}
    conditions = Conditions(schema, names)
    for enum, label, again in _added_labels(reverse):
        if enum in made or label not in schema.enums.get(enum, ()):
            continue
        if not again:
            yield _risk(
                reverse,
                RiskKind.IRREVERSIBLE,
                f"PostgreSQL keeps {label!r} in {enum}, so that the upgrade could not"
                " be run again",
                hopeless="write it as safe_add_enum_value, or with IF NOT EXISTS",
            )
        for table in schema.tables.values():
            for column in table.columns.values():
                if column.enum != enum or table.part:
                    continue
                keep = set_aside(table, column)
                yield _risk(
                    reverse,
                    RiskKind.ENUM_VALUE_IN_USE,
                    f"{label!r} stays in {enum}, and the release before does not"
                    " know it",
                    table=table.name,
                    columns=(column.name,),
                    source=source_of(table),
                    condition=conditions.in_use(column, label),
                    keep=keep,
                    hopeless=refusal_to_set_aside(table, keep),
                )


def _added_labels(reverse: Reverse) -> Iterator[tuple[str, str, bool]]:
    """Enum and value, and whether adding it again is no error."""
    for statement in reverse.up.statements if reverse.up else ():
        try:
            tokens = tuple(tokens_of(statement.sql))
        except LexicalError:
            continue
        cursor = Cursor([one for one in tokens if one.kind is not Kind.COMMENT])
        if not cursor.take("ALTER", "TYPE"):
            continue
        enum = cursor.name()
        if cursor.take("ADD", "VALUE"):
            again = cursor.take("IF", "NOT", "EXISTS") or statement.step is not None
            label = cursor.skip()
            if label is not None:
                yield enum, name_of(label), again


def _risk(reverse: Reverse, kind: RiskKind, why: str, **more: Any) -> Risk:
    settings: dict[str, Any] = {"line": 0, **more}
    return Risk(revision=reverse.id, file=reverse.file, kind=kind, why=why, **settings)
