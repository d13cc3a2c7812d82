"""The catalogue of unsafe operations as cases with a label, for rules and benches."""

from tests.support.migration_cases.case import Case
from tests.support.migration_cases.safe import SAFE
from tests.support.migration_cases.unsafe_columns import UNSAFE_COLUMNS
from tests.support.migration_cases.unsafe_tables import UNSAFE_TABLES

__all__ = ["CASES", "SAFE", "UNSAFE", "Case"]

UNSAFE: tuple[Case, ...] = (*UNSAFE_COLUMNS, *UNSAFE_TABLES)
CASES: tuple[Case, ...] = (*UNSAFE, *SAFE)
