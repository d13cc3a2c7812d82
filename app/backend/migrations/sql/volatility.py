"""Whether a default is one value for all rows, or another one for each. Pure.

Since PostgreSQL 11, only the latter rewrites a table when a column is added.
"""

from collections.abc import Sequence
from typing import Final

from app.backend.migrations.sql.cursor import name_of
from app.backend.migrations.sql.tokens import Kind, Token

__all__ = ["is_volatile"]

# What stands before a parenthesis and is no function.
_SYNTAX: Final = (
    "CAST COALESCE NULLIF GREATEST LEAST ROW ARRAY EXTRACT IN ANY ALL AND OR NOT CASE"
    " WHEN THEN ELSE CURRENT_TIMESTAMP CURRENT_TIME LOCALTIMESTAMP LOCALTIME INTERVAL"
    " TIMESTAMP TIME NUMERIC DECIMAL VARCHAR CHAR CHARACTER VARYING BIT FLOAT OVERLAY"
    " POSITION SUBSTRING TRIM"
)
# pg_proc.provolatile is i or s; the ones that somebody would take for a default.
_STABLE: Final = (
    "now transaction_timestamp statement_timestamp current_setting current_schema"
    " current_database date_trunc date_part age make_date make_time make_timestamp"
    " make_timestamptz make_interval justify_days justify_hours timezone to_char"
    " to_date to_timestamp to_number lower upper initcap concat concat_ws format"
    " length char_length btrim ltrim rtrim lpad rpad left right repeat replace"
    " reverse md5 sha224 sha256 sha384 sha512 encode decode chr ascii substr"
    " split_part translate quote_ident quote_literal abs ceil ceiling floor round"
    " trunc sign sqrt power exp ln log mod div pi array_fill array_append array_cat"
    " string_to_array array_to_string cardinality jsonb_build_object"
    " jsonb_build_array json_build_object json_build_array to_json to_jsonb"
    " row_to_json hstore int4range int8range numrange tsrange tstzrange daterange"
    " point box circle inet host text numeric date int4 int8 float8 bool"
    " to_tsvector uuid_nil uuid_ns_dns uuid_generate_v3 uuid_generate_v5"
    " txid_current pg_current_xact_id pg_my_temp_schema inet_client_addr"
)
_NO_FUNCTIONS: Final = frozenset(_SYNTAX.split())
_KNOWN: Final = frozenset(_STABLE.split())


def is_volatile(expression: Sequence[Token]) -> bool:
    """Whether an expression may have another value for each row.

    A function that is not known to be stable is taken for volatile, as it is by
    PostgreSQL when nobody has declared it.
    """
    for place, token in enumerate(expression[:-1]):
        if expression[place + 1].key != "(":
            continue
        if token.kind not in (Kind.WORD, Kind.QUOTED) or token.key in _NO_FUNCTIONS:
            continue
        before = expression[place - 1].key if place else ""
        if before in ("::", "AS"):  # a type with a size
            continue
        schema = name_of(expression[place - 2]) if before == "." and place > 1 else ""
        if schema not in ("", "pg_catalog", "public"):
            return True
        if name_of(token) not in _KNOWN:
            return True
    return False
