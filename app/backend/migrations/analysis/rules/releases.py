"""What the release that still serves cannot live with, and what cannot be undone."""

from typing import Final

from app.backend.migrations.analysis.rules.rule import Rule, advice, error, warning

__all__ = ["RELEASES"]

_CONTRACT: Final = "a contract revision, when no release uses it any more"

RELEASES: Final[tuple[Rule, ...]] = (
    error(
        "add-column-required",
        5,
        why="it fails if {table} has rows, and the old release's INSERT fails after it",
        safe="a default, or op.safe_add_column with a backfill",
    ),
    warning(
        "add-column-json",
        8,
        why="json has no equality: DISTINCT, GROUP BY and UNION over {table} fail",
        safe="jsonb",
    ),
    error(
        "drop-column",
        9,
        why="the old release still reads and writes it, and its rows are gone",
        safe="op.safe_drop_column in two releases",
        contract=True,
    ),
    error(
        "drop-cascade",
        10,
        why="whatever depends on {table} is dropped unseen",
        safe="drop what depends on it by name, before it",
    ),
    error(
        "rename",
        11,
        why="the old release still uses the old name of {table}",
        safe="add the new one, keep both in step, and drop the old one in a contract"
        " revision",
    ),
    error(
        "truncate",
        26,
        why="the rows of {table} are gone, and it cannot be read meanwhile",
        safe="delete in batches, or a new table and a switch",
    ),
    error(
        "drop-table",
        26,
        why="the old release still uses {table}, and its rows are gone; tables that it"
        " refers to are locked, too",
        safe=_CONTRACT,
        contract=True,
    ),
    error(
        "drop-view",
        38,
        why="the old release still reads {table}",
        safe=_CONTRACT,
        contract=True,
    ),
    error(
        "drop-object",
        34,
        why="the old release still uses {table}",
        safe=_CONTRACT,
        contract=True,
    ),
    error(
        "enum-value-used-at-once",
        33,
        why="the server refuses a new value in the transaction that adds it",
        safe="op.safe_add_enum_value in a revision of its own",
    ),
    advice(
        "enum-value-stays",
        33,
        why="a value of {table} cannot be taken away again, so there is no downgrade",
        safe="op.safe_add_enum_value, or text with a CHECK",
    ),
    error(
        "rename-enum-value",
        34,
        why="the old release still reads and writes the old name",
        safe="add the new value and leave the old one, or text with a CHECK",
    ),
    error(
        "mixed-revision",
        44,
        why="a safe operation commits in its midst: when it fails, what came before is"
        " there, and running again fails on that",
        safe="safe operations alone in their revision",
    ),
    error(
        "autocommit-block-not-alone",
        44,
        why="the block commits what came before it: when it fails, running again fails"
        " on that",
        safe="one statement that cannot be in a transaction, and nothing else in its"
        " revision",
    ),
    error(
        "revision-fails",
        48,
        why="{other}",
        safe="mend the revision, so that `alembic upgrade --sql` can read it",
    ),
    advice(
        "downgrade-missing",
        33,
        why="the downgrade does nothing, so the schema cannot be rolled back",
        safe="write the way back, or raise what says that there is none",
    ),
    error(
        "allow-without-reason",
        why="an allowance has to say why it is none of the usual case",
        safe="pm33: allow RULE because …",
    ),
    warning(
        "allow-unknown-rule",
        why="there is no rule of the name {other}",
        safe="take the name from the finding",
    ),
    advice(
        "allow-unused",
        why="nothing of {other} is found there",
        safe="take the allowance away",
    ),
)
"""Rules about releases, the way back, and the allowances themselves."""
