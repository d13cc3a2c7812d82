import pytest

from app.backend.migrations.running.lock_needed import (
    built_index,
    lock_needed,
    reads_only,
    returns_rows,
)
from app.backend.migrations.statements import Lock


@pytest.mark.parametrize(
    ("sql", "lock"),
    [
        ("select 1", Lock.ACCESS_SHARE),
        ("with a as (select 1) select * from a", Lock.ACCESS_SHARE),
        ("select count(*) from t", Lock.ACCESS_SHARE),
        ("select move_everything(1)", Lock.ACCESS_EXCLUSIVE),
        ('select * from "s".move_everything (1)', Lock.ACCESS_EXCLUSIVE),
        ("lock table t", Lock.ACCESS_EXCLUSIVE),
        ("LOCK t IN  SHARE ROW EXCLUSIVE MODE nowait", Lock.SHARE_ROW_EXCLUSIVE),
        ("lock t, u in access share mode", Lock.ACCESS_SHARE),
        ("with a as (delete from t returning *) select * from a", Lock.ROW_EXCLUSIVE),
        ("-- why\n/* and */ update t set a = 1", Lock.ROW_EXCLUSIVE),
        ("INSERT INTO t VALUES (1)", Lock.ROW_EXCLUSIVE),
        (
            "CREATE UNIQUE INDEX  CONCURRENTLY a ON t (b)",
            Lock.SHARE_UPDATE_EXCLUSIVE,
        ),
        ("drop index concurrently if exists a", Lock.SHARE_UPDATE_EXCLUSIVE),
        ("reindex (verbose) table concurrently t", Lock.SHARE_UPDATE_EXCLUSIVE),
        ("reindex table t", Lock.ACCESS_EXCLUSIVE),
        ("create index a on t (b)", Lock.SHARE),
        (
            'alter table only "My t".t validate constraint "c d"',
            Lock.SHARE_UPDATE_EXCLUSIVE,
        ),
        (
            "alter table t validate constraint c, add column d text",
            Lock.ACCESS_EXCLUSIVE,
        ),
        ("alter table t add column c text", Lock.ACCESS_EXCLUSIVE),
        ("CREATE TABLE t (a int)", Lock.NONE),
        ("CREATE TABLE t (a int REFERENCES hot (id))", Lock.ACCESS_EXCLUSIVE),
        ("create table p partition of t default", Lock.ACCESS_EXCLUSIVE),
        ("create type mood as enum ('ok')", Lock.NONE),
        ("alter type mood add value 'soso'", Lock.NONE),
        ("alter type mood rename value 'a' to 'b'", Lock.ACCESS_EXCLUSIVE),
        ("do $$ begin drop table t; end $$", Lock.ACCESS_EXCLUSIVE),
        ("truncate t", Lock.ACCESS_EXCLUSIVE),
        ("what is this", Lock.ACCESS_EXCLUSIVE),
    ],
)
def test_a_lock_is_told_from_the_words_or_taken_to_be_the_worst(
    sql: str, lock: Lock
) -> None:
    assert lock_needed(sql) is lock


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("  SELECT 1", True),
        ("set search_path to a", True),
        ("lock table t", True),
        ("values (1)", True),
        ("selection", False),
        ("insert into t select 1", False),
        ("", False),
    ],
)
def test_what_leaves_nothing_behind_is_told(sql: str, *, reads: bool) -> None:
    assert reads_only(sql) is reads


def test_rows_that_are_waited_for_are_seen() -> None:
    assert returns_rows("insert into t values (1) returning id")
    assert not returns_rows("insert into t values (1)")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("create index concurrently a on t (b)", ("a", "t")),
        (
            'CREATE INDEX CONCURRENTLY IF NOT EXISTS "A ""b" ON ONLY "S"."T" (b)',
            ('"A ""b"', '"S"."T"'),
        ),
        ("create index a on t (b)", None),
        ("create index concurrently on t (b)", None),
    ],
)
def test_the_index_that_is_built_is_found(
    sql: str, found: tuple[str, str] | None
) -> None:
    assert built_index(sql) == found
