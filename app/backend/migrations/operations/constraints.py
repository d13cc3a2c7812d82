"""What all constraints share: they are proven apart, and dropped behind a lock."""

from dataclasses import dataclass
from typing import ClassVar

from alembic.operations import MigrateOperation, Operations
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.catalogue import ConstraintKind
from app.backend.migrations.operations.indexes import dropping
from app.backend.migrations.operations.naming import qualified, quoted
from app.backend.migrations.operations.operation import (
    Part,
    SafeOperation,
    irreversible,
)
from app.backend.migrations.statements import Lock, Step

__all__ = ["SafeDropConstraintOp", "validating"]


@dataclass(eq=False, kw_only=True)
class SafeDropConstraintOp(SafeOperation):
    """``DROP CONSTRAINT``: instant, behind a lock; a foreign key's is on two tables.

    Attributes:
        name: of the constraint.
        kind: None: that is not known.
        referent: of a foreign key, qualified and quoted; None: that is not known.
        index: one that is dropped after it; None: there is none.
        made: what makes it again; None: that is not known.
    """

    directive: ClassVar[str] = "safe_drop_constraint"

    name: str
    table: str
    schema: str | None = None
    kind: ConstraintKind | None = None
    referent: str | None = None
    index: str | None = None
    made: SafeOperation | None = None

    @classmethod
    def safe_drop_constraint(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        type_: str | None = None,
        *,
        schema: str | None = None,
        referent_table: str | None = None,
        referent_schema: str | None = None,
        index: str | None = None,
    ) -> None:
        """Drops a constraint, with the index that it owns.

        Args:
            operations: ``op``.
            constraint_name: which.
            table_name: whose constraint.
            type_: ``foreignkey``, ``check``, ``unique``, ``primary``, ``exclude``.
            schema: of the table.
            referent_table: of a foreign key, for the plan: it is locked, too.
            referent_schema: of that table.
            index: one that it does not own, but that served it alone.
        """
        referent = None
        if referent_table is not None:
            referent = qualified(referent_table, referent_schema)
        operations.invoke(
            cls(
                name=constraint_name,
                table=table_name,
                schema=schema,
                kind=None if type_ is None else ConstraintKind(type_),
                referent=referent,
                index=index,
            )
        )

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        target = qualified(self.table, self.schema)
        locked = () if self.referent is None else (self.referent,)
        drop = Step(
            sql=f"ALTER TABLE {target} DROP CONSTRAINT {quoted(self.name)}",
            table=target,
            lock=Lock.ACCESS_EXCLUSIVE,
            also=tuple((table, Lock.ACCESS_EXCLUSIVE) for table in locked),
            ask=catalogue.absence(catalogue.constraint(self.name, target, self.kind)),
        )
        if self.index is None:
            return (drop,)
        return (drop, dropping(self.index, target, self.schema))

    @override
    def reverse(self) -> MigrateOperation:
        if self.made is None:
            raise irreversible(
                self,
                f"nobody said what {self.name} was",
                "write the directive that makes it again",
            )
        return self.made


def validating(name: str, target: str, *also: tuple[str, Lock]) -> Step:
    """The step that proves a constraint which was added without a proof.

    Args:
        name: of the constraint, plain.
        target: its table, qualified and quoted.
        also: other tables that it locks.
    """
    rows = catalogue.constraint(name, target)
    return Step(
        sql=f"ALTER TABLE {target} VALIDATE CONSTRAINT {quoted(name)}",
        table=target,
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        also=also,
        long=True,
        ask=catalogue.presence(rows, valid="c.convalidated"),
    )
