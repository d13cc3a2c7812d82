"""What must hold of the variables in each environment, as a table of rules.

One module per subject; each has its part of the table beside what finds it broken.
"""

from typing import Final

from app.backend.config.rules import (
    database,
    files,
    forms,
    hosting,
    keys,
    knobs,
    monitoring,
    names,
    pasted,
    required,
    signing,
    stripe,
    supabase,
)
from app.backend.config.rules.files import elsewhere
from app.backend.config.rules.model import Facts, Rule, collect_facts, is_set
from app.backend.config.rules.required import REQUIRED

__all__ = [
    "REQUIRED",
    "RULES",
    "TIMED",
    "Facts",
    "Rule",
    "collect_facts",
    "elsewhere",
    "is_set",
]

RULES: Final[tuple[Rule, ...]] = (
    *required.RULES,
    *database.RULES,
    *files.RULES,
    *signing.RULES,
    *hosting.RULES,
    *forms.RULES,
    *keys.RULES,
    *knobs.RULES,
    *stripe.RULES,
    *supabase.RULES,
    *monitoring.RULES,
    *pasted.RULES,
    *names.RULES,
)
"""All of them, in the order in which findings of one severity are shown."""

TIMED: Final = frozenset(rule.name for rule in RULES if rule.timed)
"""The rules that a clock alone can break: they do not hold the startup gate."""
