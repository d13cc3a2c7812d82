"""Tables and all else: cases that stall, break or lose something under traffic."""

from tests.support.migration_cases.case import Case, in_one

__all__ = ["UNSAFE_TABLES"]

UNSAFE_TABLES: tuple[Case, ...] = (
    Case(21, "an index", "CREATE INDEX by_email ON users (email);", "create-index"),
    Case(
        21,
        "a unique index that may be there",
        "CREATE UNIQUE INDEX IF NOT EXISTS by_email ON users USING btree (email);",
        "create-index",
    ),
    Case(
        22,
        "an index built beside traffic, in a transaction",
        in_one("CREATE INDEX CONCURRENTLY by_email ON users (email)"),
        "concurrently-in-transaction",
    ),
    Case(23, "a dropped index", "DROP INDEX by_email;", "drop-index"),
    Case(24, "an index built again", "REINDEX INDEX by_email;", "reindex"),
    Case(24, "all indexes built again", "REINDEX TABLE users;", "reindex"),
    Case(
        25,
        "a trigger",
        "CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF email ON users"
        " FOR EACH ROW EXECUTE FUNCTION stamp();",
        "create-trigger",
    ),
    Case(
        25,
        "a disabled trigger",
        "ALTER TABLE users DISABLE TRIGGER ALL;",
        "change-trigger",
    ),
    Case(25, "a dropped trigger", "DROP TRIGGER stamp ON users;", "change-trigger"),
    Case(26, "an emptied table", "TRUNCATE TABLE users;", "truncate"),
    Case(26, "a dropped table", "DROP TABLE users;", "drop-table"),
    Case(27, "a clustered table", "CLUSTER users USING by_email;", "rewrite-table"),
    Case(27, "a full vacuum", "VACUUM FULL users;", "rewrite-table"),
    Case(
        27,
        "a full vacuum among options",
        "VACUUM (ANALYZE, FULL) users;",
        "rewrite-table",
    ),
    Case(27, "an unlogged table", "ALTER TABLE users SET UNLOGGED;", "rewrite-table"),
    Case(
        27,
        "a table in another tablespace",
        "ALTER TABLE users SET TABLESPACE fast;",
        "rewrite-table",
    ),
    Case(
        27,
        "a table with another access method",
        "ALTER TABLE users SET ACCESS METHOD columnar;",
        "rewrite-table",
    ),
    Case(
        28,
        "a refreshed view",
        "REFRESH MATERIALIZED VIEW totals;",
        "refresh-materialized-view",
    ),
    Case(
        29,
        "a partition with rows",
        "ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES"
        " FROM ('2026-01-01') TO ('2027-01-01');",
        "attach-partition",
    ),
    Case(
        30,
        "a new partition",
        "CREATE TABLE events_2027 PARTITION OF events FOR VALUES"
        " FROM ('2027-01-01') TO ('2028-01-01');",
        "partition-of",
    ),
    Case(
        31,
        "a detached partition",
        "ALTER TABLE events DETACH PARTITION events_2020;",
        "detach-partition",
    ),
    Case(
        32,
        "a new table that refers to one in use",
        "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL"
        " REFERENCES users (id));",
        "references-existing-table",
    ),
    Case(
        32,
        "a new table that refers to one in use by a constraint",
        "CREATE TABLE orders (id bigint, user_id bigint, CONSTRAINT of_user"
        " FOREIGN KEY (user_id) REFERENCES app.users (id));",
        "references-existing-table",
    ),
    Case(
        33,
        "an enum's value that is used at once",
        in_one(
            "ALTER TYPE mood ADD VALUE 'glad' AFTER 'ok'",
            "ALTER TABLE users ALTER COLUMN mood SET DEFAULT 'glad'",
        ),
        "enum-value-used-at-once",
    ),
    Case(
        34,
        "a renamed value of an enum",
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';",
        "rename-enum-value",
    ),
    Case(34, "a dropped type", "DROP TYPE mood;", "drop-object"),
    Case(
        35,
        "a check of a domain",
        "ALTER DOMAIN address ADD CONSTRAINT plausible CHECK (VALUE LIKE '%@%');",
        "domain-check",
    ),
    Case(
        36,
        "row security",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
        "brief-exclusive-lock",
    ),
    Case(
        36,
        "a policy",
        "CREATE POLICY own ON users USING (id = current_setting('app.user')::int);",
        "brief-exclusive-lock",
    ),
    Case(
        36, "another owner", "ALTER TABLE users OWNER TO app;", "brief-exclusive-lock"
    ),
    Case(
        36,
        "another identity for replicas",
        "ALTER TABLE users REPLICA IDENTITY FULL;",
        "brief-exclusive-lock",
    ),
    Case(38, "a dropped view", "DROP VIEW active_users;", "drop-view"),
    Case(39, "a locked table", "LOCK TABLE users;", "lock-table"),
    Case(
        39,
        "two tables locked against writes",
        in_one("LOCK TABLE users, orders IN SHARE ROW EXCLUSIVE MODE NOWAIT"),
        "lock-table",
    ),
    Case(40, "all rows", "UPDATE users SET active = true;", "update-all-rows"),
    Case(
        40,
        "all rows that have nothing yet",
        "UPDATE users SET active = true WHERE active IS NULL;",
        "update-all-rows",
    ),
    Case(40, "all rows deleted", "DELETE FROM sessions;", "update-all-rows"),
    Case(
        40,
        "all rows from another table",
        "UPDATE orders o SET email = u.email FROM users u WHERE u.id = o.user_id;",
        "update-many-rows",
    ),
    Case(
        40,
        "all rows in a query beside another",
        "WITH gone AS (DELETE FROM sessions RETURNING id) SELECT count(*) FROM gone;",
        "update-all-rows",
    ),
    Case(
        41,
        "a backfill beside the change",
        in_one(
            "ALTER TABLE users ADD COLUMN full_name text",
            "UPDATE users SET full_name = first || ' ' || last",
        ),
        "backfill-with-ddl",
    ),
    Case(
        41,
        "a copy beside the change",
        in_one(
            "ALTER TABLE users ADD COLUMN archived boolean",
            "INSERT INTO archive SELECT * FROM users",
        ),
        "backfill-with-ddl",
    ),
    Case(
        42,
        "two tables",
        in_one(
            "ALTER TABLE users ADD COLUMN a int",
            "ALTER TABLE orders ADD COLUMN b int",
        ),
        "two-tables-in-one-transaction",
    ),
    Case(
        44,
        "a count under a lock",
        in_one(
            "ALTER TABLE users ADD COLUMN a int",
            "CREATE TABLE counts AS SELECT count(*) FROM orders",
        ),
        "work-under-lock",
    ),
    Case(
        45,
        "a sequence that begins again",
        "ALTER SEQUENCE users_id_seq RESTART WITH 1000;",
        "alter-sequence",
    ),
    Case(
        47,
        "a foreign key validated at once",
        in_one(
            "ALTER TABLE orders ADD CONSTRAINT u FOREIGN KEY (user_id)"
            " REFERENCES users (id) NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT u",
        ),
        "validate-in-same-transaction",
    ),
    Case(
        48,
        "a block of code",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE users ADD COLUMN a serial'; END $$;",
        "dynamic-sql",
    ),
    Case(48, "a procedure", "CALL widen_all_columns();", "dynamic-sql"),
)
