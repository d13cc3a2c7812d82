"""What an ALTER TABLE of a downgrade does to rows. Pure; see ``undoing.py``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.backend.migrations.sql.cursor import Cursor, items_of
from app.backend.migrations.sql.tokens import Token

__all__ = ["Undo", "UndoKind", "column_names", "read_alter_table", "text_between"]


class UndoKind(StrEnum):
    """What concerns rows. What fails by itself does so before anything is lost."""

    TABLE_DROPPED = "table dropped"
    TABLE_MADE = "table made"
    TABLE_RENAMED = "table renamed"
    TABLE_EMPTIED = "table emptied"
    COLUMN_DROPPED = "column dropped"
    COLUMN_MADE = "column made"
    COLUMN_RENAMED = "column renamed"
    RETYPED = "column retyped"
    REQUIRED = "column required"
    UNIQUE = "unique"
    CHECK = "check"
    KEY = "foreign key"
    PROVEN = "constraint proven"
    ROWS_ADDED = "rows added"
    ROWS_CHANGED = "rows changed"
    ROWS_DELETED = "rows deleted"
    ENUM_MADE = "enum made"
    ENUM_RENAMED = "enum renamed"
    FAILS_BY_ITSELF = "fails by itself"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """One thing that a statement does.

    Attributes:
        table: as :meth:`Cursor.name` writes it; of an enum, its name.
        names: columns; of an enum, its values.
        other: a new name, a referenced table, a constraint's name, or an alias.
        others: referenced columns.
        text: a type, a condition, as it is written.
        unproven: a constraint that binds new rows only.
        filled: a column that is made with a default; a type with a USING.
    """

    kind: UndoKind
    table: str = ""
    names: tuple[str, ...] = ()
    other: str = ""
    others: tuple[str, ...] = ()
    text: str = ""
    unproven: bool = False
    filled: bool = False


def text_between(sql: str, tokens: Sequence[Token]) -> str:
    """These tokens as they stand in their statement."""
    if not tokens:
        return ""
    return sql[tokens[0].start : tokens[-1].start + len(tokens[-1].text)]


def column_names(items: Sequence[Sequence[Token]]) -> tuple[str, ...]:
    """The columns of a list; none where one of them is an expression."""
    names = []
    for item in items:
        cursor = Cursor(item)
        name = cursor.name()
        if not name or cursor.key == "(":
            return ()
        names.append(name)
    return tuple(names)


def read_alter_table(sql: str, cursor: Cursor) -> Iterator[Undo]:
    """What follows ``ALTER TABLE``, action by action."""
    cursor.take("IF", "EXISTS")
    cursor.take("ONLY")
    table = cursor.name()
    cursor.take("*")
    for item in items_of(cursor.rest):
        yield from _action(sql, table, Cursor(item))


def _action(sql: str, table: str, cursor: Cursor) -> Iterator[Undo]:
    word = cursor.take_one_of("ADD", "ALTER", "DROP", "RENAME", "SET", "VALIDATE")
    match word:
        case "ADD":
            yield from _add(sql, table, cursor)
        case "ALTER":
            yield from _alter(sql, table, cursor)
        case "DROP" if not cursor.take("CONSTRAINT"):
            cursor.take("COLUMN")
            cursor.take("IF", "EXISTS")
            names = (cursor.name(),)
            yield Undo(kind=UndoKind.COLUMN_DROPPED, table=table, names=names)
        case "RENAME":
            yield from _rename(table, cursor)
        case "SET" if cursor.take("SCHEMA"):
            schema, plain = cursor.name(), table.rpartition(".")[2]
            # Cursor leaves ``public`` out.
            new = f"{schema}.{plain}" if schema else plain
            yield Undo(kind=UndoKind.TABLE_RENAMED, table=table, other=new)
        case "VALIDATE" if cursor.take("CONSTRAINT"):
            yield Undo(kind=UndoKind.PROVEN, table=table, other=cursor.name())


def _rename(table: str, cursor: Cursor) -> Iterator[Undo]:
    if cursor.take("TO"):
        schema = f"{table.rpartition('.')[0]}." if "." in table else ""
        new = f"{schema}{cursor.name()}"
        yield Undo(kind=UndoKind.TABLE_RENAMED, table=table, other=new)
    elif not cursor.take("CONSTRAINT"):
        cursor.take("COLUMN")
        names = (cursor.name(),)
        cursor.take("TO")
        new = cursor.name()
        yield Undo(kind=UndoKind.COLUMN_RENAMED, table=table, names=names, other=new)


def _alter(sql: str, table: str, cursor: Cursor) -> Iterator[Undo]:
    cursor.take("COLUMN")
    names = (cursor.name(),)
    if cursor.take("SET", "NOT", "NULL"):
        yield Undo(kind=UndoKind.REQUIRED, table=table, names=names)
        return
    cursor.take("SET", "DATA")
    if cursor.take("TYPE"):
        text = text_between(sql, cursor.until("USING", "COLLATE"))
        filled = cursor.has("USING")
        yield Undo(
            kind=UndoKind.RETYPED, table=table, names=names, text=text, filled=filled
        )


def _add(sql: str, table: str, cursor: Cursor) -> Iterator[Undo]:
    name = cursor.name() if cursor.take("CONSTRAINT") else ""
    unproven = cursor.has("NOT", "VALID")
    if cursor.take("CHECK"):
        yield _check(sql, table, name, cursor.inside(), unproven=unproven)
    elif cursor.take("NOT", "NULL"):
        names = (cursor.name(),)
        kind = UndoKind.REQUIRED
        yield Undo(kind=kind, table=table, names=names, other=name, unproven=unproven)
    elif cursor.take("FOREIGN", "KEY"):
        yield _key(table, name, cursor, unproven=unproven)
    elif cursor.take("UNIQUE") or cursor.ahead("PRIMARY", "KEY"):
        primary = cursor.take("PRIMARY", "KEY")
        unique = column_names(items_of(cursor.inside()))
        if unique:
            yield Undo(kind=UndoKind.UNIQUE, table=table, names=unique, other=name)
        for one in unique if primary else ():
            yield Undo(kind=UndoKind.REQUIRED, table=table, names=(one,))
    elif cursor.take("EXCLUDE"):
        yield Undo(kind=UndoKind.FAILS_BY_ITSELF, table=table)
    else:
        yield from _column(table, cursor)


def _check(
    sql: str, table: str, name: str, inside: Sequence[Token], *, unproven: bool
) -> Undo:
    """The usual way to NOT NULL is by a check that says the same."""
    cursor = Cursor(inside)
    column = cursor.name()
    required = cursor.take("IS", "NOT", "NULL") and not cursor.rest
    return Undo(
        kind=UndoKind.REQUIRED if required else UndoKind.CHECK,
        table=table,
        names=(column,) if required else (),
        text="" if required else text_between(sql, inside),
        other=name,
        unproven=unproven,
    )


def _key(table: str, name: str, cursor: Cursor, *, unproven: bool) -> Undo:
    names = column_names(items_of(cursor.inside()))
    cursor.take("REFERENCES")
    # The referenced columns stand alone: a name would swallow no parenthesis.
    referred = cursor.name()
    return Undo(
        kind=UndoKind.KEY,
        table=table,
        names=names,
        other=referred,
        others=column_names(items_of(cursor.inside())),
        text=name,
        unproven=unproven,
    )


def _column(table: str, cursor: Cursor) -> Iterator[Undo]:
    cursor.take("COLUMN")
    cursor.take("IF", "NOT", "EXISTS")
    names = (cursor.name(),)
    serial = cursor.key in {"SERIAL", "BIGSERIAL", "SMALLSERIAL"}
    filled = serial or cursor.has("DEFAULT") or cursor.has("GENERATED")
    yield Undo(kind=UndoKind.COLUMN_MADE, table=table, names=names, filled=filled)
    if cursor.has("NOT", "NULL") and not filled:
        yield Undo(kind=UndoKind.REQUIRED, table=table, names=names)
