"""Which values of a column another type cannot hold, as a condition in SQL. Pure.

A value fits when a cast there and back gives it again; the conditions never cast what
would make the question itself fail.
"""

from collections.abc import Sequence
from typing import Final

from app.backend.migrations.back.schema import Column
from app.backend.migrations.operations.naming import text_literal
from app.backend.migrations.sql.tokens import LexicalError
from app.backend.migrations.sql.types import TypeName, parse_type

__all__ = ["misfit"]

_RANGES: Final = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
_TEXTS: Final = frozenset({"text", "character varying", "character", "citext", "name"})
_TIMES: Final = frozenset({"timestamp", "timestamp with time zone"})
_BROKEN: Final = frozenset({"numeric", "real", "double precision"})
_EXACT: Final = {"real": 2**24, "double precision": 2**53}
_UUID: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_VALIDATES: Final = 160000
"""PostgreSQL's version that has pg_input_is_valid()."""


def misfit(
    column: Column, new: str, labels: Sequence[str] | None, version: int
) -> str | None:
    """The condition of the values that the new type cannot hold; None: there are none.

    Args:
        column: with its present type.
        new: the type, as it is written.
        labels: the values of an enum; None: it is none.
        version: ``server_version_num``.
    """
    if labels is not None:
        known = ", ".join(map(text_literal, labels)) or "NULL"
        return f"{column.sql} IS NOT NULL AND {column.sql}::text NOT IN ({known})"
    try:
        before, after = parse_type(column.type), parse_type(new)
    except LexicalError:
        return _cannot_tell(column.sql, new, version)
    if before == after:
        return None
    found = _misfit(column.sql, before, after)
    if found is None:
        found = _cannot_tell(column.sql, new, version)
    return f"{column.sql} IS NOT NULL AND ({found})" if found else None


def _misfit(c: str, before: TypeName, after: TypeName) -> str | None:
    """Empty: everything fits; None: it cannot be told."""
    if before.array or after.array:
        return None
    if after.base in _TEXTS:
        return _as_text(c, before, after)
    if after.base in _RANGES:
        return _as_integer(c, before, after)
    if after.base == "numeric":
        return _as_numeric(c, before, after)
    if after.base in _EXACT:
        return _as_float(c, before, after)
    return _as_other(c, before, after)


def _as_text(c: str, before: TypeName, after: TypeName) -> str | None:
    size = after.sizes[0] if after.sizes else 1 if after.base == "character" else None
    if size is None:
        return ""
    if before.base in _TEXTS and before.sizes and before.sizes[0] <= size:
        return ""
    return f"char_length({c}::text) > {size}"


def _as_integer(c: str, before: TypeName, after: TypeName) -> str | None:
    low, high = _RANGES[after.base]
    if before.base in _RANGES:
        fits = _RANGES[before.base][1] <= high
        return "" if fits else f"{c} NOT BETWEEN {low} AND {high}"
    if before.base in _BROKEN:
        value = f"{c}::numeric"
        return f"{value} NOT BETWEEN {low} AND {high} OR {value} <> trunc({value})"
    if before.base in _TEXTS:
        number = f"{c}::text ~ '^(0|-?[1-9][0-9]{{0,18}})$'"
        outside = f"{c}::text::numeric NOT BETWEEN {low} AND {high}"
        return f"CASE WHEN {number} THEN {outside} ELSE true END"
    return "" if before.base == "boolean" else None


def _as_numeric(c: str, before: TypeName, after: TypeName) -> str | None:
    if before.base not in {*_RANGES, *_BROKEN}:
        return None
    if not after.sizes:
        return ""
    precision, scale = (*after.sizes, 0)[:2]
    value = f"{c}::numeric"
    large = f"abs({value}) >= 1e{precision - scale}::numeric"
    return f"{large} OR {value} <> round({value}, {scale})"


def _as_float(c: str, before: TypeName, after: TypeName) -> str | None:
    if (before.base, after.base) == ("real", "double precision"):
        return ""
    if before.base in _RANGES:
        return f"abs({c}::numeric) > {_EXACT[after.base]}"
    if (before.base, after.base) == ("double precision", "real"):
        large = f"abs({c}) > 3.4028234e38"
        small = f"{c} <> 0 AND abs({c}) < 1.2e-38"
        kept = f"{c}::real::double precision"
        return f"CASE WHEN {large} OR ({small}) THEN true ELSE {kept} <> {c} END"
    return None


def _as_other(c: str, before: TypeName, after: TypeName) -> str | None:
    if {before.base, after.base} in ({"json", "jsonb"}, _TIMES):
        return ""
    if {before.base, after.base} <= {"date", *_TIMES}:
        whole = f"{c} <> {c}::date::{before.base}"
        return whole if after.base == "date" else ""
    if after.base == "uuid" and before.base in _TEXTS:
        return f"{c}::text !~ '{_UUID}'"
    if after.base == "boolean" and before.base in _RANGES:
        return f"{c} NOT IN (0, 1)"
    if after.base == "boolean" and before.base in _TEXTS:
        return f"{c}::text NOT IN ('true', 'false')"
    return None


def _cannot_tell(c: str, new: str, version: int) -> str:
    """Where nobody knows, the server says so from 16 on; before, every value counts."""
    if version >= _VALIDATES:
        return f"NOT pg_input_is_valid({c}::text, {text_literal(new)})"
    return f"{c} IS NOT NULL"
