"""Locks that are brief by themselves, and what makes them last."""

from typing import Final

from app.backend.migrations.analysis.rules.rule import Rule, advice, error, warning

__all__ = ["LOCKS"]

LOCKS: Final[tuple[Rule, ...]] = (
    warning(
        "add-column-references",
        6,
        why="{table} cannot be read, nor {other} be written to, until both locks are"
        " there and gone again",
        safe="add the column, then op.safe_create_foreign_key in a revision of its own",
    ),
    warning(
        "drop-foreign-key",
        18,
        why="neither {table} nor {other} can be read until both locks are there and"
        " gone again",
        safe="op.safe_drop_constraint, alone in its revision",
    ),
    error(
        "drop-index",
        23,
        why="{table} cannot be read while the lock is waited for, nor by the old plans",
        safe="op.safe_drop_index: CONCURRENTLY, outside of a transaction",
    ),
    warning(
        "create-trigger",
        25,
        why="nobody can write to {table} until the lock is there and gone again; then"
        " the old release's writes run it, too",
        safe="a revision of its own, and a body that lives with the old columns",
    ),
    warning(
        "change-trigger",
        25,
        why="{table} cannot be written to, by some of these not even read, until the"
        " lock is there and gone again",
        safe="a revision of its own",
    ),
    warning(
        "partition-of",
        30,
        why="{table} cannot be read until the lock is there and gone again",
        safe="a table of its own, then ATTACH PARTITION",
    ),
    error(
        "detach-partition",
        31,
        why="neither {table} nor {other} can be read while the locks are waited for",
        safe="DETACH PARTITION … CONCURRENTLY, outside of a transaction",
    ),
    warning(
        "references-existing-table",
        32,
        why="nobody can write to {other} until the transaction ends",
        safe="create the table without it, then op.safe_create_foreign_key in a"
        " revision of its own",
    ),
    warning(
        "brief-exclusive-lock",
        36,
        why="{table} cannot be read until the lock is there and gone again, and the old"
        " release sees the change at once",
        safe="a revision of its own",
    ),
    advice(
        "replace-view",
        38,
        why="{table} is locked for a moment, and its columns can only become more",
        safe="a new view beside it when a column goes",
    ),
    error(
        "lock-table",
        39,
        why="{table} is locked until the transaction ends",
        safe="leave the locks to the statements, and their timeouts to the runner",
    ),
    warning(
        "two-tables-in-one-transaction",
        42,
        why="{table} stays locked while {other} is waited for; two that do so in"
        " another order end each other",
        safe="one table in each revision",
    ),
    advice(
        "several-risky-statements",
        44,
        why="a lock that times out here repeats what came before on {table}, too",
        safe="one change of a table in each revision",
    ),
    warning(
        "alter-sequence",
        45,
        why="nextval waits until the lock on {table} is gone",
        safe="a revision of its own",
    ),
    advice(
        "foreign-key-without-index",
        46,
        why="no index of {table} begins with {other}: each DELETE of what it refers to"
        " reads the whole table",
        safe="op.safe_create_index before the foreign key",
    ),
    warning(
        "dynamic-sql",
        48,
        why="what it does is known only when it runs",
        safe="plain statements; `pm33 migrate plan` shows what a scratch database saw",
    ),
    warning(
        "opaque-revision",
        48,
        why="from here on it depends on a database's answers: {other}",
        safe="plain operations; `pm33 migrate plan` shows what a scratch database saw",
    ),
    advice(
        "unknown-statement",
        48,
        why="no rule knows this statement",
        safe="`pm33 migrate plan` shows what a scratch database saw",
    ),
    warning(
        "squawk",
        48,
        why="squawk says: {other}",
        safe="see https://squawkhq.com/docs/rules",
    ),
    advice(
        "squawk-advice",
        48,
        why="squawk says: {other}",
        safe="see https://squawkhq.com/docs/rules",
    ),
)
"""Rules about who waits for whom."""
