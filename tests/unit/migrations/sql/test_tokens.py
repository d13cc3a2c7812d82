import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.migrations.sql.script import (
    Control,
    comments_of,
    control_of,
    split,
)
from app.backend.migrations.sql.tokens import Kind, LexicalError, tokens_of

QUOTED = "id;\"'$$--/*"


def texts(sql: str) -> list[str]:
    return [piece.sql for piece in split(sql)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a;b'",
        "SELECT E'a\\';b'",
        "SELECT 'it''s;'",
        'SELECT "a;""b"',
        "SELECT U&'d\\0061t;'",
        "SELECT $$a;b$$",
        "SELECT $x$ $$;$$ $x$",
        "DO $body$ BEGIN PERFORM 1; END; $body$",
        "SELECT 1 /* a; /* b; */ c; */ + 1",
        "SELECT 1 -- a; b\n + 2",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
        "CREATE OR REPLACE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END;END",
        "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END",
        "SELECT 1 AS größe, $1 || 'ß'",
        "SELECT '{\"a\": 1}'::jsonb #> '{a}' @> '1' <-> 2",
    ],
)
def test_what_stands_inside_of_something_ends_no_statement(sql: str) -> None:
    assert texts(sql) == [sql]
    assert texts(f"{sql};\n;SELECT 1;") == [sql, "SELECT 1"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT 'a", "no end"),
        ('SELECT "a', "no end"),
        ("SELECT $a$ b $$", "no end"),
        ("SELECT 1 /* a", "no end"),
        ("\\connect other", "psql"),
        ("SELECT 1\x00", "no SQL"),
    ],
)
def test_a_text_that_is_no_sql_is_told_where_it_begins_to_be_none(
    sql: str, says: str
) -> None:
    with pytest.raises(LexicalError, match=says) as caught:
        list(tokens_of(sql))
    assert sql[caught.value.start] in "'\"$/\\\x00"


def test_words_are_compared_without_their_case_and_names_in_quotes_are_not() -> None:
    word, quoted = tokens_of('users "Users"')

    assert (word.kind, word.key) == (Kind.WORD, "USERS")
    assert (quoted.kind, quoted.key) == (Kind.QUOTED, "")


def test_an_operator_ends_where_a_comment_begins() -> None:
    kinds = [(one.kind, one.text) for one in tokens_of("1+--2\n3*/*4*/5")]
    assert kinds == [
        (Kind.NUMBER, "1"),
        (Kind.SYMBOL, "+"),
        (Kind.COMMENT, "--2"),
        (Kind.NUMBER, "3"),
        (Kind.SYMBOL, "*"),
        (Kind.COMMENT, "/*4*/"),
        (Kind.NUMBER, "5"),
    ]


def test_each_statement_has_the_line_of_its_first_word() -> None:
    sql = "-- one\n\nSELECT 1; SELECT\n2;\n/* two\n*/ SELECT 3"
    assert [piece.line for piece in split(sql)] == [3, 3, 6]
    assert list(comments_of(sql)) == [(1, "-- one"), (5, "/* two\n*/")]


@pytest.mark.parametrize(
    ("sql", "control"),
    [
        ("BEGIN", Control.BEGIN),
        ("start transaction isolation level serializable", Control.BEGIN),
        ("COMMIT", Control.END),
        ("END TRANSACTION", Control.END),
        ("ROLLBACK", Control.END),
        ("ABORT", Control.END),
        ("ROLLBACK TO SAVEPOINT a", Control.WITHIN),
        ("ROLLBACK WORK TO a", Control.WITHIN),
        ("SAVEPOINT a", Control.WITHIN),
        ("RELEASE a", Control.WITHIN),
        ("COMMIT PREPARED 'a'", None),
        ("SELECT 1", None),
    ],
)
def test_statements_that_only_control_a_transaction_are_known(
    sql: str, control: Control | None
) -> None:
    (piece,) = split(sql)
    assert control_of(piece.tokens) is control


@given(st.lists(st.text(alphabet=QUOTED), min_size=1, max_size=5))
def test_any_string_and_any_quoted_name_survives(contents: list[str]) -> None:
    pieces = []
    for one in contents:
        string = one.replace("'", "''")
        name = one.replace('"', '""') + "x"
        pieces.append(f"SELECT '{string}' AS \"{name}\"")

    assert texts(";\n".join(pieces)) == pieces


@given(st.text(alphabet="ab;'\"$\\-/* \n(),.:=1é", max_size=60))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        tokens = list(tokens_of(text))
    except LexicalError:
        return
    covered = "".join(one.text for one in tokens)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(text[one.start :].startswith(one.text) for one in tokens)
