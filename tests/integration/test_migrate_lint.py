"""The linter's claims beside a real server, and its command as it is run."""

import json
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from app.backend.migrations.analysis.known import Known
from app.backend.migrations.analysis.reading import Notes, read
from app.backend.migrations.sql.tokens import tokens_of
from app.backend.migrations.statements import Lock, Statement
from tests.support.service import pm33

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE users (id int NOT NULL UNIQUE, name varchar(30), at timestamp, n int,
    total numeric(10, 2), mood mood);
INSERT INTO users (id, n) SELECT i, i FROM generate_series(1, 5) AS i;
CREATE INDEX by_name ON users (name);
CREATE UNIQUE INDEX by_n ON users (n);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE orders (id int, user_id int, price numeric(10, 2));
ALTER TABLE orders ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
CREATE TABLE parted (at int) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (2);
CREATE TABLE loose (at int);
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM orders;
"""
STATEMENTS = (
    "ALTER TABLE users ADD COLUMN x text",
    "ALTER TABLE users ADD COLUMN x int NOT NULL DEFAULT 5",
    "ALTER TABLE users ADD COLUMN x timestamptz DEFAULT now()",
    "ALTER TABLE users ADD COLUMN x uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE users ADD COLUMN x serial",
    "ALTER TABLE users ADD COLUMN x int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE users ADD COLUMN x int GENERATED ALWAYS AS (n * 2) STORED",
    "ALTER TABLE users ADD COLUMN x text UNIQUE",
    "ALTER TABLE users ADD COLUMN x int CHECK (x > 0)",
    "ALTER TABLE orders ADD COLUMN x int REFERENCES users (id)",
    "ALTER TABLE users DROP COLUMN name",
    "ALTER TABLE users RENAME COLUMN name TO x",
    "ALTER TABLE users ALTER COLUMN n TYPE bigint",
    "ALTER TABLE users ALTER COLUMN name TYPE varchar(10)",
    "ALTER TABLE users ALTER COLUMN name TYPE text",
    "ALTER TABLE users ALTER COLUMN total TYPE numeric(12, 4)",
    "ALTER TABLE users ALTER COLUMN n SET NOT NULL",
    "ALTER TABLE users ALTER COLUMN id DROP NOT NULL",
    "ALTER TABLE users ALTER COLUMN n SET DEFAULT 5",
    "ALTER TABLE users ALTER COLUMN n SET STATISTICS 500",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0)",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
    "ALTER TABLE orders VALIDATE CONSTRAINT later",
    "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id)",
    "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
    "ALTER TABLE orders DROP CONSTRAINT later",
    "ALTER TABLE users ADD CONSTRAINT u UNIQUE (n, name)",
    "ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX by_n",
    "ALTER TABLE users ADD PRIMARY KEY (id)",
    "ALTER TABLE users ADD CONSTRAINT e EXCLUDE (id WITH =)",
    "CREATE INDEX i ON users (name)",
    "CREATE TRIGGER u BEFORE UPDATE ON users EXECUTE FUNCTION f()",
    "ALTER TABLE users DISABLE TRIGGER t",
    "DROP TRIGGER t ON users",
    "TRUNCATE orders",
    "ALTER TABLE users SET UNLOGGED",
    "ALTER TABLE users SET (fillfactor = 80)",
    "CLUSTER users USING by_name",
    "REFRESH MATERIALIZED VIEW totals",
    "ALTER TABLE parted ATTACH PARTITION loose FOR VALUES FROM (5) TO (6)",
    "ALTER TABLE parted DETACH PARTITION part",
    "CREATE TABLE made PARTITION OF parted FOR VALUES FROM (7) TO (8)",
    "CREATE TABLE made (id int REFERENCES users (id))",
    "ALTER TYPE mood ADD VALUE 'glad'",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON users USING (true)",
    "ALTER TABLE users REPLICA IDENTITY FULL",
    "CREATE VIEW v AS SELECT n FROM users",
    "LOCK TABLE users IN SHARE MODE",
    "UPDATE users SET n = -n",
    "DELETE FROM orders",
    "INSERT INTO orders (id) VALUES (1)",
    "ALTER TABLE users RENAME CONSTRAINT users_id_key TO k",
)
REWRITES = {
    "add-column-volatile-default",
    "add-column-serial",
    "add-column-generated",
    "change-type",
    "rewrite-table",
    "truncate",
    "refresh-materialized-view",
}

# Of tables that were there before; weaker ones than a writer's tell nothing.
_LOCKS = """
SELECT relation::regclass::text, replace(mode, 'Lock', '') FROM pg_locks
WHERE pid = pg_backend_pid() AND granted AND relation = ANY ($1)
"""
_TABLES = """
SELECT oid, oid::regclass::text, relfilenode FROM pg_class
WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace
"""
MODES: Mapping[str, Lock] = {
    "".join(word.capitalize() for word in lock.split()): lock for lock in Lock
}


def read_one(sql: str) -> Notes:
    statement = Statement(sql=sql, revision="", file="", line=1, transaction=1)
    return read(statement, tuple(tokens_of(sql)), Known())


def strong(locks: Mapping[str, Lock]) -> dict[str, Lock]:
    least = Lock.ROW_EXCLUSIVE.strength
    return {name: lock for name, lock in locks.items() if lock.strength >= least}


async def seen(
    connection: "asyncpg.Connection[asyncpg.Record]", sql: str
) -> tuple[dict[str, Lock], bool]:
    """The strongest lock of each table, and whether any was written again."""
    tables = await connection.fetch(_TABLES)
    locks: dict[str, Lock] = {}
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(sql)
        for table, mode in await connection.fetch(_LOCKS, [row[0] for row in tables]):
            before = locks.get(table, Lock.NONE)
            locks[table] = max(before, MODES[mode], key=lambda one: one.strength)
        after = {row[0]: row[2] for row in await connection.fetch(_TABLES)}
    finally:
        await transaction.rollback()
    return locks, any(after.get(row[0], row[2]) != row[2] for row in tables)


async def test_locks_and_rewrites_are_those_of_a_server(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, timeout=30, command_timeout=30)
    try:
        await connection.execute(SCHEMA)
        real = {sql: await seen(connection, sql) for sql in STATEMENTS}
    finally:
        await connection.close(timeout=30)
    read_of = {sql: read_one(sql) for sql in STATEMENTS}

    told = {sql: strong(notes.locks) for sql, notes in read_of.items()}
    assert told == {sql: strong(locks) for sql, (locks, _) in real.items()}
    rewrites = {
        sql
        for sql, notes in read_of.items()
        if REWRITES & {fault.rule for fault in notes.faults}
    }
    assert rewrites == {sql for sql, (_, rewritten) in real.items() if rewritten}


@pytest.mark.parametrize(
    ("content", "code", "keys"),
    [
        ("CREATE INDEX i ON t (a);", 1, ["file", "line", "rule", "severity"]),
        ("\\d", 2, ["error", "detail", "remedy", "exit_code"]),
    ],
)
async def test_the_command_answers_in_json_with_its_exit_code(
    tmp_path: Path, content: str, code: int, keys: list[str]
) -> None:
    path = tmp_path / "some.sql"
    path.write_text(content)

    finished = await pm33("migrate", "lint", "--sql", str(path), "--json")

    answer = json.loads(finished.out)
    body = answer[0] if code == 1 else answer
    assert (finished.code, list(body)[:4]) == (code, keys)
