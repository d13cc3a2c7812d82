"""A case of the table, and short ways to write several of a kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.backend.config.environment import Environment
from app.backend.config.findings import Severity

__all__ = [
    "DEVELOPMENT",
    "ERROR",
    "INFO",
    "PRODUCTION",
    "STAGING",
    "WARNING",
    "Case",
    "Change",
    "Expected",
    "alike",
    "case",
]

PRODUCTION, STAGING, DEVELOPMENT = (
    Environment.PRODUCTION,
    Environment.STAGING,
    Environment.DEVELOPMENT,
)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

Change = dict[str, str | None]
"""Variables set to another value, or taken away (None)."""

Expected = tuple[str, Severity, str]
"""A finding: variable, severity, rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is changed in which environment, and every finding, errors first.

    Attributes:
        own: whether the process that judges has itself been given the variables.
    """

    name: str
    environment: Environment
    change: Change = field(repr=False)
    expected: tuple[Expected, ...]
    own: bool = False


def case(
    name: str,
    environment: Environment,
    change: Change,
    *expected: Expected,
    own: bool = False,
) -> Case:
    """One case, and all that is found."""
    return Case(
        name=name, environment=environment, change=change, expected=expected, own=own
    )


def alike(
    name: str,
    change: Change,
    variable: str,
    rule: str,
    **severity: Severity | None,
) -> Iterator[Case]:
    """The same change in several environments; without a severity, nothing is found."""
    for environment, found in severity.items():
        expected = ((variable, found, rule),) if found else ()
        yield case(
            f"{name} in {environment}", Environment(environment), change, *expected
        )
