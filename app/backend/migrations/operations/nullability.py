"""NOT NULL, proven while the table is read and written."""

from dataclasses import dataclass
from typing import ClassVar, Final

from alembic.operations import MigrateOperation, Operations
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.naming import object_name, qualified, quoted
from app.backend.migrations.operations.operation import Part, SafeOperation
from app.backend.migrations.operations.versions import OLDEST, require
from app.backend.migrations.statements import Lock, Step

__all__ = ["SafeDropNotNullOp", "SafeSetNotNullOp"]

NATIVE: Final = 180000
"""Since then NOT NULL is a constraint, which can be NOT VALID."""


@dataclass(eq=False, kw_only=True)
class SafeSetNotNullOp(SafeOperation):
    """A constraint that is added unproven, then proven without blocking anybody.

    Before 18 it is a CHECK, which SET NOT NULL believes instead of looking itself, and
    which is dropped at the end. The new rows of a release that writes NULL are refused
    from the first step on.
    """

    directive: ClassVar[str] = "safe_set_not_null"

    table: str
    column: str
    schema: str | None = None

    @classmethod
    def safe_set_not_null(
        cls,
        operations: Operations,
        table_name: str,
        column_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Makes a column NOT NULL without a scan under a lock.

        Args:
            operations: ``op``.
            table_name: whose column.
            column_name: in which no NULL may be left; see ``safe_backfill``.
            schema: of the table.
        """
        operations.invoke(cls(table=table_name, column=column_name, schema=schema))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        require(server_version, OLDEST, "safe_set_not_null")
        return self._native() if server_version >= NATIVE else self._by_check()

    @override
    def reverse(self) -> MigrateOperation:
        return SafeDropNotNullOp(
            table=self.table, column=self.column, schema=self.schema
        )

    def _native(self) -> tuple[Step, ...]:
        target = qualified(self.table, self.schema)
        # The name that SET NOT NULL chooses.
        name = quoted(object_name(self.table, self.column, "not_null"))
        rows = catalogue.not_null_constraint(self.column, target)
        add = f"ADD CONSTRAINT {name} NOT NULL {quoted(self.column)} NOT VALID"
        return (
            self._alter(add, catalogue.presence(rows)),
            self._validate(name, catalogue.presence(rows, valid="c.convalidated")),
        )

    def _by_check(self) -> tuple[Step, ...]:
        target = qualified(self.table, self.schema)
        plain = object_name(self.table, self.column, "is_not_null")
        name, column = quoted(plain), quoted(self.column)
        check = catalogue.constraint(plain, target, catalogue.ConstraintKind.CHECK)
        done = catalogue.not_null(self.column, target)
        return (
            self._alter(
                f"ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID",
                catalogue.unless(done, catalogue.presence(check)),
            ),
            self._validate(
                name,
                catalogue.unless(
                    done, catalogue.presence(check, valid="c.convalidated")
                ),
            ),
            self._alter(
                f"ALTER COLUMN {column} SET NOT NULL", catalogue.presence(done)
            ),
            self._alter(f"DROP CONSTRAINT {name}", catalogue.absence(check)),
        )

    def _alter(self, action: str, ask: str) -> Step:
        target = qualified(self.table, self.schema)
        return Step(
            sql=f"ALTER TABLE {target} {action}",
            table=target,
            lock=Lock.ACCESS_EXCLUSIVE,
            ask=ask,
        )

    def _validate(self, name: str, ask: str) -> Step:
        target = qualified(self.table, self.schema)
        return Step(
            sql=f"ALTER TABLE {target} VALIDATE CONSTRAINT {name}",
            table=target,
            lock=Lock.SHARE_UPDATE_EXCLUSIVE,
            long=True,
            ask=ask,
        )


@dataclass(eq=False, kw_only=True)
class SafeDropNotNullOp(SafeOperation):
    """``DROP NOT NULL``: instant, but behind a lock."""

    directive: ClassVar[str] = "safe_drop_not_null"

    table: str
    column: str
    schema: str | None = None

    @classmethod
    def safe_drop_not_null(
        cls,
        operations: Operations,
        table_name: str,
        column_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Allows NULL in a column.

        It is also the first release of dropping one: the new code no longer writes the
        column, and the old one still does.

        Args:
            operations: ``op``.
            table_name: whose column.
            column_name: which.
            schema: of the table.
        """
        operations.invoke(cls(table=table_name, column=column_name, schema=schema))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        action = f"ALTER COLUMN {quoted(self.column)} DROP NOT NULL"
        return (
            Step(
                sql=f"ALTER TABLE {target} {action}",
                table=target,
                lock=Lock.ACCESS_EXCLUSIVE,
                ask=catalogue.absence(catalogue.not_null(self.column, target)),
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        return SafeSetNotNullOp(
            table=self.table, column=self.column, schema=self.schema
        )
