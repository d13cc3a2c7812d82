"""The floor: which revision a release must know to live with what was taken away."""

from dataclasses import dataclass
from typing import ClassVar, Final

from alembic.operations import MigrateOperation, Operations
from typing_extensions import override

from app.backend.migrations.operations.naming import text_literal
from app.backend.migrations.operations.operation import Part, SafeOperation
from app.backend.migrations.statements import Lock, Step

__all__ = ["SafeLowerFloorOp", "SafeRaiseFloorOp"]

_TABLE: Final = "ops.schema_floor"
# Where there is no such table, nobody looks.
_ASK: Final = (
    "SELECT CASE WHEN pg_catalog.to_regclass('ops.schema_floor') IS NULL"
    " THEN 'valid' ELSE 'absent' END"
)


@dataclass(eq=False, kw_only=True)
class SafeRaiseFloorOp(SafeOperation):
    """A row in ``ops.schema_floor`` (docs/decisions/0004)."""

    directive: ClassVar[str] = "safe_raise_floor"

    revision: str
    requires: str

    @classmethod
    def safe_raise_floor(
        cls, operations: Operations, revision: str, *, requires: str | None = None
    ) -> None:
        """Closes the gate of releases that may use what a contract revision removes.

        It comes first in such a revision, so that no gate opens in between.

        Args:
            operations: ``op``.
            revision: the contract revision.
            requires: the revision that a release must know to do without what is
                removed; None: this one. An older one lets more releases come back.
        """
        operations.invoke(cls(revision=revision, requires=requires or revision))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        values = f"{text_literal(self.revision)}, {text_literal(self.requires)}"
        return (
            Step(
                sql=f"INSERT INTO {_TABLE} (revision, requires)"  # noqa: S608 - quoted
                f" VALUES ({values})"
                " ON CONFLICT (revision) DO UPDATE SET requires = excluded.requires",
                table=_TABLE,
                lock=Lock.ROW_EXCLUSIVE,
                ask=_ASK,
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        return SafeLowerFloorOp(revision=self.revision, made=self)


@dataclass(eq=False, kw_only=True)
class SafeLowerFloorOp(SafeOperation):
    """The row goes, with the revision."""

    directive: ClassVar[str] = "safe_lower_floor"

    revision: str
    made: SafeRaiseFloorOp | None = None

    @classmethod
    def safe_lower_floor(cls, operations: Operations, revision: str) -> None:
        """Opens the gates again, when what was removed is back.

        Args:
            operations: ``op``.
            revision: the contract revision.
        """
        operations.invoke(cls(revision=revision))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        where = f"revision = {text_literal(self.revision)}"
        return (
            Step(
                sql=f"DELETE FROM {_TABLE} WHERE {where}",  # noqa: S608 - quoted
                table=_TABLE,
                lock=Lock.ROW_EXCLUSIVE,
                ask=_ASK,
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        return self.made or SafeRaiseFloorOp(
            revision=self.revision, requires=self.revision
        )
