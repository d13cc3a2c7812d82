"""What is wrong with the configuration, as the startup gate lists it. Pure."""

from collections.abc import Iterable

from app.backend.config.environment import Config, Problem
from app.backend.config.findings import Finding, Severity
from app.backend.config.rules import TIMED
from app.backend.health.gate import FaultKind, GateFault
from app.backend.health.models import Failure

__all__ = ["config_faults"]

_MODES = frozenset({"stripe-live-key", "stripe-test-key"})


def config_faults(
    config: Config, findings: Iterable[Finding] = ()
) -> tuple[GateFault, ...]:
    """Values that cannot be used, and errors of rules that do not depend on the clock.

    Time would refuse an old release that was good in its own. What cannot be used is
    told once, however many rules mind its absence; where it may be somebody else's
    variable, it holds nothing.

    Args:
        config: with what could not be read of it.
        findings: of :func:`~app.backend.config.validation.validate`.
    """
    problems = tuple(one for one in config.problems if not one.is_doubtful)
    unusable = {one.variable for one in problems}
    broken = (one for one in findings if one.variable not in unusable and _holds(one))
    return (*map(_fault, problems), *map(_fault, broken))


def _holds(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.rule not in TIMED


def _fault(found: Problem | Finding) -> GateFault:
    wrong_mode = isinstance(found, Finding) and found.rule in _MODES
    return GateFault(
        source=found.variable,
        kind=FaultKind.RELEASE,
        failure=Failure.WRONG_MODE if wrong_mode else Failure.CONFIG,
        message=f"{found.variable} {found.message}",
        remedy=found.remedy,
    )
