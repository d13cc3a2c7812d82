"""What a statement says, and what those beside it make of it."""

from pathlib import Path

import pytest

from tests.support.linted import lint_sql, rules, serious


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("id = 5", []),
        ("u.id IN (1, 2, 3)", []),
        ("id = ANY ('{1,2}')", []),
        ("id = :id", []),
        ("id > 5 AND id <= 10", []),
        ("active IS NULL AND id BETWEEN 1 AND 2", []),
        ("(id = 1 AND a) OR id = 2", []),
        ("ctid = '(0,1)'", []),
        ("CURRENT OF c", []),
        ("id = 1 OR active IS NULL", ["update-all-rows"]),
        ("active IS NULL", ["update-all-rows"]),
        ("true", ["update-all-rows"]),
        ("active = true", ["update-many-rows"]),
        ("state = 'new'", ["update-many-rows"]),
        ("created_at < now()", ["update-many-rows"]),
        ("id > 5", ["update-many-rows"]),
        ("id IN (SELECT id FROM others WHERE others.id = 5)", ["update-many-rows"]),
    ],
)
def test_a_condition_says_how_many_rows_it_may_mean(
    tmp_path: Path, condition: str, found: list[str]
) -> None:
    sql = f"UPDATE users u SET active = true WHERE {condition}"  # noqa: S608 - only read
    assert serious(lint_sql(tmp_path, sql)) == found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("ALTER TABLE t ALTER a TYPE timestamptz", ["change-type-time-zone"]),
        ("SET timezone TO 'UTC'; ALTER TABLE t ALTER a TYPE timestamptz", []),
        ("SET LOCAL TIME ZONE 'UTC'; ALTER TABLE t ALTER a TYPE timestamptz", []),
        (
            "SET TIME ZONE 'CET'; ALTER TABLE t ALTER a TYPE timestamptz",
            ["change-type-time-zone"],
        ),
    ],
)
def test_a_time_gets_a_zone_for_nothing_where_the_session_is_at_utc(
    tmp_path: Path, sql: str, found: list[str]
) -> None:
    assert serious(lint_sql(tmp_path, sql)) == found


def test_locks_of_a_transaction_are_told_once(tmp_path: Path) -> None:
    tables = [f"ALTER TABLE t{place} ADD COLUMN a int;" for place in range(5)]
    found = lint_sql(tmp_path, f"BEGIN; {' '.join(tables)} COMMIT;")
    assert rules(found) == ["two-tables-in-one-transaction"]


def test_writing_before_the_change_is_no_better_than_after_it(tmp_path: Path) -> None:
    sql = "BEGIN; UPDATE t SET a = 1; ALTER TABLE t ADD COLUMN b int; COMMIT;"
    assert "backfill-with-ddl" in rules(lint_sql(tmp_path, sql))


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE; COMMIT",
        "WITH a AS (SELECT 1 AS id) INSERT INTO t SELECT id FROM a LIMIT 5",
        "CREATE INDEX ON ONLY parted (a); ALTER INDEX i ATTACH PARTITION j",
        "ALTER TABLE t RENAME CONSTRAINT a TO b",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
        "CREATE EXTENSION IF NOT EXISTS citext; CREATE ROLE app NOLOGIN",
        "INSERT INTO t (a) VALUES ('LIMIT'), ('b') ON CONFLICT DO NOTHING",
        "SELECT a INTO made FROM t; CREATE INDEX i ON made (a)",
        "CREATE TEMP TABLE x AS SELECT * FROM t; DROP TABLE x",
        "CREATE UNLOGGED TABLE x (a int); TRUNCATE x; ALTER TABLE x SET LOGGED",
        "CREATE TYPE m AS ENUM ('a'); DROP TYPE m",
        "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES a (id) NOT VALID",
    ],
)
def test_what_blocks_nobody_is_left_alone(tmp_path: Path, sql: str) -> None:
    assert serious(lint_sql(tmp_path, sql)) == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("id = 5", []),
        ("id BETWEEN 1 AND 5", ["backfill-with-ddl"]),
        ("id IN (SELECT id FROM t LIMIT 5)", ["backfill-with-ddl"]),
    ],
)
def test_a_batch_under_a_lock_is_one_too_many_and_a_row_is_not(
    tmp_path: Path, condition: str, found: list[str]
) -> None:
    update = f"UPDATE t SET a = 1 WHERE {condition}"  # noqa: S608 - only read
    sql = f"BEGIN; ALTER TABLE t ADD COLUMN b int; {update}; COMMIT;"
    assert serious(lint_sql(tmp_path, sql)) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("BEGIN CREATE TYPE m AS ENUM ('a'); EXCEPTION WHEN OTHERS THEN NULL; END", []),
        (
            "BEGIN IF a THEN ALTER TABLE t ALTER a SET NOT NULL; ELSE DROP TABLE u;END",
            ["drop-table", "set-not-null"],
        ),
        (
            "DECLARE n int := 1; m int; BEGIN n := 2; UPDATE t SET a = 1; RAISE n; END",
            ["update-all-rows"],
        ),
        ("BEGIN EXECUTE 'DROP TABLE t'; END", ["dynamic-sql"]),
        ("BEGIN PERFORM f(); END", ["dynamic-sql"]),
        ("BEGIN FOR i IN 1..9 LOOP SELECT 1; END LOOP; END", ["dynamic-sql"]),
        ("BEGIN FROBNICATE t; END", ["dynamic-sql"]),
        ("BEGIN SELECT 'a; END", ["dynamic-sql"]),
    ],
)
def test_a_block_is_read_where_it_says_by_itself_what_it_does(
    tmp_path: Path, body: str, found: list[str]
) -> None:
    assert sorted(serious(lint_sql(tmp_path, f"DO $x$ {body} $x$"))) == found


def test_a_block_in_another_language_is_not_read(tmp_path: Path) -> None:
    sql = "DO LANGUAGE plpython3u $$ SELECT 1 $$"
    assert serious(lint_sql(tmp_path, sql)) == ["dynamic-sql"]
    assert serious(lint_sql(tmp_path, "DO 'BEGIN SELECT 1; END'")) == ["dynamic-sql"]


def test_a_constraint_validated_by_the_statement_that_adds_it_is_found(
    tmp_path: Path,
) -> None:
    sql = "ALTER TABLE t ADD CONSTRAINT c CHECK (a) NOT VALID, VALIDATE CONSTRAINT c"
    assert serious(lint_sql(tmp_path, sql)) == ["validate-in-same-transaction"]


def test_a_statement_that_no_rule_knows_is_told(tmp_path: Path) -> None:
    assert rules(lint_sql(tmp_path, "FROBNICATE TABLE t")) == ["unknown-statement"]


def test_a_finding_is_published_with_these_keys_in_this_order(tmp_path: Path) -> None:
    (found,) = lint_sql(tmp_path, "CREATE INDEX i\n  ON t (a)")

    body = found.to_dict()

    assert list(body) == [
        *("file", "line", "rule", "severity", "statement", "lock", "why", "safe")
    ]
    assert (body["lock"], body["severity"], body["line"]) == ("SHARE", "error", 1)
    assert body["statement"] == "CREATE INDEX i ON t (a)"
