"""What services say of one variable's new value, asked before it is set."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.backend.config.environment import Config
from app.backend.config.findings import Finding, Severity
from app.backend.config.variables import Variables
from app.backend.monitoring.redaction import Redactor
from app.cli.env.findings import redacted
from app.cli.env.questions import questions_of
from app.cli.env.reads import ask_all
from app.cli.env.sources import secrets_of
from app.cli.env.verdicts import Asked, findings_of

__all__ = ["Proof", "prove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How far a value is proven; redacted.

    Attributes:
        findings: what was refused or not reached, whichever variable is to blame.
        proven: services that have taken it.
        reached: services that have answered as they should, which proves no key.
    """

    findings: tuple[Finding, ...] = ()
    proven: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Why it cannot be gone on with."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)

    @property
    def words(self) -> str:
        """``openai has taken it``, and what is known besides."""
        told = [f"{name} has taken it" for name in self.proven]
        told += [f"{name} was reached, which proves no key" for name in self.reached]
        return "; ".join([*told, *(one.message for one in self.findings)])


def prove(name: str, variables: Variables, config: Config) -> Proof | None:
    """Asks those services whose read is about that variable, and no others.

    Args:
        name: of the variable.
        variables: with its new value.
        config: read from them.

    Returns:
        None: there is no service to ask.
    """
    questions = [one for one in questions_of(config) if name in one.variables]
    if not questions:
        return None
    asked = ask_all(questions)
    redactor = Redactor(secrets_of(variables))
    found = findings_of(asked, variables, insist=True)
    proven = _services(one for one in asked if one.is_proven)
    reached = _services(one for one in asked if one.is_reached)
    return Proof(
        findings=tuple(redacted(one, redactor) for one in found),
        proven=proven,
        reached=tuple(service for service in reached if service not in proven),
    )


def _services(asked: Iterable[Asked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.question.service for one in asked))
