"""The rules: what is unsafe under traffic, why, and the way that is not."""

from collections.abc import Mapping
from typing import Final

from app.backend.migrations.analysis.rules.locks import LOCKS
from app.backend.migrations.analysis.rules.releases import RELEASES
from app.backend.migrations.analysis.rules.rule import Rule
from app.backend.migrations.analysis.rules.traced import TRACED
from app.backend.migrations.analysis.rules.work import WORK

__all__ = ["RULES", "WITHOUT_RULE", "Rule"]

RULES: Final[Mapping[str, Rule]] = {
    one.name: one for one in (*WORK, *LOCKS, *RELEASES, *TRACED)
}
"""Every rule by its name, which is also what an allowance says."""

WITHOUT_RULE: Final[Mapping[int, str]] = {
    1: "a column that is null or has one value for all rows costs nothing",
    37: "writers and readers go on; only vacuum and other changes wait",
    43: "the runner sets lock_timeout for each statement; a file cannot",
}
"""Rows of the catalogue that no rule stands for, and why."""
