"""The file of declared checks, judged as the service will read it."""

from collections.abc import Iterator
from typing import Final

from app.backend.config.environment import Config
from app.backend.config.findings import Finding, Severity
from app.backend.config.settings import CHECKS
from app.backend.config.variables import Variables
from app.backend.health.checks.declared.faults import Fault
from app.backend.health.checks.declared.file import Declaration, read_checks_file
from app.backend.health.checks.declared.references import Given
from app.backend.health.registry import FunctionCheck, Registry
from app.errors import CheckRegistrationError

__all__ = ["RULE", "UNHEARD", "declared_findings"]

RULE: Final = "declared-check"
"""The rule that a faulty declaration breaks."""
UNHEARD: Final = "heartbeat-token"
"""The rule that a heartbeat breaks that no job can send."""
_VARIABLE: Final = "HEALTH_CHECKS_FILE"
_TOKEN: Final = "PM33_HEARTBEAT_TOKEN"  # noqa: S105 - the variable's name


def declared_findings(config: Config, variables: Variables) -> Iterator[Finding]:
    """What the startup gate would say of the file, each fault at its line.

    Nothing where the file is for another machine, and not here.

    Args:
        config: as the variables make it.
        variables: what a reference may stand for, sealed ones included.
    """
    file = config.health.checks_file
    if file is None or not (variables.are_own or file.exists()):
        return
    given = Given(config.health.references, variables.sealed)
    read = read_checks_file(str(file), given)
    for fault in (*read.faults, *_refused(read.declarations, config)):
        yield Finding(
            variable=_VARIABLE,
            severity=Severity.ERROR,
            rule=RULE,
            message=f"declares what cannot be used: {fault.message}",
            remedy=fault.remedy,
            source=fault.place(str(file)),
        )
    yield from _unheard(read.declarations, config, variables)


def _unheard(
    declarations: tuple[Declaration, ...], config: Config, variables: Variables
) -> Iterator[Finding]:
    """Without the token nothing takes a beat, and each one comes to be overdue."""
    token = config.security.heartbeat_token
    if _TOKEN in variables.sealed or (token and token.get_secret_value().strip()):
        return
    names = [one.name for one in declarations if one.table.type == "heartbeat"]
    if names:
        yield Finding(
            variable=_TOKEN,
            severity=Severity.WARNING,
            rule=UNHEARD,
            message=f"is not set, so no job can report to {', '.join(names)}",
            remedy="set it to a random value, for the service and for its jobs",
            source=variables.place(_TOKEN),
        )


def _refused(declarations: tuple[Declaration, ...], config: Config) -> Iterator[Fault]:
    """What the registry does not take: a name, a budget."""
    knobs = config.health.checks
    registry = Registry({name: knobs[name] for name in knobs.keys() - CHECKS})
    for taken in sorted(CHECKS):
        registry.add(FunctionCheck(taken, _nothing))
    for one in declarations:
        try:
            registry.add(FunctionCheck(one.name, _nothing), **one.table.policy)
        except CheckRegistrationError as error:
            yield Fault(line=one.line, message=str(error), remedy=error.remedy)


def _nothing() -> None:
    """Is never asked."""
