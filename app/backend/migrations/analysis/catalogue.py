"""What a database's catalogue says of relations, and what has changed in it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.backend.migrations.changes import Change, ChangeKind
from app.backend.migrations.statements import Lock

__all__ = [
    "ALL_RELATIONS",
    "HELD_RELATIONS",
    "SCANS",
    "TABLES",
    "Constraint",
    "Relation",
    "changes_between",
    "lock_named",
    "read_relation",
]

TABLES: Final = frozenset("rpmf")
"""Kinds of relation that hold rows: tables, partitioned, materialised, foreign ones."""

_CONSTRAINTS: Final = {
    "c": "check",
    "f": "foreign key",
    "p": "primary key",
    "u": "unique",
    "x": "exclusion",
}
_LOCKS: Final[Mapping[str, Lock]] = {
    f"{mode.value.title().replace(' ', '')}Lock": mode for mode in Lock
}

# A relation of the user's has an oid from FirstNormalObjectId on (transam.h). The
# number of scans is that of the running transaction, so that what an ALTER TABLE reads
# is seen without a single row.
_RELATION = """
json_build_object(
  'oid', c.oid::bigint,
  'name', CASE n.nspname WHEN 'public' THEN c.relname::text
          ELSE n.nspname || '.' || c.relname END,
  'kind', c.relkind,
  'file', c.relfilenode::bigint,
  'scans', coalesce(pg_stat_get_xact_numscans(c.oid), 0),
  'owner', (SELECT indrelid::bigint FROM pg_index WHERE indexrelid = c.oid),
  'columns', (
    SELECT json_agg(json_build_array(attnum, attname,
      format_type(atttypid, atttypmod), attnotnull,
      coalesce((SELECT md5(pg_get_expr(adbin, adrelid)) FROM pg_attrdef
                WHERE adrelid = attrelid AND adnum = attnum), attidentity::text)))
    FROM pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
      AND c.relkind NOT IN ('i', 'I', 'S')),
  'constraints', (
    SELECT json_agg(json_build_array(oid::bigint, conname, contype, convalidated,
                                     array_to_json(conkey)))
    FROM pg_constraint
    WHERE conrelid = c.oid AND contype IN ('c', 'f', 'p', 'u', 'x')),
  'indexes', (
    SELECT json_agg(json_build_array(indexrelid::bigint, x.relname, indisvalid,
                                     indisunique, array_to_json(indkey::int2[])))
    FROM pg_index JOIN pg_class x ON x.oid = indexrelid WHERE indrelid = c.oid)
)
"""
_FROM = """
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't'
  AND c.relkind IN ('r', 'p', 'm', 'f', 'v', 'i', 'I', 'S')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
_ENUMS = """
(SELECT coalesce(json_object_agg(enumtypid::bigint, size), '{}')::text
 FROM (SELECT enumtypid, count(*) AS size FROM pg_enum GROUP BY enumtypid) sizes)
"""

ALL_RELATIONS: Final = f"""
SELECT coalesce(json_agg(json_build_array(c.oid::bigint, NULL, {_RELATION})),
                '[]')::text,
       {_ENUMS}
{_FROM}
"""
"""One row as that of :data:`HELD_RELATIONS`, of everything, without locks."""

HELD_RELATIONS: Final = f"""
SELECT coalesce(json_agg(json_build_array(held.oid, held.modes, seen.body)),
                '[]')::text,
       {_ENUMS}
FROM (
  SELECT relation::bigint AS oid, json_agg(mode) AS modes FROM pg_locks
  WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
    AND relation >= 16384
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  GROUP BY relation
) held
LEFT JOIN LATERAL (SELECT {_RELATION} AS body {_FROM} AND c.oid = held.oid) seen ON true
"""  # noqa: S608 - constants
"""What this transaction locks: oid, modes and body of each (no body: it is gone); and
how many values each enum has. Both are JSON."""

SCANS: Final = """
SELECT (SELECT virtualtransaction FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'virtualxid'),
       (SELECT json_object_agg(oid::bigint, pg_stat_get_xact_numscans(oid))::text
        FROM pg_class
        WHERE oid >= 16384 AND relkind IN ('r', 'm')
          AND pg_stat_get_xact_numscans(oid) > 0)
"""
"""Which transaction this is, and how often it has read each table (JSON) so far."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        filled: tells its default from others; empty: it has none.
    """

    name: str
    type: str
    required: bool
    filled: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint; ``columns`` are numbers, in its order."""

    name: str
    kind: str
    valid: bool
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index; ``columns`` are numbers, 0 for an expression."""

    name: str
    valid: bool
    unique: bool
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A relation of the user's.

    Attributes:
        name: with its schema unless that is ``public``, unquoted.
        kind: ``pg_class.relkind``.
        file: changes when it is rewritten or emptied.
        scans: how often the running transaction has read all of it.
        owner: of an index, its table.
        columns: by number; constraints and indexes by oid.
    """

    oid: int
    name: str
    kind: str
    file: int
    scans: int
    owner: int | None
    columns: Mapping[int, Column]
    constraints: Mapping[int, Constraint]
    indexes: Mapping[int, Index]


def read_relation(told: Mapping[str, Any]) -> Relation:
    """Reads one body of :data:`HELD_RELATIONS` or :data:`ALL_RELATIONS`."""
    return Relation(
        oid=told["oid"],
        name=told["name"],
        kind=told["kind"],
        file=told["file"],
        scans=told["scans"],
        owner=told["owner"],
        columns={one[0]: Column(*one[1:]) for one in told["columns"] or ()},
        constraints={
            oid: Constraint(name, _CONSTRAINTS[kind], valid, tuple(columns or ()))
            for oid, name, kind, valid, columns in told["constraints"] or ()
        },
        indexes={
            oid: Index(name, valid, unique, tuple(columns))
            for oid, name, valid, unique, columns in told["indexes"] or ()
        },
    )


def lock_named(mode: str) -> Lock:
    """A mode as ``pg_locks`` writes it."""
    return _LOCKS.get(mode, Lock.NONE)


def changes_between(
    before: Relation | None, after: Relation | None
) -> Iterator[Change]:
    """What has become of one relation; a file that changed is not a change here."""
    known = after or before
    if known is None or known.kind not in TABLES:
        return
    if before is None:
        yield Change(kind=ChangeKind.TABLE_CREATED, table=known.name)
    elif after is None:
        yield Change(kind=ChangeKind.TABLE_DROPPED, table=known.name)
    else:
        if before.name != after.name:
            yield Change(
                kind=ChangeKind.TABLE_RENAMED, table=before.name, detail=after.name
            )
        yield from _of_columns(before, after)
        yield from _of_constraints(before, after)
        yield from _of_indexes(before, after)


def _of_columns(before: Relation, after: Relation) -> Iterator[Change]:
    table = before.name
    for number, old in before.columns.items():
        if number not in after.columns:
            yield Change(kind=ChangeKind.COLUMN_DROPPED, table=table, name=old.name)
    for number, new in after.columns.items():
        if number in before.columns:
            yield from _of_column(table, before.columns[number], new)
        else:
            needed = new.required and not new.filled
            yield Change(
                kind=ChangeKind.COLUMN_ADDED,
                table=table,
                name=new.name,
                detail="required" if needed else "",
            )


def _of_column(table: str, old: Column, new: Column) -> Iterator[Change]:
    if old.name != new.name:
        yield Change(
            kind=ChangeKind.COLUMN_RENAMED, table=table, name=old.name, detail=new.name
        )
    if old.type != new.type:
        yield Change(
            kind=ChangeKind.COLUMN_RETYPED,
            table=table,
            name=old.name,
            detail=f"{old.type} -> {new.type}",
        )
    if old.required != new.required:
        kind = ChangeKind.REQUIRED if new.required else ChangeKind.NO_LONGER_REQUIRED
        yield Change(kind=kind, table=table, name=old.name)
    if old.filled != new.filled:
        yield Change(kind=ChangeKind.DEFAULT_CHANGED, table=table, name=old.name)


def _of_constraints(before: Relation, after: Relation) -> Iterator[Change]:
    """By name: a new type has constraints and indexes made again, unchanged."""
    table = before.name
    old = {one.name: one for one in before.constraints.values()}
    new = {one.name: one for one in after.constraints.values()}
    for name, one in old.items():
        if name not in new:
            kind = ChangeKind.CONSTRAINT_DROPPED
        elif new[name].valid and not one.valid:
            kind = ChangeKind.CONSTRAINT_VALIDATED
        else:
            continue
        yield Change(kind=kind, table=table, name=name, detail=one.kind)
    for name, one in new.items():
        if name not in old:
            kind = ChangeKind.CONSTRAINT_ADDED
            yield Change(kind=kind, table=table, name=name, detail=one.kind)


def _of_indexes(before: Relation, after: Relation) -> Iterator[Change]:
    table = before.name
    old = {one.name: one for one in before.indexes.values()}
    new = {one.name for one in after.indexes.values()}
    for name, one in old.items():
        if name not in new:
            unique = one.unique and one.valid
            kind = (
                ChangeKind.UNIQUE_INDEX_DROPPED if unique else ChangeKind.INDEX_DROPPED
            )
            yield Change(kind=kind, table=table, name=name)
    for name in sorted(new - old.keys()):
        yield Change(kind=ChangeKind.INDEX_CREATED, table=table, name=name)
