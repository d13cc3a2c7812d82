"""What may be shown and kept of a statement: its words, not the values in it. Pure.

Rows of the history, lines of a terminal and errors are read by more people than the
tables are. A data revision names customers, CREATE ROLE a password.
"""

import re
from typing import Final

from app.backend.migrations.sql.tokens import Kind, LexicalError, tokens_of

__all__ = ["masked"]

_HIDDEN: Final = "'…'"
# Their literals are the schema's: defaults, checks, labels.
_SHAPES: Final = re.compile(
    r"\s*(?:(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+|UNIQUE\s+|TEMP\s+|TEMPORARY\s+"
    r"|UNLOGGED\s+)*(?:TABLE|INDEX|TYPE|SEQUENCE|SCHEMA|DOMAIN|EXTENSION|VIEW"
    r"|MATERIALIZED\s+VIEW|TRIGGER|POLICY)|COMMENT\s+ON|REINDEX|VALIDATE)\b",
    re.IGNORECASE,
)
_COPIES: Final = re.compile(r"\bAS\s+(?:SELECT|VALUES|WITH|TABLE|\()", re.IGNORECASE)
_CODE: Final = re.compile(
    r"\s*(?:DO|CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE))\b", re.IGNORECASE
)
_BODY: Final = re.compile(r"(\$[^$]*\$)(.*)(\$[^$]*\$)", re.DOTALL)


def masked(sql: str) -> str:
    """The statement with ``'…'`` for each text in it, unless it shapes the schema.

    What is no SQL shows its first word only.
    """
    if _SHAPES.match(sql) and not _COPIES.search(sql):
        return sql
    try:
        return _without_texts(sql, code=bool(_CODE.match(sql)))
    except LexicalError:
        return f"{' '.join(sql.split()[:1])} …"


def _without_texts(sql: str, *, code: bool = False) -> str:
    pieces, place = [], 0
    for token in tokens_of(sql):
        if token.kind is not Kind.STRING:
            continue
        body = _BODY.fullmatch(token.text) if code else None
        shown = f"{body[1]}{_without_texts(body[2])}{body[3]}" if body else _HIDDEN
        pieces += [sql[place : token.start], shown]
        place = token.start + len(token.text)
    return "".join((*pieces, sql[place:]))
