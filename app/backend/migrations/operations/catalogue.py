"""What the server's catalogue is asked, so that a step is not done twice. Pure.

Each function returns SQL. A ``table`` is qualified and quoted; other names are plain.
"""

from collections.abc import Sequence
from enum import StrEnum

from app.backend.migrations.operations.naming import text_array, text_literal

__all__ = [
    "ConstraintKind",
    "absence",
    "any_index_on",
    "column",
    "constraint",
    "default",
    "enum_value",
    "index",
    "not_null",
    "not_null_constraint",
    "nullable",
    "presence",
    "relation",
    "unless",
]


class ConstraintKind(StrEnum):
    """Kinds of constraints, as Alembic names them."""

    FOREIGN_KEY = "foreignkey"
    CHECK = "check"
    UNIQUE = "unique"
    PRIMARY_KEY = "primary"
    EXCLUDE = "exclude"

    @property
    def letter(self) -> str:
        """As in ``pg_constraint.contype``."""
        return self.value[0] if self is not ConstraintKind.EXCLUDE else "x"


def presence(rows: str, *, valid: str = "true") -> str:
    """Asks for a :class:`Presence`: none of ``rows``, or ``valid`` holds for all.

    Args:
        rows: what comes after FROM.
        valid: a condition; a thing that is there and does not meet it is invalid.
    """
    state = f"CASE WHEN bool_and({valid}) THEN 'valid' ELSE 'invalid' END"
    return f"SELECT CASE WHEN count(*) = 0 THEN 'absent' ELSE {state} END FROM {rows}"  # noqa: S608 - quoted


def absence(rows: str) -> str:
    """Asks for a :class:`Presence` of the state in which there are no such ``rows``."""
    return f"SELECT CASE WHEN count(*) = 0 THEN 'valid' ELSE 'absent' END FROM {rows}"  # noqa: S608 - quoted


def unless(rows: str, ask: str) -> str:
    """As ``ask``, but valid as soon as there are ``rows``."""
    return f"SELECT CASE WHEN EXISTS (SELECT FROM {rows}) THEN 'valid' ELSE ({ask}) END"  # noqa: S608 - quoted


def relation(table: str) -> str:
    """The oid of a table; NULL where there is none."""
    return f"pg_catalog.to_regclass({text_literal(table)})"


def index(
    name: str, table: str, columns: Sequence[str] = (), *, unique: bool = False
) -> str:
    """Rows of an index ``i``; one with another key is none of them.

    So it is not taken for the one that is to be made, whose CREATE then fails.

    Args:
        name: of the index.
        table: whose index it is.
        columns: of its key; none: whatever it has.
        unique: what it must be when columns are given.
    """
    rows = (
        "pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
        f" WHERE i.indrelid = {relation(table)} AND c.relname = {text_literal(name)}"
    )
    if not columns:
        return rows
    key = _names("(i.indkey::int2[])[0:i.indnkeyatts - 1]", "i.indrelid", "k.n")
    is_unique = "i.indisunique" if unique else "NOT i.indisunique"
    return f"{rows} AND {is_unique} AND {key} = {text_array(columns)}"


def any_index_on(table: str, columns: Sequence[str]) -> str:
    """Rows of a valid index ``i`` that begins with these columns, in any order."""
    begin = _names(
        f"(i.indkey::int2[])[0:{len(columns) - 1}]", "i.indrelid", "a.attname"
    )
    return (
        f"pg_catalog.pg_index i WHERE i.indrelid = {relation(table)}"
        " AND i.indisvalid AND i.indpred IS NULL"
        f" AND i.indnkeyatts >= {len(columns)}"
        f" AND {begin} = {text_array(sorted(columns))}"
    )


def constraint(
    name: str,
    table: str,
    kind: ConstraintKind | None = None,
    columns: Sequence[str] = (),
    referent: str | None = None,
) -> str:
    """Rows of a constraint ``c``; one on other columns is none of them."""
    rows = (
        f"pg_catalog.pg_constraint c WHERE c.conrelid = {relation(table)}"
        f" AND c.conname = {text_literal(name)}"
    )
    if kind is not None:
        rows += f" AND c.contype = '{kind.letter}'"
    if columns:
        rows += (
            f" AND {_names('c.conkey', 'c.conrelid', 'k.n')} = {text_array(columns)}"
        )
    if referent is not None:
        rows += f" AND c.confrelid = {relation(referent)}"
    return rows


def column(name: str, table: str, type_: str | None = None) -> str:
    """Rows of a column ``a``; one of another type is none of them."""
    rows = (
        f"pg_catalog.pg_attribute a WHERE a.attrelid = {relation(table)}"
        f" AND a.attname = {text_literal(name)} AND NOT a.attisdropped"
    )
    if type_ is None:
        return rows
    return f"{rows} AND a.atttypid = pg_catalog.to_regtype({text_literal(type_)})"


def default(name: str, table: str) -> str:
    """Rows of a column that has a default."""
    return f"{column(name, table)} AND a.atthasdef"


def not_null(name: str, table: str) -> str:
    """Rows of a column that is NOT NULL."""
    return f"{column(name, table)} AND a.attnotnull"


def nullable(names: Sequence[str], table: str) -> str:
    """Rows of those of some columns ``a`` that allow NULL."""
    return (
        f"pg_catalog.pg_attribute a WHERE a.attrelid = {relation(table)}"
        f" AND a.attname = ANY ({text_array(names)}) AND NOT a.attnotnull"
    )


def not_null_constraint(name: str, table: str) -> str:
    """Rows of a column's NOT NULL as a constraint ``c``, which it is since 18."""
    number = f"(SELECT a.attnum FROM {column(name, table)})"  # noqa: S608 - quoted
    return (
        f"pg_catalog.pg_constraint c WHERE c.conrelid = {relation(table)}"
        f" AND c.contype = 'n' AND c.conkey = ARRAY[{number}]"
    )


def enum_value(value: str, enum: str) -> str:
    """Rows of an enum's value; ``enum`` is qualified and quoted."""
    return (
        "pg_catalog.pg_enum e"
        f" WHERE e.enumtypid = pg_catalog.to_regtype({text_literal(enum)})"
        f" AND e.enumlabel = {text_literal(value)}"
    )


def _names(numbers: str, owner: str, order: str) -> str:
    """The names of columns that the catalogue has as an array of numbers."""
    return (
        f"(SELECT array_agg(a.attname::text ORDER BY {order})"  # noqa: S608 - quoted
        f" FROM unnest({numbers}) WITH ORDINALITY AS k (attnum, n)"
        " JOIN pg_catalog.pg_attribute a"
        f" ON a.attrelid = {owner} AND a.attnum = k.attnum)"
    )
