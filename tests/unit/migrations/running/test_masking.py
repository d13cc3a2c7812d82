import pytest

from app.backend.migrations.running.masking import masked


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (
            "insert into t values (1, 'Ann', E'o\\'n')",
            "insert into t values (1, '…', '…')",
        ),
        ("update t set a = $tag$Ann$tag$", "update t set a = '…'"),
        ("create role r password 'hunter2'", "create role r password '…'"),
        (
            "/* it's */ delete from t where a = 'b'",
            "/* it's */ delete from t where a = '…'",
        ),
        (
            "do $$ begin insert into t values ('Ann'); end $$",
            "do $$ begin insert into t values ('…'); end $$",
        ),
        (
            "create table t as select 'Ann' as name",
            "create table t as select '…' as name",
        ),
        (
            "alter table t alter a set default 'x'",
            "alter table t alter a set default 'x'",
        ),
        ("create type m as enum ('ok')", "create type m as enum ('ok')"),
        ("alter type m add value 'soso'", "alter type m add value 'soso'"),
        ("insert into t values ('Ann", "insert …"),
    ],
)
def test_texts_are_hidden_unless_they_are_the_schemas(sql: str, shown: str) -> None:
    assert masked(sql) == shown
