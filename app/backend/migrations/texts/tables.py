"""What the text of CREATE TABLE and ALTER TABLE says. Pure; see ``statement.py``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.sql.cursor import Cursor, items_of, text_of
from app.backend.migrations.statements import Lock

__all__ = ["TableReading", "read_alter_table", "read_create_table"]

_AEL = Lock.ACCESS_EXCLUSIVE
_SRE = Lock.SHARE_ROW_EXCLUSIVE
_SUE = Lock.SHARE_UPDATE_EXCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """What is said of tables; as :class:`.reading.Reading`."""

    locks: tuple[tuple[str, Lock], ...]
    works: tuple[Work, ...] = ()
    changes: tuple[Change, ...] = ()
    concurrently: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """One action of an ALTER TABLE; its other table beside its own."""

    lock: Lock = _AEL
    work: Work = Work.NONE
    kind: ChangeKind = ChangeKind.OTHER
    name: str = ""
    detail: str = ""
    other: tuple[str, Lock] | None = None
    concurrently: bool = False


def read_create_table(cursor: Cursor) -> TableReading:
    """A new table locks what it refers to, and the table that it is a part of."""
    cursor.take("TABLE")
    cursor.take("IF", "NOT", "EXISTS")
    name = cursor.name()
    parent = cursor.name() if cursor.take("PARTITION", "OF") else ""
    locks = {parent: _AEL} if parent else {}
    for place, token in enumerate(cursor.rest):
        if token.key == "REFERENCES":
            referred = Cursor(cursor.rest[place + 1 :]).name()
            if referred != name:
                locks.setdefault(referred, _SRE)
    change = Change(kind=ChangeKind.TABLE_CREATED, table=name)
    return TableReading(locks=tuple(locks.items()), changes=(change,))


def read_alter_table(cursor: Cursor) -> TableReading:
    """The strongest lock of its actions is the statement's."""
    cursor.take("IF", "EXISTS")
    cursor.take("ONLY")
    table = cursor.name()
    actions = [_read_action(Cursor(item)) for item in items_of(cursor.rest)]
    locks = [one.lock for one in actions]
    others = dict.fromkeys(one.other for one in actions if one.other is not None)
    return TableReading(
        locks=(
            (table, max(locks, key=lambda one: one.strength, default=_AEL)),
            *others,
        ),
        works=tuple(one.work for one in actions),
        changes=tuple(
            Change(kind=one.kind, table=table, name=one.name, detail=one.detail)
            for one in actions
        ),
        concurrently=any(one.concurrently for one in actions),
    )


def _read_action(cursor: Cursor) -> _Action:
    for lead, read in _ACTIONS.items():
        if cursor.take(*lead.split()):
            return read(cursor)
    return _Action()


def _rename(cursor: Cursor) -> _Action:
    if cursor.take("TO"):
        return _Action(kind=ChangeKind.TABLE_RENAMED)
    if cursor.take("CONSTRAINT"):
        return _Action()
    cursor.take("COLUMN")
    return _Action(kind=ChangeKind.COLUMN_RENAMED, name=cursor.name())


def _add(cursor: Cursor) -> _Action:
    name = cursor.name() if cursor.take("CONSTRAINT") else ""
    for lead, read in _CONSTRAINTS.items():
        if cursor.take(*lead.split()):
            return read(cursor, name)
    cursor.take("COLUMN")
    cursor.take("IF", "NOT", "EXISTS")
    return _added_column(cursor)


def _added_column(cursor: Cursor) -> _Action:
    name = cursor.name()
    filled = _fills_itself(cursor) or cursor.has("DEFAULT")
    work = Work.NONE
    required = cursor.has("NOT", "NULL") and not filled
    if required or cursor.has("CHECK"):
        work = Work.SCAN
    if cursor.has("UNIQUE") or cursor.has("PRIMARY", "KEY"):
        work = Work.BUILD
    if _fills_itself(cursor) or _calls_per_row(cursor):
        work = Work.REWRITE
    cursor.until("REFERENCES")
    referred = cursor.name() if cursor.take("REFERENCES") else ""
    return _Action(
        work=work,
        kind=ChangeKind.COLUMN_ADDED,
        name=name,
        detail="required" if required else "",
        other=(referred, _SRE) if referred else None,
    )


def _fills_itself(cursor: Cursor) -> bool:
    """Serial, identity or stored: every row is written."""
    serial = cursor.key in {"SERIAL", "BIGSERIAL", "SMALLSERIAL", "SERIAL4", "SERIAL8"}
    return serial or cursor.has("AS", "IDENTITY") or cursor.has("STORED")


def _calls_per_row(cursor: Cursor) -> bool:
    """A default that may answer otherwise for each row.

    Of a function that is not among PostgreSQL's stable ones that cannot be told, so
    it counts as one of these.
    """
    rest = cursor.rest
    at = next((n for n, token in enumerate(rest) if token.key == "DEFAULT"), None)
    if at is None:
        return False
    calls = zip(rest[at + 1 :], rest[at + 2 :], strict=False)
    return any(
        two.key == "(" and one.key.isidentifier() and one.key not in _STABLE
        for one, two in calls
    )


_STABLE: Final = frozenset(
    {
        *("NOW", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "STATEMENT_TIMESTAMP"),
        *("TRANSACTION_TIMESTAMP", "TIMEZONE", "DATE_TRUNC", "CURRENT_SETTING"),
        *("JSONB_BUILD_OBJECT", "JSONB_BUILD_ARRAY", "TO_JSONB", "COALESCE", "LOWER"),
        *("DATE_PART", "EXTRACT", "MAKE_INTERVAL", "VARCHAR", "NUMERIC", "CHAR"),
        *("INTERVAL", "TIMESTAMP", "TIME", "CHECK", "REFERENCES", "UNIQUE"),
    }
)


def _check(cursor: Cursor, name: str) -> _Action:
    work = Work.NONE if cursor.has("NOT", "VALID") else Work.SCAN
    return _Action(work=work, kind=ChangeKind.CONSTRAINT_ADDED, name=name)


def _foreign_key(cursor: Cursor, name: str) -> _Action:
    work = Work.NONE if cursor.has("NOT", "VALID") else Work.SCAN
    cursor.until("REFERENCES")
    referred = cursor.name() if cursor.take("REFERENCES") else ""
    return _Action(
        lock=_SRE,
        work=work,
        kind=ChangeKind.CONSTRAINT_ADDED,
        name=name,
        other=(referred, _SRE) if referred else None,
    )


def _unique(cursor: Cursor, name: str) -> _Action:
    work = Work.NONE if cursor.has("USING", "INDEX") else Work.BUILD
    return _Action(work=work, kind=ChangeKind.CONSTRAINT_ADDED, name=name)


def _drop(cursor: Cursor) -> _Action:
    constraint = cursor.take("CONSTRAINT")
    cursor.take("COLUMN")
    cursor.take("IF", "EXISTS")
    kind = ChangeKind.CONSTRAINT_DROPPED if constraint else ChangeKind.COLUMN_DROPPED
    return _Action(kind=kind, name=cursor.name())


def _alter(cursor: Cursor) -> _Action:
    cursor.take("COLUMN")
    name = cursor.name()
    cursor.take("SET", "DATA")
    if cursor.take("TYPE"):
        return _Action(
            work=Work.REWRITE,
            kind=ChangeKind.COLUMN_RETYPED,
            name=name,
            detail=f" -> {text_of(cursor.until('USING', 'COLLATE'))}",
        )
    for lead, (lock, work, kind) in _OF_COLUMN.items():
        if cursor.take(*lead.split()):
            return _Action(lock=lock, work=work, kind=kind, name=name)
    return _Action(name=name)


def _validate(cursor: Cursor) -> _Action:
    kind = ChangeKind.CONSTRAINT_VALIDATED
    return _Action(lock=_SUE, work=Work.SCAN, kind=kind, name=cursor.name())


def _attach(cursor: Cursor) -> _Action:
    return _Action(lock=_SUE, work=Work.SCAN, other=(cursor.name(), _AEL))


def _detach(cursor: Cursor) -> _Action:
    part = cursor.name()
    concurrently = cursor.has("CONCURRENTLY") or cursor.has("FINALIZE")
    lock = _SUE if concurrently else _AEL
    return _Action(lock=lock, other=(part, _AEL), concurrently=concurrently)


def _always(
    lock: Lock = _AEL,
    work: Work = Work.NONE,
    kind: ChangeKind = ChangeKind.OTHER,
) -> Callable[[Cursor], _Action]:
    return lambda _cursor: _Action(lock=lock, work=work, kind=kind)


_OF_COLUMN: Final[Mapping[str, tuple[Lock, Work, ChangeKind]]] = {
    "SET NOT NULL": (_AEL, Work.SCAN, ChangeKind.REQUIRED),
    "DROP NOT NULL": (_AEL, Work.NONE, ChangeKind.NO_LONGER_REQUIRED),
    "SET DEFAULT": (_AEL, Work.NONE, ChangeKind.DEFAULT_CHANGED),
    "DROP DEFAULT": (_AEL, Work.NONE, ChangeKind.DEFAULT_CHANGED),
    "SET STATISTICS": (_SUE, Work.NONE, ChangeKind.OTHER),
    "SET (": (_SUE, Work.NONE, ChangeKind.OTHER),
}
_CONSTRAINTS: Final[Mapping[str, Callable[[Cursor, str], _Action]]] = {
    "CHECK": _check,
    "NOT NULL": _check,
    "FOREIGN KEY": _foreign_key,
    "UNIQUE": _unique,
    "PRIMARY KEY": _unique,
    "EXCLUDE": _unique,
}
_ACTIONS: Final[Mapping[str, Callable[[Cursor], _Action]]] = {
    "RENAME": _rename,
    "SET SCHEMA": _always(kind=ChangeKind.TABLE_RENAMED),
    "SET LOGGED": _always(work=Work.REWRITE),
    "SET UNLOGGED": _always(work=Work.REWRITE),
    "SET TABLESPACE": _always(work=Work.REWRITE),
    "SET ACCESS METHOD": _always(work=Work.REWRITE),
    "SET WITHOUT CLUSTER": _always(_SUE),
    "SET (": _always(_SUE),
    "RESET": _always(_SUE),
    "CLUSTER ON": _always(_SUE),
    "ENABLE TRIGGER": _always(_SRE),
    "ENABLE REPLICA TRIGGER": _always(_SRE),
    "ENABLE ALWAYS TRIGGER": _always(_SRE),
    "DISABLE TRIGGER": _always(_SRE),
    "VALIDATE CONSTRAINT": _validate,
    "ATTACH PARTITION": _attach,
    "DETACH PARTITION": _detach,
    "ADD": _add,
    "DROP": _drop,
    "ALTER": _alter,
}
