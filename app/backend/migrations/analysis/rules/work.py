"""Work that lasts as long as a table is large, and what makes others wait for it."""

from typing import Final

from app.backend.migrations.analysis.rules.rule import Rule, advice, error, warning

__all__ = ["WORK"]

_BACKFILL: Final = (
    "op.safe_add_column adds it as nullable, sets the default and fills the rows in"
    " batches"
)

WORK: Final[tuple[Rule, ...]] = (
    error(
        "add-column-volatile-default",
        2,
        why="{table} is rewritten while nobody can read it, since each row gets a value"
        " of its own",
        safe=_BACKFILL,
    ),
    error(
        "add-column-serial",
        3,
        why="{table} is rewritten while nobody can read it, since each row is numbered",
        safe="a nullable bigint, a sequence as its default, and a backfill in batches",
    ),
    error(
        "add-column-generated",
        4,
        why="{table} is rewritten while nobody can read it, since each row's value is"
        " computed",
        safe="a plain column, a trigger that fills it, and a backfill in batches",
    ),
    error(
        "add-column-unique",
        7,
        why="the index is built while nobody can read {table}",
        safe="add the column, then op.safe_create_unique in a revision of its own",
    ),
    error(
        "add-column-check",
        7,
        why="all rows of {table} are checked while nobody can read it",
        safe="add the column, then op.safe_create_check in a revision of its own",
    ),
    error(
        "change-type",
        12,
        why="{table} and its indexes are rewritten while nobody can read it, unless the"
        " new type only widens the old one",
        safe="a new column of the new type, a trigger, a backfill, and a switch of"
        " names in the code",
    ),
    advice(
        "change-type-cached-plans",
        13,
        why="statements that asyncpg has prepared fail once on each pooled connection;"
        " from a type that is not a shorter varchar, {table} is rewritten as well",
        safe="a new column of the new type; else recycle the pool and retry once",
    ),
    error(
        "change-type-time-zone",
        14,
        why="{table} is rewritten while nobody can read it, unless the session's time"
        " zone is UTC",
        safe="SET timezone TO 'UTC' before it in the same transaction",
    ),
    error(
        "set-not-null",
        15,
        why="all rows of {table} are read while nobody else can read it",
        safe="op.safe_set_not_null: CHECK (… IS NOT NULL) NOT VALID, VALIDATE, SET NOT"
        " NULL, drop the check",
    ),
    error(
        "add-check",
        16,
        why="all rows of {table} are checked while nobody can read it",
        safe="op.safe_create_check: NOT VALID, then VALIDATE in another transaction",
    ),
    error(
        "add-foreign-key",
        17,
        why="all rows of {table} are checked while nobody can write to it or {other}",
        safe="op.safe_create_foreign_key: NOT VALID, then VALIDATE in another"
        " transaction",
    ),
    error(
        "add-unique",
        19,
        why="the index is built while nobody can read {table}",
        safe="op.safe_create_unique: a unique index CONCURRENTLY, then ADD CONSTRAINT …"
        " USING INDEX",
    ),
    error(
        "add-primary-key",
        19,
        why="the index is built, and each column checked for nulls, while nobody can"
        " read {table}",
        safe="op.safe_create_primary_key: op.safe_set_not_null, a unique index"
        " CONCURRENTLY, then ADD PRIMARY KEY USING INDEX",
    ),
    advice(
        "primary-key-sets-not-null",
        19,
        why="a column of {table} that allows nulls is read in full under the lock",
        safe="op.safe_set_not_null first",
    ),
    error(
        "add-exclusion",
        20,
        why="the index is built while nobody can read {table}; there is no other way"
        " for an exclusion",
        safe="a new table with the constraint, filled in batches, and a switch",
    ),
    error(
        "create-index",
        21,
        why="nobody can write to {table} until the index is built",
        safe="op.safe_create_index: CONCURRENTLY, outside of a transaction",
    ),
    error(
        "concurrently-in-transaction",
        *(22, 23, 24, 31),
        why="the server refuses it inside of a transaction",
        safe="the safe operation of that name, or an autocommit block alone in its"
        " revision",
    ),
    advice(
        "index-if-not-exists",
        22,
        why="IF NOT EXISTS is content with the invalid index of a build that failed",
        safe="op.safe_create_index, which looks whether it is valid",
    ),
    error(
        "reindex",
        24,
        why="nobody can write to {table}, nor read by the index, until it is built",
        safe="REINDEX … CONCURRENTLY, outside of a transaction",
    ),
    error(
        "rewrite-table",
        27,
        why="{table} is copied while nobody can read it",
        safe="pg_repack or pg_squeeze, never a migration",
    ),
    error(
        "refresh-materialized-view",
        28,
        why="nobody can read {table} until it is computed",
        safe="REFRESH MATERIALIZED VIEW CONCURRENTLY, with a unique index on it",
    ),
    error(
        "attach-partition",
        29,
        why="all rows of {table} are checked under the lock, those of the default"
        " partition, too",
        safe="a CHECK that says the same, NOT VALID, then VALIDATE, then ATTACH",
    ),
    error(
        "domain-check",
        35,
        why="all tables that use {table} are locked against writes and read in full",
        safe="NOT VALID, then VALIDATE in another transaction",
    ),
    error(
        "update-all-rows",
        40,
        why="all rows of {table} stay locked until the end, and each is written again",
        safe="op.safe_backfill: batches by primary key, each its own transaction",
    ),
    warning(
        "update-many-rows",
        40,
        why="nothing says how many rows of {table} that is; they stay locked until the"
        " end",
        safe="op.safe_backfill: batches by primary key, each its own transaction",
    ),
    error(
        "backfill-with-ddl",
        41,
        why="the lock on {table} is kept while rows are written",
        safe="the change of the schema in one revision, op.safe_backfill in another",
    ),
    error(
        "work-under-lock",
        44,
        why="the lock on {table} is kept while this reads or builds",
        safe="a transaction of its own for each",
    ),
    error(
        "validate-in-same-transaction",
        47,
        why="the lock on {table} that NOT VALID took is kept while rows are checked",
        safe="VALIDATE in another transaction",
    ),
)
"""Rules about rows that are read, written or copied."""
