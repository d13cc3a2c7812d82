"""What is wrong with a set of variables, as findings that a person can act on.

Pure: the variables come in as a mapping, and nobody is asked over the network.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from app.backend.config.environment import (
    Config,
    Environment,
    Problem,
    known_variables,
    read_config,
)
from app.backend.config.findings import Finding, Severity
from app.errors import ConfigError

__all__ = ["REQUIRED", "Rule", "is_set", "validate"]

REQUIRED: Final[Mapping[str, str | None]] = {
    "DATABASE_URL": None,
    "DB_POOL_SIZE": None,
    "DB_SSL_REQUIRE": None,
    "ANTHROPIC_API_KEY": "anthropic",
    "OPENAI_API_KEY": "openai",
    "TOGETHER_API_KEY": "together",
    "PINECONE_API_KEY": "pinecone",
    "PINECONE_ENVIRONMENT": "pinecone",
    "PINECONE_INDEX": "pinecone",
    "SUPABASE_URL": "supabase",
    "SUPABASE_ANON_KEY": "supabase",
    "SUPABASE_SERVICE_ROLE_KEY": "supabase",
    "RESEND_API_KEY": "resend",
    "STRIPE_SECRET_KEY": "stripe",
    "STRIPE_PUBLISHABLE_KEY": "stripe",
    "STRIPE_WEBHOOK_SECRET": "stripe",
    "SENTRY_DSN": "sentry",
    "POSTHOG_PROJECT_API_KEY": "posthog",
    "PM33_SLACK_WEBHOOK": "slack",
    "SECRET_KEY": None,
    "JWT_SECRET": None,
}
"""The specification's list, with the service each belongs to, if it can be left out."""

_SERVICES = frozenset(filter(None, REQUIRED.values()))
# Pinecone's serverless indexes have none; the specification's list has it.
_MAY_BE_MISSING = frozenset({"PINECONE_ENVIRONMENT"})


class Rule(StrEnum):
    """What a finding breaks."""

    UNUSABLE_VALUE = "unusable-value"
    REQUIRED = "required"
    UNKNOWN_SERVICE = "unknown-service"


def validate(
    variables: Mapping[str, str], environment: Environment | None, *, source: str
) -> tuple[Config, tuple[Finding, ...]]:
    """Judges variables by what the settings can read, and what must be there.

    In production the whole list of the specification is required, except the
    variables of services that ``PM33_DISABLED_SERVICES`` names.

    Args:
        variables: all there are, as in a process environment.
        environment: whose rules apply; None: the one that the variables name, and
            production where they name none that exists.
        source: where they come from, in words.

    Returns:
        The configuration as it would be, and the findings, errors first.
    """
    chosen = {"ENVIRONMENT": environment.value} if environment else {}
    config, problems = _read({**variables, **chosen})
    found = [of_problem(problem, source=source) for problem in problems]
    found += _unknown_services(config, source)
    if config.is_production:
        found += _missing(variables, config, source)
    order = list(Severity)
    return config, tuple(sorted(found, key=lambda one: order.index(one.severity)))


def of_problem(problem: Problem, *, source: str) -> Finding:
    """A value that cannot be used is an error everywhere."""
    return Finding(
        variable=problem.variable,
        severity=Severity.ERROR,
        rule=Rule.UNUSABLE_VALUE,
        message=problem.message,
        remedy=problem.remedy,
        source=source,
    )


def is_set(variable: str, variables: Mapping[str, str]) -> bool:
    """Whether it has a value, or as a secret a file that is said to hold it."""
    names = [variable]
    if known_variables().get(variable):
        names.append(f"{variable}_FILE")
    return any(variables.get(name, "").strip() for name in names)


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


def _unknown_services(config: Config, source: str) -> Iterator[Finding]:
    for name in config.services.disabled:
        if name.lower() not in _SERVICES:
            yield Finding(
                variable="PM33_DISABLED_SERVICES",
                severity=Severity.WARNING,
                rule=Rule.UNKNOWN_SERVICE,
                message=f"{name!r} is no service, so nothing is left out by it",
                remedy=f"name some of: {', '.join(sorted(_SERVICES))}",
                source=source,
            )


def _missing(
    variables: Mapping[str, str], config: Config, source: str
) -> Iterator[Finding]:
    disabled = {name.lower() for name in config.services.disabled}
    for variable, service in REQUIRED.items():
        if service in disabled or is_set(variable, variables):
            continue
        optional = variable in _MAY_BE_MISSING
        or_without = f", or name {service} in PM33_DISABLED_SERVICES"
        yield Finding(
            variable=variable,
            severity=Severity.INFO if optional else Severity.ERROR,
            rule=Rule.REQUIRED,
            message="is not set",
            remedy="pod-based indexes need it; serverless ones have none"
            if optional
            else f"set it{or_without if service else ''}",
            source=source,
        )
