"""Operations that leave a table usable: ``op.safe_…``, once this is imported."""

from typing import Final

from alembic.operations import Operations

from app.backend.migrations.operations.added_columns import SafeAddColumnOp
from app.backend.migrations.operations.checks import SafeCreateCheckOp
from app.backend.migrations.operations.constraints import SafeDropConstraintOp
from app.backend.migrations.operations.dropped_columns import SafeDropColumnOp
from app.backend.migrations.operations.enums import SafeAddEnumValueOp
from app.backend.migrations.operations.filled_columns import SafeBackfillOp
from app.backend.migrations.operations.floors import (
    SafeLowerFloorOp,
    SafeRaiseFloorOp,
)
from app.backend.migrations.operations.foreign_keys import SafeCreateForeignKeyOp
from app.backend.migrations.operations.indexes import (
    SafeCreateIndexOp,
    SafeDropIndexOp,
)
from app.backend.migrations.operations.nullability import (
    SafeDropNotNullOp,
    SafeSetNotNullOp,
)
from app.backend.migrations.operations.operation import SafeOperation, perform
from app.backend.migrations.operations.uniques import (
    SafeCreatePrimaryKeyOp,
    SafeCreateUniqueOp,
)

__all__ = [
    "DIRECTIVES",
    "SafeAddColumnOp",
    "SafeAddEnumValueOp",
    "SafeBackfillOp",
    "SafeCreateCheckOp",
    "SafeCreateForeignKeyOp",
    "SafeCreateIndexOp",
    "SafeCreatePrimaryKeyOp",
    "SafeCreateUniqueOp",
    "SafeDropColumnOp",
    "SafeDropConstraintOp",
    "SafeDropIndexOp",
    "SafeDropNotNullOp",
    "SafeLowerFloorOp",
    "SafeOperation",
    "SafeRaiseFloorOp",
    "SafeSetNotNullOp",
]

DIRECTIVES: Final[tuple[type[SafeOperation], ...]] = (
    SafeCreateIndexOp,
    SafeDropIndexOp,
    SafeCreateForeignKeyOp,
    SafeCreateCheckOp,
    SafeCreateUniqueOp,
    SafeCreatePrimaryKeyOp,
    SafeSetNotNullOp,
    SafeDropNotNullOp,
    SafeDropConstraintOp,
    SafeAddEnumValueOp,
    SafeAddColumnOp,
    SafeBackfillOp,
    SafeDropColumnOp,
    SafeRaiseFloorOp,
    SafeLowerFloorOp,
)
"""Everything that is on ``op``; Alembic has no other place to name them."""

for _directive in DIRECTIVES:
    Operations.register_operation(_directive.directive)(_directive)
Operations.implementation_for(SafeOperation)(perform)
