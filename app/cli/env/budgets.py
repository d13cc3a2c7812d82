"""The calls that checks may make, counted as the service will count them."""

from collections.abc import Iterator
from typing import Final

from app.backend.config.environment import Config
from app.backend.config.findings import Finding, Severity
from app.backend.config.settings import CHECKS
from app.backend.config.variables import Variables
from app.backend.health.checks.vendor_check import vendor_checks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import Check
from app.backend.health.registry import FunctionCheck, Registry
from app.errors import CheckBudgetError

__all__ = ["RULE", "budget_findings"]

RULE: Final = "check-budget"
"""The rule that a check breaks which would ask more often than it may."""


def budget_findings(config: Config, variables: Variables) -> Iterator[Finding]:
    """What the startup gate would say of ``HEALTH_<CHECK>_PERIOD`` and ``_BUDGET``.

    Nobody is asked, and nothing is opened. Of checks that are no vendor's, the default
    period is taken for their own.

    Args:
        config: as the variables make it.
        variables: where each one stands.
    """
    # A probe that there is none of is another rule's.
    knobs = {
        name: one.model_copy(update={"probe": None})
        for name, one in config.health.checks.items()
        if name in CHECKS
    }
    registry = Registry(knobs)
    vendors = vendor_checks(VENDORS, config, VendorPool())
    others = sorted(knobs.keys() - {one.name for one in vendors})
    checks: list[Check] = [*vendors]
    checks += (FunctionCheck(name, _nothing) for name in others)
    for check in checks:
        try:
            registry.add(check)
        except CheckBudgetError as error:
            knob = "BUDGET" if knobs[check.name].period is None else "PERIOD"
            variable = f"HEALTH_{check.name.upper()}_{knob}"
            yield Finding(
                variable=variable,
                severity=Severity.ERROR,
                rule=RULE,
                message=f"is refused at the start: {error}",
                remedy=error.remedy,
                source=variables.place(variable),
            )


def _nothing() -> None:
    """Is never asked."""
