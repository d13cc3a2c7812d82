"""Cases that nobody notices under traffic, many of them beside an unsafe one."""

from tests.support.migration_cases.case import Case, in_one

__all__ = ["SAFE"]

SAFE: tuple[Case, ...] = (
    Case(1, "a nullable column", "ALTER TABLE users ADD COLUMN note text;"),
    Case(
        1,
        "a column with one value for all",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS n int NOT NULL DEFAULT (1 + 2);",
    ),
    Case(
        1,
        "a column with the transaction's time",
        "ALTER TABLE users ADD created timestamptz NOT NULL DEFAULT now();",
    ),
    Case(
        1,
        "a column with a cast",
        "ALTER TABLE users ADD COLUMN tags varchar(20)[] DEFAULT"
        " ARRAY[]::varchar(20)[], ADD COLUMN meta jsonb DEFAULT '{}'::jsonb NOT NULL;",
    ),
    Case(
        1,
        "a column in a transaction with timeouts",
        in_one(
            "SET LOCAL lock_timeout = '50ms'",
            "SET LOCAL statement_timeout TO 1000",
            "ALTER TABLE users ADD COLUMN note text",
        ),
    ),
    Case(
        2,
        "a default for rows to come",
        "ALTER TABLE users ALTER COLUMN token SET DEFAULT gen_random_uuid();",
    ),
    Case(
        4,
        "a virtual column",
        "ALTER TABLE users ADD COLUMN total numeric GENERATED ALWAYS AS (a * b)"
        " VIRTUAL;",
    ),
    Case(
        9,
        "a column that came with the same migration",
        "ALTER TABLE users ADD COLUMN draft int;\nALTER TABLE users DROP COLUMN draft;",
    ),
    Case(13, "a varchar without its length", "ALTER TABLE users ALTER name TYPE text;"),
    Case(
        13,
        "a longer varchar",
        "CREATE TABLE made (name varchar(20));"
        " ALTER TABLE made ALTER COLUMN name TYPE varchar(40);",
    ),
    Case(
        15,
        "required by way of a check",
        "ALTER TABLE users ADD CONSTRAINT e CHECK (email IS NOT NULL) NOT VALID;\n"
        "ALTER TABLE users VALIDATE CONSTRAINT e;\n"
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL;\n"
        "ALTER TABLE users DROP CONSTRAINT e;",
    ),
    Case(
        15,
        "required by way of a check, in transactions",
        'BEGIN; ALTER TABLE public.users ADD CONSTRAINT e CHECK ("email" IS NOT NULL)'
        " NOT VALID; COMMIT;\n"
        "BEGIN; ALTER TABLE users VALIDATE CONSTRAINT e; COMMIT;\n"
        "BEGIN; ALTER TABLE users ALTER email SET NOT NULL;"
        " ALTER TABLE users DROP CONSTRAINT e; COMMIT;",
    ),
    Case(
        15,
        "required as PostgreSQL 18 has it",
        "ALTER TABLE users ADD CONSTRAINT e NOT NULL email NOT VALID;\n"
        "ALTER TABLE users VALIDATE CONSTRAINT e;",
    ),
    Case(
        15,
        "a column that may be empty again",
        "ALTER TABLE users ALTER COLUMN email DROP NOT NULL;",
    ),
    Case(
        16,
        "a check for rows to come",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;",
    ),
    Case(16, "a check of all rows, later", "ALTER TABLE o VALIDATE CONSTRAINT c;"),
    Case(
        17,
        "a foreign key in two transactions",
        "ALTER TABLE orders ADD CONSTRAINT u FOREIGN KEY (user_id) REFERENCES users"
        " NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT u;",
    ),
    Case(18, "a dropped check", "ALTER TABLE orders DROP CONSTRAINT positive;"),
    Case(
        19,
        "a unique constraint with an index that is there",
        "CREATE UNIQUE INDEX CONCURRENTLY one_email ON users (email);\n"
        "ALTER TABLE users ADD CONSTRAINT one_email UNIQUE USING INDEX one_email;",
    ),
    Case(
        19,
        "a primary key with an index that is there",
        "ALTER TABLE users ADD CONSTRAINT pk PRIMARY KEY USING INDEX by_id;",
    ),
    Case(
        21,
        "an index of a new table",
        "CREATE TABLE made (id bigint PRIMARY KEY, at timestamptz NOT NULL);\n"
        "CREATE INDEX by_at ON made (at);",
    ),
    Case(
        21,
        "all sorts of things with a new table",
        in_one(
            "CREATE TABLE app.made (id bigint GENERATED ALWAYS AS IDENTITY, b int)",
            "ALTER TABLE app.made ADD CONSTRAINT pk PRIMARY KEY (id)",
            "ALTER TABLE app.made ADD COLUMN c uuid DEFAULT gen_random_uuid()",
            "CREATE UNIQUE INDEX ON app.made (b)",
            "CREATE TRIGGER t BEFORE INSERT ON app.made EXECUTE FUNCTION f()",
            "ALTER TABLE app.made ENABLE ROW LEVEL SECURITY",
            "INSERT INTO app.made (b) SELECT id FROM users",
            "UPDATE app.made SET b = 1",
            "COMMENT ON TABLE app.made IS 'new'",
        ),
    ),
    Case(
        22,
        "an index beside traffic",
        "CREATE INDEX CONCURRENTLY by_email ON users (lower(email)) WHERE active;",
    ),
    Case(
        23,
        "an index dropped beside traffic",
        "DROP INDEX CONCURRENTLY IF EXISTS by_email;",
    ),
    Case(
        24,
        "an index built again beside traffic",
        "REINDEX INDEX CONCURRENTLY by_email; REINDEX (VERBOSE, CONCURRENTLY) TABLE t;",
    ),
    Case(
        28,
        "a view refreshed beside traffic",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY totals;",
    ),
    Case(
        29,
        "a partition whose rows are known",
        "ALTER TABLE e_2026 ADD CONSTRAINT p CHECK (at >= '2026-01-01') NOT VALID;\n"
        "ALTER TABLE e_2026 VALIDATE CONSTRAINT p;\n"
        "ALTER TABLE e ATTACH PARTITION e_2026 FOR VALUES FROM ('2026') TO ('2027');",
    ),
    Case(
        30,
        "a new partition that is attached",
        "CREATE TABLE e_2027 (LIKE e INCLUDING ALL);\n"
        "ALTER TABLE e ATTACH PARTITION e_2027 FOR VALUES FROM ('2027') TO ('2028');",
    ),
    Case(
        31,
        "a partition detached beside traffic",
        "ALTER TABLE e DETACH PARTITION e_2020 CONCURRENTLY;",
    ),
    Case(
        32,
        "two new tables, one of which refers to the other",
        "CREATE TABLE a (id int PRIMARY KEY, parent int REFERENCES a);\n"
        "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a (id));",
    ),
    Case(33, "an enum's value", "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad';"),
    Case(
        35,
        "a check of a domain for values to come",
        "ALTER DOMAIN address ADD CONSTRAINT p CHECK (VALUE <> '') NOT VALID;",
    ),
    Case(
        37,
        "what only vacuum waits for",
        "COMMENT ON COLUMN users.email IS 'one; or none';\n"
        "ALTER TABLE users ALTER COLUMN email SET STATISTICS 500;\n"
        "ALTER TABLE users SET (fillfactor = 80);\n"
        "ALTER INDEX by_email RENAME TO by_address;\n"
        "ANALYZE users;",
    ),
    Case(37, "a plain vacuum", "VACUUM (ANALYZE) users;"),
    Case(38, "a new view", "CREATE VIEW active AS SELECT id FROM users WHERE active;"),
    Case(38, "a view that gets a column", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a;"),
    Case(
        40,
        "a batch by key",
        "UPDATE users SET active = true WHERE id >= 1000 AND id < 2000;",
    ),
    Case(
        40,
        "a batch between keys",
        "UPDATE users SET active = true WHERE id BETWEEN 1000 AND 1999;",
    ),
    Case(
        40,
        "a batch with a limit",
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expired"
        " LIMIT 1000 FOR UPDATE SKIP LOCKED);",
    ),
    Case(
        40,
        "a batch with a limit beside it",
        "WITH batch AS (SELECT id FROM users WHERE active IS NULL LIMIT 500)"
        " UPDATE users u SET active = true FROM batch WHERE u.id = batch.id;",
    ),
    Case(
        40,
        "one row",
        "UPDATE settings SET value = 'on' WHERE key = 'feature';"
        " DELETE FROM users WHERE id = 7;",
    ),
    Case(
        41,
        "rows of a new table beside a change",
        in_one(
            "CREATE TABLE kinds (id int PRIMARY KEY, name text)",
            "INSERT INTO kinds VALUES (1, 'a'), (2, 'b')",
            "ALTER TABLE users ADD COLUMN kind int",
        ),
    ),
    Case(
        42,
        "two tables in two transactions",
        in_one("ALTER TABLE users ADD COLUMN a int")
        + in_one("ALTER TABLE orders ADD COLUMN b int"),
    ),
    Case(
        42,
        "one table twice",
        in_one(
            "ALTER TABLE users ADD COLUMN a int",
            "SAVEPOINT s",
            "ALTER TABLE users ADD COLUMN b int",
        ),
    ),
    Case(
        45,
        "a new sequence",
        "CREATE SEQUENCE made OWNED BY users.id; SELECT setval('made', 1000);",
    ),
    Case(
        46,
        "an index before its foreign key",
        "CREATE INDEX CONCURRENTLY by_user ON orders (user_id);\n"
        "ALTER TABLE orders ADD CONSTRAINT u FOREIGN KEY (user_id) REFERENCES users"
        " NOT VALID;",
    ),
    Case(
        48,
        "code that is only kept",
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
        " UPDATE users SET n = 1; RETURN NEW; END; $f$;\n"
        "CREATE FUNCTION g(a int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN"
        " a > 0 THEN 1 ELSE 2 END; END;\n"
        "GRANT EXECUTE ON FUNCTION g TO app;",
    ),
)
