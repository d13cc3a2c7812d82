from typing import Any

import pytest

from app.backend.migrations.running.leftover import Leftover, finish_leftover
from app.errors import MigrationError

BUILD = 'create index concurrently "A b" on s.t (c)'


class Catalogue:
    """Answers with what it was given, and remembers what it was asked."""

    def __init__(self, *rows: tuple[bool, bool, str], state: str | None = None) -> None:
        self.rows = list(rows)
        self.state = state
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, sql: str, *values: Any) -> list[Any]:
        self.asked.append((sql, *values))
        if self.state is not None:
            raise StatementError(self.state)
        return self.rows


class StatementError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize("begun", [True, False])
def test_an_index_that_is_not_there_has_to_be_built(*, begun: bool) -> None:
    catalogue = Catalogue()
    assert finish_leftover(BUILD, catalogue, begun=begun) == Leftover()
    assert catalogue.asked[0][1:] == ("s.t", "A b")


def test_a_valid_index_is_ours_only_if_we_had_begun_it() -> None:
    catalogue = Catalogue((True, False, 's."A b"'))
    assert finish_leftover(BUILD, catalogue, begun=True).done
    assert not finish_leftover(BUILD, catalogue, begun=False).done


def test_an_invalid_index_has_to_go_first() -> None:
    found = finish_leftover(BUILD, Catalogue((False, False, 's."A b"')), begun=False)
    assert not found.done
    assert found.clean is not None
    assert found.clean.sql == 'DROP INDEX CONCURRENTLY IF EXISTS s."A b"'
    assert not found.clean.lock.blocks_writes


def test_an_index_that_somebody_else_builds_is_left_alone() -> None:
    with pytest.raises(MigrationError, match="somebody else"):
        finish_leftover(BUILD, Catalogue((False, True, "s.a")), begun=False)


@pytest.mark.parametrize(
    ("state", "done"),
    [(None, True), ("42710", True), ("42704", True), ("55P03", False)],
)
def test_a_statement_whose_end_nobody_has_heard_is_sent_again(
    state: str | None, *, done: bool
) -> None:
    catalogue = Catalogue(state=state)
    statement = "alter type mood add value 'soso'"
    assert finish_leftover(statement, catalogue, begun=True).done is done
    assert catalogue.asked == [(statement,)]


def test_other_statements_are_nobodys_business() -> None:
    catalogue = Catalogue()
    assert finish_leftover("vacuum t", catalogue, begun=False) == Leftover()
    assert catalogue.asked == []
