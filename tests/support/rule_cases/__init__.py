"""Variables that differ in one thing or two from plausible ones, and what is found."""

from typing import Final

from tests.support.rule_cases.case import Case
from tests.support.rule_cases.combined import combined_cases
from tests.support.rule_cases.database import database_cases
from tests.support.rule_cases.files import files_cases
from tests.support.rule_cases.forms import forms_cases
from tests.support.rule_cases.hosting import hosting_cases
from tests.support.rule_cases.keys import keys_cases
from tests.support.rule_cases.monitoring import monitoring_cases
from tests.support.rule_cases.placeholders import placeholders_cases
from tests.support.rule_cases.required import required_cases
from tests.support.rule_cases.signing import signing_cases
from tests.support.rule_cases.supabase import supabase_cases
from tests.support.rule_cases.written import written_cases

__all__ = ["CASES", "Case"]

CASES: Final = (
    *required_cases(),
    *placeholders_cases(),
    *database_cases(),
    *files_cases(),
    *signing_cases(),
    *hosting_cases(),
    *forms_cases(),
    *keys_cases(),
    *supabase_cases(),
    *monitoring_cases(),
    *written_cases(),
    *combined_cases(),
)
