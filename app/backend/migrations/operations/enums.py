"""Values of an enum."""

from dataclasses import dataclass
from typing import ClassVar

from alembic.operations import MigrateOperation, Operations
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.naming import qualified, text_literal
from app.backend.migrations.operations.operation import (
    Part,
    SafeOperation,
    irreversible,
)
from app.backend.migrations.operations.versions import OLDEST, require
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

__all__ = ["SafeAddEnumValueOp"]


@dataclass(eq=False, kw_only=True)
class SafeAddEnumValueOp(SafeOperation):
    """``ADD VALUE`` in a transaction of its own, after which it can be used.

    Attributes:
        before, after: the neighbour that is there already; neither: at the end.
    """

    directive: ClassVar[str] = "safe_add_enum_value"

    enum: str
    value: str
    schema: str | None = None
    before: str | None = None
    after: str | None = None

    @classmethod
    def safe_add_enum_value(
        cls,
        operations: Operations,
        enum_name: str,
        value: str,
        *,
        schema: str | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        """Adds a value to an enum, from which it cannot be taken away again.

        Args:
            operations: ``op``.
            enum_name: the type.
            value: the new one.
            schema: of the type.
            before: the value that it comes before.
            after: the value that it comes after.

        Raises:
            MigrationError: both neighbours are given.
        """
        if before is not None and after is not None:
            raise MigrationError(
                f"the value {value} of {enum_name} cannot have two places",
                remedy="give either before or after",
            )
        operations.invoke(
            cls(enum=enum_name, value=value, schema=schema, before=before, after=after)
        )

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        require(server_version, OLDEST, "safe_add_enum_value")
        enum = qualified(self.enum, self.schema)
        place = ""
        if self.before is not None:
            place = f" BEFORE {text_literal(self.before)}"
        elif self.after is not None:
            place = f" AFTER {text_literal(self.after)}"
        return (
            Step(
                sql=f"ALTER TYPE {enum} ADD VALUE {text_literal(self.value)}{place}",
                table=enum,
                lock=Lock.NONE,
                ask=catalogue.presence(catalogue.enum_value(self.value, enum)),
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        raise irreversible(
            self,
            f"PostgreSQL cannot take the value {self.value} away",
            "leave it: an unused value harms nobody, and adding it again is no error",
        )
