import re

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.backend.migrations.operations.naming import (
    LONGEST,
    object_name,
    qualified,
    quoted,
    text_array,
    text_literal,
    value,
)

NAMES = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1
)


def unquoted(name: str) -> str:
    if name.startswith('"'):
        assert re.fullmatch(r'"([^"]|"")*"', name)
        return name[1:-1].replace('""', '"')
    assert re.fullmatch(r"[a-z_][a-z0-9_$]*", name)
    return name


@given(NAMES)
def test_a_name_is_itself_again_when_it_is_read(name: str) -> None:
    assert unquoted(quoted(name)) == name


@given(NAMES, NAMES)
def test_a_schema_and_a_name_cannot_be_mistaken_for_each_other(
    schema: str, name: str
) -> None:
    assert qualified(name, schema) == f"{quoted(schema)}.{quoted(name)}"


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))
def test_a_text_is_one_constant(given_text: str) -> None:
    assert re.fullmatch(r"'([^']|'')*'", text_literal(given_text))
    assert text_literal(given_text)[1:-1].replace("''", "'") == given_text
    assert value(given_text) == text_literal(given_text)


def test_nothing_is_doubled_for_a_driver() -> None:
    assert quoted("100%") == '"100%"'
    assert value(text(r"a LIKE '10%' AND b ~ '\d'")) == r"a LIKE '10%' AND b ~ '\d'"
    assert value(r"a\b%") == r"'a\b%'"
    assert text_array(["a", "b'"]) == "ARRAY['a', 'b''']::text[]"


def test_a_name_is_chosen_as_postgresql_chooses_it() -> None:
    assert object_name("purchase", "a_b", "key") == "purchase_a_b_key"
    assert object_name("purchase", None, "pkey") == "purchase_pkey"


@given(NAMES, NAMES)
def test_a_chosen_name_is_never_cut_by_the_server(table: str, column: str) -> None:
    name = object_name(table, column, "not_null")

    assert len(name.encode()) <= LONGEST
    assert name.endswith("_not_null")
