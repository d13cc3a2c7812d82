"""Examines one source's variables: the rules, then the services themselves."""

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.backend.config.environment import (
    Config,
    knob_of,
    known_variables,
    read_config,
)
from app.backend.config.findings import Finding, Severity
from app.backend.config.validation import is_set, validate
from app.backend.config.variables import Variables
from app.backend.monitoring.observability import configure_logging
from app.backend.monitoring.redaction import Redactor
from app.cli.env.findings import Verdict, redacted
from app.cli.env.naming import another_environment, name_environment
from app.cli.env.sources import refuse_ambiguous, secrets_of

if TYPE_CHECKING:
    from app.cli.env.verdicts import Asked

__all__ = ["Wish", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the options of the command line ask for.

    Attributes:
        environment: of ``--environment``.
        source: of ``--source``; a platform's names an environment.
        connect: whether who cannot be reached is an error.
    """

    environment: str | None
    source: str | None
    verbose: bool
    strict: bool
    offline: bool
    connect: bool


def examine(variables: Variables, wish: Wish) -> Verdict:
    """Judges the variables, says on stderr whose rules apply, and asks the services.

    Raises:
        UnreadableSourceError: they name no environment that there is, or a secret
            twice.
    """
    redactor = Redactor(secrets_of(variables))
    _keep_quiet(redactor)
    refuse_ambiguous(variables)
    named, origin = name_environment(
        variables, flag=wish.environment, source=wish.source
    )
    click.echo(f"environment {named} ({origin})", err=True)
    config, found = validate(variables, named)
    findings = [*found, *another_environment(variables, named)]
    findings += _declared(config, variables)
    findings += _over_budget(config, variables)
    asked, spared = (None, ()) if wish.offline else _ask(config, findings)
    # These alone are redacted: a server's words may quote what it was sent. The rules'
    # own hold no value, and a secret such as "postgres" would only be cut out of them.
    findings += (redacted(one, redactor) for one in _answers(asked, variables, wish))
    order = list(Severity)
    findings.sort(key=lambda one: order.index(one.severity))
    return Verdict(
        environment=named.value,
        origin=origin,
        source=redactor.redact(variables.source),
        findings=tuple(
            replace(one, source=redactor.redact(one.source)) for one in findings
        ),
        strict=wish.strict,
        files=frozenset({variables.source} if Path(variables.source).is_file() else ()),
        asked=asked,
        spared=spared,
        variables=_presence(variables) if wish.verbose else None,
        places=variables.places,
    )


def _keep_quiet(redactor: Redactor) -> None:
    """What libraries log, and what nobody catches, goes out redacted and on stderr."""
    configure_logging(config=read_config({}), redactor=redactor, stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)


def _declared(config: Config, variables: Variables) -> Iterable[Finding]:
    if config.health.checks_file is None:
        return ()
    from app.cli.env.declared import declared_findings  # noqa: PLC0415 - few have one

    return declared_findings(config, variables)


def _over_budget(config: Config, variables: Variables) -> Iterable[Finding]:
    if not config.health.checks:
        return ()
    from app.cli.env.budgets import budget_findings  # noqa: PLC0415 - few need it

    return budget_findings(config, variables)


def _ask(
    config: Config, findings: Iterable[Finding]
) -> "tuple[tuple[Asked, ...], tuple[str, ...]]":
    """Asks the services, and names those that were not asked.

    A key that is known to be wrong may be somebody else's, and is shown to nobody.
    """
    from app.cli.env.questions import ALTOGETHER, questions_of  # noqa: PLC0415 - httpx
    from app.cli.env.reads import ask_all, within_reach  # noqa: PLC0415 - as above

    blamed = {one.variable for one in findings if one.severity is Severity.ERROR}
    questions = questions_of(config)
    wanted = [one for one in questions if blamed.isdisjoint(one.variables)]
    spared = (one.service for one in questions if one not in wanted)
    if count := len({one.service for one in wanted if within_reach(one)}):
        services = f"{count} service{'s' * (count != 1)}"
        click.echo(f"asking {services}, up to {ALTOGETHER:g} s", err=True)
    return ask_all(wanted), tuple(dict.fromkeys(spared))


def _answers(
    asked: "tuple[Asked, ...] | None", variables: Variables, wish: Wish
) -> Iterable[Finding]:
    from app.cli.env.verdicts import findings_of  # noqa: PLC0415 - 0.2 s

    return findings_of(asked or (), variables, insist=wish.connect)


def _presence(variables: Variables) -> Mapping[str, str]:
    """Whether each variable of the settings is there; in no case what it says.

    Of the checks' knobs, of which there are hundreds, only those that are.
    """
    there = {}
    knobs = {name for name in (*variables.values, *variables.sealed) if knob_of(name)}
    for name in sorted(known_variables().keys() | knobs):
        if is_set(name, variables.values):
            there[name] = "set"
        elif {name, f"{name}_FILE"} & variables.sealed:
            there[name] = "sealed"
        else:
            there[name] = "not set"
    return there
