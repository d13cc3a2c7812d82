"""What a rule is, and the facts that rules are asked about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.backend.config.environment import Config, Environment
from app.backend.config.findings import Severity
from app.backend.config.rules.known import KNOWN, SECRETS
from app.backend.config.rules.placeholders import is_placeholder
from app.backend.config.variables import Variables

__all__ = [
    "EVERYWHERE",
    "QUOTES",
    "Broken",
    "Facts",
    "Rule",
    "collect_facts",
    "is_set",
    "severities",
]

QUOTES: Final = "\"'`\u201c\u201d\u201e\u2018\u2019"
"""What people and word processors put around values."""

Broken = Iterable[tuple[str, str]]
"""Pairs of a variable and what is wrong with it, in words that show no value."""


def severities(
    production: Severity | None = None,
    staging: Severity | None = None,
    development: Severity | None = None,
) -> Mapping[Environment, Severity]:
    """How much a rule matters, by environment; None: it is not asked there."""
    given = {
        Environment.PRODUCTION: production,
        Environment.STAGING: staging,
        Environment.DEVELOPMENT: development,
    }
    return {place: severity for place, severity in given.items() if severity}


EVERYWHERE: Final = severities(Severity.ERROR, Severity.ERROR, Severity.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that rules may look at.

    Attributes:
        variables: what the source gave.
        config: what the settings made of it.
        now: the time by which expiry is judged.
        texts: the known variables' values (those of secrets in files, too), without
            what was pasted around them, and without placeholders.
        placeholders: the known variables that hold a placeholder.
        replicas: how many of the service there will be; 1 where nobody says it.
    """

    variables: Variables
    config: Config
    now: datetime
    texts: Mapping[str, str] = field(repr=False)
    placeholders: frozenset[str]
    replicas: int = 1

    def text(self, name: str) -> str | None:
        """A value to judge; None: not set, sealed, or a placeholder."""
        return self.texts.get(name)

    def is_there(self, name: str) -> bool:
        """Whether it has any value, be it sealed, in a file, or a placeholder."""
        if name in self.texts or name in self.placeholders:
            return True
        return is_set(name, self.variables)

    def place(self, name: str) -> str:
        """Where a variable stands, be it as a file's name."""
        file = f"{name}_FILE"
        by_file = name not in self.variables.values and file in self.variables.values
        return self.variables.place(file if by_file else name)

    def needs(self, service: str) -> bool:
        """Whether a service is in use: ``PM33_DISABLED_SERVICES`` does not name it."""
        return self.config.services.uses(service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold of some variables.

    Attributes:
        name: in kebab case; a finding names it.
        variables: whose values it may blame.
        severity: by environment; where there is none, the rule is not asked.
        reason: why it is one, and who says so.
        remedy: what to do where it is broken.
        timed: whether a clock alone can break it. Such a rule does not hold the
            startup gate: a rollback must not be refused because time has passed.
        broken: finds what breaks it.
    """

    name: str
    variables: tuple[str, ...]
    severity: Mapping[Environment, Severity]
    reason: str
    remedy: str
    timed: bool = False
    broken: Callable[[Facts], Broken]


def is_set(name: str, variables: Variables) -> bool:
    """Whether it has a value, or as a secret a file that is said to hold it."""
    names = (name, f"{name}_FILE") if name in SECRETS else (name,)
    return any(
        one in variables.sealed or variables.values.get(one, "").strip()
        for one in names
    )


def collect_facts(
    variables: Variables, config: Config, now: datetime, replicas: int = 1
) -> Facts:
    """Prepares the values for the rules, once for all of them."""
    given = dict(config.named_secrets()) | {
        name: text for name in KNOWN if (text := variables.values.get(name))
    }
    texts = {name: text for name, raw in given.items() if (text := _cleaned(raw))}
    placeholders = frozenset(n for n, text in texts.items() if is_placeholder(n, text))
    return Facts(
        variables=variables,
        config=config,
        now=now,
        texts={n: text for n, text in texts.items() if n not in placeholders},
        placeholders=placeholders,
        replicas=replicas,
    )


def _cleaned(raw: str) -> str:
    """The value that was meant: without blanks and quotes around it."""
    return raw.strip().strip(QUOTES).strip()
