"""Column types as they are written, and which changes of them leave the rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.sql.tokens import tokens_of

__all__ = ["Change", "TypeName", "change_of", "parse_type", "read_type"]

_ALIASES: Final[Mapping[str, str]] = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "varbit": "bit varying",
    "decimal": "numeric",
    "dec": "numeric",
    "bool": "boolean",
    "float8": "double precision",
    "float4": "real",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "serial4": "serial",
    "serial8": "bigserial",
    "serial2": "smallserial",
}
_SECOND: Final[Mapping[str, str]] = {
    "double": "PRECISION",
    "character": "VARYING",
    "char": "VARYING",
    "bit": "VARYING",
}
_PRECISE: Final = frozenset(
    {
        "timestamp",
        "timestamp with time zone",
        "time",
        "time with time zone",
        "interval",
    }
)
_WIDE: Final = frozenset({"text", "character varying"})


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type, by its full name.

    Attributes:
        sizes: what stands in its parentheses, as far as it is numbers.
        array: whether it is one of arrays.
    """

    base: str
    sizes: tuple[int, ...] = ()
    array: bool = False


class Change(StrEnum):
    """What a change of a column's type does to the rows."""

    NOTHING = "nothing"
    REWRITE = "rewrite"
    BY_TIME_ZONE = "by time zone"
    UNKNOWN = "unknown"


def parse_type(text: str) -> TypeName:
    """A type as SQLAlchemy writes it."""
    return read_type(Cursor(tuple(tokens_of(text))))


def read_type(cursor: Cursor) -> TypeName:
    """Goes past a type."""
    cursor.take("SETOF")
    base = cursor.name()
    if base in _SECOND and cursor.take(_SECOND[base]):
        full = "character" if base == "char" else base
        base = f"{full} {_SECOND[base].lower()}"
    elif base == "national":
        cursor.take_one_of("CHARACTER", "CHAR")
        base = "character varying" if cursor.take("VARYING") else "character"
    sizes = _sizes(cursor)
    if base in ("timestamp", "time"):
        if cursor.take("WITH", "TIME", "ZONE"):
            base = f"{base} with time zone"
        cursor.take("WITHOUT", "TIME", "ZONE")
    array = cursor.take("ARRAY")
    while cursor.key == "[":
        array = True
        cursor.inside()
    return TypeName(_ALIASES.get(base, base), sizes, array)


def change_of(old: TypeName | None, new: TypeName) -> Change:
    """What a change does to the rows; the old type may be unknown.

    https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
    """
    if old is None:
        zoned = new.base == "timestamp with time zone"
        return Change.BY_TIME_ZONE if zoned else Change.UNKNOWN
    if old == new:
        return Change.NOTHING
    if old.array or new.array:
        return Change.REWRITE
    if {old.base, new.base} == {"timestamp", "timestamp with time zone"}:
        return Change.BY_TIME_ZONE
    return Change.NOTHING if _widens(old, new) else Change.REWRITE


def _widens(old: TypeName, new: TypeName) -> bool:
    if {old.base, new.base} <= _WIDE:
        return not new.sizes or (bool(old.sizes) and new.sizes >= old.sizes)
    if (old.base, new.base) == ("cidr", "inet"):
        return True
    if old.base != new.base:
        return False
    if old.base == "numeric" and old.sizes and new.sizes:
        precision, scale = (*new.sizes, 0)[:2]
        return precision >= old.sizes[0] and scale == (*old.sizes, 0)[1]
    if old.base in _PRECISE | {"numeric", "bit varying"}:
        return not new.sizes or (bool(old.sizes) and new.sizes >= old.sizes)
    return False


def _sizes(cursor: Cursor) -> tuple[int, ...]:
    inside = cursor.inside() if cursor.key == "(" else ()
    return tuple(int(token.text) for token in inside if token.text.isdigit())
