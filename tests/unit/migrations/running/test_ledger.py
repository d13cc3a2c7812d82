import pytest

from app.backend.migrations.running.history import Committed, digest_of
from app.backend.migrations.running.ledger import Ledger
from app.errors import MigrationError


def ledger(*statements: str) -> Ledger:
    return Ledger("9001", [Committed(digest_of(one), one) for one in statements])


def test_what_is_done_is_not_done_again_and_what_comes_after_is() -> None:
    done = ledger("alter table a add b int", "create index c on a (b)")
    assert done.holds("alter table a\n  add b int")
    assert done.holds("create index c on a (b)")
    assert not done.holds("alter table a add d int")
    assert not done.holds("alter table a add b int")


def test_a_statement_that_is_there_twice_counts_twice() -> None:
    done = ledger("insert into a values (1)", "insert into a values (1)")
    assert [done.holds("insert into a values (1)") for _ in range(3)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "made",
    ["CREATE TYPE mood AS ENUM ('ok')", "create table if not exists a (b int)"],
)
def test_what_looks_by_itself_whether_it_is_there_may_be_missing(made: str) -> None:
    done = ledger(made, "alter table a add b int")
    assert done.holds("alter table a add b int")
    assert not ledger(made).holds("alter table a add c int")


def test_a_revision_that_goes_on_otherwise_is_refused() -> None:
    with pytest.raises(MigrationError, match="half applied") as caught:
        ledger("alter table a add b int").holds("alter table a add c int")
    assert "9001" in str(caught.value)
    assert caught.value.remedy
