import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.backend.migrations.running.remedies import LACKS_RIGHTS, way_out


def failed(statement: str, cause: Exception) -> DBAPIError:
    return IntegrityError(statement, None, cause)


@pytest.mark.parametrize(
    ("statement", "query"),
    [
        (
            "CREATE UNIQUE INDEX CONCURRENTLY once ON shop (a, b)",
            "SELECT a, b, count(*) FROM shop GROUP BY a, b HAVING count(*) > 1",
        ),
        (
            'CREATE UNIQUE INDEX once ON sales."Order" (a)',
            'SELECT a, count(*) FROM sales."Order" GROUP BY a HAVING count(*) > 1',
        ),
        ("CREATE UNIQUE INDEX once ON shop (lower(a))", ""),
        ("CREATE UNIQUE INDEX once ON shop (a) WHERE b > 0", ""),
        ("INSERT INTO shop VALUES (1)", ""),
    ],
)
def test_rows_that_are_there_twice_are_found_by_a_query(
    statement: str, query: str
) -> None:
    found = way_out(failed(statement, asyncpg.UniqueViolationError("no")))

    assert found.startswith("correct the rows that are there twice")
    assert found.removeprefix("correct the rows that are there twice") == (
        f" ({query})" if query else ""
    )


def test_a_role_that_may_not_is_told_which_one_may() -> None:
    refused = asyncpg.InsufficientPrivilegeError("must be owner of table shop")
    assert way_out(failed("ALTER TABLE shop", refused)) == LACKS_RIGHTS
    assert way_out(refused) == LACKS_RIGHTS


def test_of_an_error_of_the_revision_nothing_is_known() -> None:
    assert way_out(ValueError("no")) == ""
    assert way_out(failed("x", asyncpg.UndefinedTableError("no"))) == ""
