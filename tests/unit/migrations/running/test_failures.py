import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.running.failures import is_lost, told, words_of


def with_detail(
    error: asyncpg.PostgresError, detail: str, hint: str = ""
) -> asyncpg.PostgresError:
    error.detail, error.hint = detail, hint
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            asyncpg.InvalidTextRepresentationError(
                'invalid input syntax for type integer: "Ann "the" Onymous"'
            ),
            "invalid input syntax for type integer: …",
        ),
        (
            asyncpg.InvalidTextRepresentationError(
                "syntaxe en entrée invalide pour le type integer : « Ann »"
            ),
            "syntaxe en entrée invalide pour le type integer : …",
        ),
        (
            asyncpg.NumericValueOutOfRangeError("value 4711 is out of range"),
            "value …",
        ),
        (
            with_detail(
                asyncpg.InvalidTextRepresentationError("invalid input syntax for json"),
                'Token "Ann" is invalid.',
                "Ask Ann.",
            ),
            "invalid input syntax for json",
        ),
        (
            with_detail(
                asyncpg.UniqueViolationError(
                    'duplicate key value violates unique constraint "t_name"'
                ),
                "Key (name)=(Ann Onymous) already exists.",
            ),
            'duplicate key value violates unique constraint "t_name"',
        ),
        (
            with_detail(
                asyncpg.WithCheckOptionViolationError('new row violates "v"'),
                "Failing row contains (Ann).",
            ),
            'new row violates "v"',
        ),
        (asyncpg.DivisionByZeroError("division by zero"), "division by zero"),
        (
            asyncpg.PostgresSyntaxError("""syntax error at or near "'Ann'\""""),
            'syntax error at or near "…"',
        ),
        (
            asyncpg.PostgresSyntaxError('syntax error at or near "selct"'),
            'syntax error at or near "selct"',
        ),
        (
            with_detail(
                asyncpg.DependentObjectsStillExistError("cannot drop column a"),
                "view v depends on column a",
            ),
            "cannot drop column a\nDETAIL:  view v depends on column a",
        ),
        (
            asyncpg.DataError("invalid input for query argument $1: 'Ann' (a str)"),
            "invalid input for query argument $…",
        ),
        (ValueError('no "such" thing in 4 tries'), 'no "such" thing in 4 tries'),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_rows_hold_is_left_out_of_an_errors_words(
    error: Exception, words: str
) -> None:
    assert words_of(error) == words
    wrapped = DBAPIError("call t('Ann')", None, error)
    assert words_of(wrapped) == words
    assert told(wrapped).endswith(f"{words}: call t('…')")
    assert told(error) == f"{type(error).__name__}: {words}"


def test_a_connection_that_ended_is_told_from_a_statement_that_failed() -> None:
    lost = DBAPIError("x", None, asyncpg.AdminShutdownError("ended"))
    assert is_lost(lost)
    assert is_lost(ConnectionResetError())
    assert not is_lost(DBAPIError("x", None, asyncpg.DivisionByZeroError("x")))
    assert not is_lost(ValueError())
