"""What is wrong with a set of variables, as findings that a person can act on.

Pure: the variables come in as values, and nobody is asked over the network.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from app.backend.config import rules
from app.backend.config.environment import (
    Config,
    Environment,
    Problem,
    read_config,
)
from app.backend.config.findings import Finding, Severity
from app.backend.config.rules import REQUIRED, RULES, Facts
from app.backend.config.variables import Variables
from app.errors import ConfigError

__all__ = ["REQUIRED", "UNUSABLE_VALUE", "is_set", "of_problem", "validate"]

UNUSABLE_VALUE: Final = "unusable-value"
"""The rule that a value breaks which the settings cannot read."""

_ORDER = list(Severity)


def validate(
    variables: Variables,
    environment: Environment | None,
    *,
    now: datetime | None = None,
    replicas: int = 1,
) -> tuple[Config, tuple[Finding, ...]]:
    """Judges variables by what the settings can read, and by the rules.

    Args:
        variables: all that one source gives.
        environment: whose rules apply; None: the one that the variables name, and
            production where they name none that exists.
        now: the time by which expiry is judged; None: the clock's.
        replicas: how many of the service there will be, if somebody has said it.

    Returns:
        The configuration as it would be, and the findings, errors first.
    """
    chosen = {"ENVIRONMENT": environment.value} if environment else {}
    unread = rules.elsewhere(variables)
    given = {
        name: text for name, text in variables.values.items() if name not in unread
    }
    config, problems = _read({**given, **chosen})
    moment = now or datetime.now(UTC)
    facts = rules.collect_facts(variables, config, moment, replicas)
    broken = tuple(_broken(facts))
    # Quotes explain why a value cannot be used, and say better how to mend it.
    explained = {one.variable for one in broken if one.rule == "pasted-quotes"}
    unusable = [
        of_problem(one, source=variables.place(one.variable))
        for one in problems
        if one.variable not in explained
    ]
    found = sorted((*unusable, *broken), key=lambda one: _ORDER.index(one.severity))
    return config, tuple(found)


def of_problem(problem: Problem, *, source: str) -> Finding:
    """A value that cannot be used is an error everywhere, if it is surely ours."""
    return Finding(
        variable=problem.variable,
        severity=Severity.WARNING if problem.is_doubtful else Severity.ERROR,
        rule=UNUSABLE_VALUE,
        message=problem.message,
        remedy=problem.remedy,
        source=source,
    )


def is_set(variable: str, variables: Mapping[str, str]) -> bool:
    """Whether it has a value, or as a secret a file that is said to hold it."""
    return rules.is_set(variable, Variables(values=variables, source=""))


def _broken(facts: Facts) -> Iterator[Finding]:
    for rule in RULES:
        severity = rule.severity.get(facts.config.environment)
        if severity is None:
            continue
        for variable, message in rule.broken(facts):
            yield Finding(
                variable=variable,
                severity=severity,
                rule=rule.name,
                message=message,
                remedy=rule.remedy,
                source=facts.place(variable),
            )


def _read(variables: dict[str, str]) -> tuple[Config, tuple[Problem, ...]]:
    """Reads on where the service would refuse to start (HOST, PORT)."""
    fatal: list[Problem] = []
    while True:
        try:
            config = read_config(variables)
        except ConfigError as error:
            variable, _, message = str(error).partition(": ")
            fatal.append(Problem(variable, message, error.remedy))
            del variables[variable]
        else:
            return config, (*fatal, *config.problems)
