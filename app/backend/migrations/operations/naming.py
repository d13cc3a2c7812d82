"""Names and values as SQL: quoted, qualified, and derived as PostgreSQL does."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Constraint, Index, literal
from sqlalchemy.dialects.postgresql.base import PGDialect, PGIdentifierPreparer
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

__all__ = [
    "condition",
    "ddl",
    "final_name",
    "object_name",
    "qualified",
    "quoted",
    "text_array",
    "text_literal",
    "type_name",
    "value",
]

LONGEST: Final = 63
"""Bytes of an identifier (NAMEDATALEN - 1); longer ones are cut by the server."""


class _Preparer(PGIdentifierPreparer):
    """Knows the key words that no column can be named after, and SQLAlchemy forgets."""

    reserved_words = PGIdentifierPreparer.reserved_words | {
        *("collation", "concurrently", "lateral", "tablesample"),
        "system_user",  # since 16
    }


class _Rendering(PGDialect):
    """Renders what a connection can run as it is: no placeholder, no doubled sign.

    Percent signs are doubled for drivers that format, and backslashes for servers
    without standard_conforming_strings; ours is neither.
    """

    supports_statement_cache = True
    preparer = _Preparer
    _backslash_escapes = False

    def __init__(self) -> None:
        super().__init__(paramstyle="named")  # type: ignore[no-untyped-call]


_DIALECT: Final = _Rendering()
_PREPARER: Final = _DIALECT.identifier_preparer


def quoted(name: str) -> str:
    """An identifier, in quotes where it needs them."""
    return _PREPARER.quote(name)


def qualified(name: str, schema: str | None = None) -> str:
    """An identifier with its schema, where there is one."""
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def text_literal(text: str) -> str:
    """A text constant."""
    return "'" + text.replace("'", "''") + "'"


def text_array(texts: Sequence[str]) -> str:
    """An array of text constants."""
    return f"ARRAY[{', '.join(map(text_literal, texts))}]::text[]"


def value(given: Any) -> str:
    """A value as an expression: an SQLAlchemy one as it is, another as a constant.

    So ``"now()"`` is a text, and ``sa.text("now()")`` is the time.
    """
    clause = given if isinstance(given, ClauseElement) else literal(given)
    inline = {"literal_binds": True, "include_table": False}
    return str(clause.compile(dialect=_DIALECT, compile_kwargs=inline)).strip()


def condition(given: str | ClauseElement) -> str:
    """A condition; a text is SQL."""
    return given if isinstance(given, str) else value(given)


def ddl(element: ExecutableDDLElement) -> str:
    """A statement as SQLAlchemy writes it."""
    return str(element.compile(dialect=_DIALECT)).strip()


def type_name(type_: TypeEngine[Any]) -> str:
    """A column's type, as it stands behind its name."""
    return str(_DIALECT.type_compiler_instance.process(type_))


def final_name(named: Constraint | Index) -> str | None:
    """The name after the naming convention; None: there is neither one nor the other.

    Raises:
        sqlalchemy.exc.IdentifierError: it is longer than the server keeps.
    """
    if named.name is None:
        return None
    return _PREPARER.format_constraint(named, _alembic_quote=False)


def object_name(table: str, column: str | None, label: str) -> str:
    """The name that PostgreSQL chooses for an unnamed thing, as in ``t_c_key``.

    Too long a name loses letters of its longer part (makeObjectName in
    src/backend/commands/indexcmds.c, in which columns are joined beforehand).
    """
    one, two = table.encode(), (column or "").encode()
    room = LONGEST - len(f"_{label}".encode()) - (1 if two else 0)
    while len(one) + len(two) > room:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    parts = [part.decode(errors="ignore") for part in (one, two) if part]
    return "_".join([*parts, label])
