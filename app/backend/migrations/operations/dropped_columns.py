"""Columns that are dropped, one release after they were last used."""

import inspect
from dataclasses import dataclass
from typing import ClassVar, Final

from alembic.operations import MigrateOperation, Operations
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.naming import (
    qualified,
    quoted,
)
from app.backend.migrations.operations.operation import (
    Guard,
    Part,
    SafeOperation,
    irreversible,
)
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

__all__ = ["SafeDropColumnOp"]

EXPAND: Final = "expand"
CONTRACT: Final = "contract"

# What depends on a column and would go with it, or keep it from going: all but what is
# the column's alone (its default, its own index, its own CHECK).
_DEPENDENTS = """
SELECT DISTINCT CASE WHEN r.oid IS NULL
    THEN pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
    ELSE 'view ' || r.ev_class::regclass::text END
FROM (SELECT a.attrelid, a.attnum FROM {column}) AS gone
JOIN pg_catalog.pg_depend d ON d.refobjid = gone.attrelid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjsubid = gone.attnum
LEFT JOIN pg_catalog.pg_rewrite r
    ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_catalog.pg_index i
    ON d.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_catalog.pg_constraint c
    ON d.classid = 'pg_catalog.pg_constraint'::regclass AND c.oid = d.objid
LEFT JOIN pg_catalog.pg_attrdef f
    ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND f.oid = d.objid
WHERE CASE
    WHEN c.conrelid = gone.attrelid
        THEN c.contype = 'f' OR c.conkey <> ARRAY[gone.attnum]
    WHEN i.indrelid = gone.attrelid THEN i.indkey::text <> gone.attnum::text
    WHEN f.adrelid = gone.attrelid THEN f.adnum <> gone.attnum
    ELSE d.deptype = 'n' OR d.objid = gone.attrelid END
ORDER BY 1
"""


@dataclass(eq=False, kw_only=True)
class SafeDropColumnOp(SafeOperation):
    """``DROP COLUMN``: instant, but behind a lock, and for good.

    Attributes:
        made: what adds it again, without its values; None: that is not known.
    """

    directive: ClassVar[str] = "safe_drop_column"

    table: str
    name: str
    schema: str | None = None
    made: SafeOperation | None = None

    @classmethod
    def safe_drop_column(
        cls,
        operations: Operations,
        table_name: str,
        column_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Drops a column that no release uses any more.

        It takes two releases. The first no longer uses the column; if that is NOT NULL
        without a default, its expand revision has ``safe_drop_not_null``, so that both
        the old and the new code can insert. This one belongs to the contract revision
        of the second, or to a downgrade.

        Args:
            operations: ``op``.
            table_name: whose column.
            column_name: which.
            schema: of the table.

        Raises:
            MigrationError: it stands in the upgrade of an expand revision.
        """
        if _in_expand_upgrade(operations):
            raise MigrationError(
                f"{table_name}.{column_name} may still be used by the release that"
                " serves while an expand revision is applied",
                remedy="release code that does without it, then drop it in a revision"
                " of the contract branch",
            )
        operations.invoke(cls(table=table_name, name=column_name, schema=schema))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        return (
            Step(
                sql=f"ALTER TABLE {target} DROP COLUMN {quoted(self.name)}",
                table=target,
                lock=Lock.ACCESS_EXCLUSIVE,
                ask=catalogue.absence(catalogue.column(self.name, target)),
            ),
        )

    @override
    def guards(self) -> tuple[Guard, ...]:
        target = qualified(self.table, self.schema)
        column = catalogue.column(self.name, target)
        return (
            Guard(
                query=_DEPENDENTS.format(column=column),
                says=f"this depends on {target}.{quoted(self.name)}",
                remedy="drop or change it first, by a directive of its own",
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        if self.made is None:
            raise irreversible(
                self,
                f"nobody said what {self.name} was",
                "write the safe_add_column that adds it again; its values are gone",
            )
        return self.made


def _in_expand_upgrade(operations: Operations) -> bool:
    """Whether the running revision is one; Alembic does not tell which is running."""
    frame = inspect.currentframe()
    while frame is not None:
        module = frame.f_globals
        if "down_revision" in module and frame.f_code.co_name == "upgrade":
            labels = _labels(operations, module)
            # A contract branch that leaves the expand branch has that label, too.
            return EXPAND in labels and CONTRACT not in labels
        frame = frame.f_back
    return False


def _labels(operations: Operations, module: dict[str, object]) -> set[str]:
    scripts = operations.get_context().script
    if scripts is not None:
        script = scripts.get_revision(str(module.get("revision")))
        if script is not None:
            return set(script.branch_labels)
    told = module.get("branch_labels") or ()
    return {told} if isinstance(told, str) else set(map(str, told))  # type: ignore[call-overload]
