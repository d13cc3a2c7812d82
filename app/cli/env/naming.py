"""Which environment's rules apply, and who says so."""

import os
from collections.abc import Iterator
from typing import Final

from app.backend.config.environment import Environment, read_config
from app.backend.config.findings import Finding, Severity
from app.backend.config.variables import Variables
from app.cli.env.sources import PROCESS_PLACE, environment_of
from app.errors import UnreadableSourceError

__all__ = ["another_environment", "name_environment"]

_NAME: Final = "ENVIRONMENT"
_RAILWAYS: Final = "RAILWAY_ENVIRONMENT_NAME"
_DEFAULT: Final = "PM33_DEFAULT_ENVIRONMENT"
_CHOICES: Final = ", ".join(Environment)


def name_environment(
    variables: Variables, *, flag: str | None, source: str | None
) -> tuple[Environment, str]:
    """The environment, and in words who has named it.

    Args:
        variables: may name it themselves.
        flag: of ``--environment``; it comes first.
        source: of ``--source``; a platform's own name tells.

    Raises:
        UnreadableSourceError: what is named is none.
    """
    if flag is not None:
        return Environment(flag), "from --environment"
    if source is not None and (of_source := environment_of(source)):
        return Environment(of_source), "from --source"
    for name, given in _sayings(variables):
        value = given.values.get(name, "").strip()
        if name == _NAME and value and value.lower() not in set(Environment):
            raise UnreadableSourceError(
                f"{given.place(name)} sets ENVIRONMENT to none that there is",
                remedy=f"set one of {_CHOICES}, or name one with --environment",
            )
        if value:
            whose = "" if given is variables else " of the shell"
            return read_config({name: value}).environment, f"from {name}{whose}"
    return read_config({}).environment, "by default"


def another_environment(variables: Variables, chosen: Environment) -> Iterator[Finding]:
    """What is to be given to a service, and tells it to be another one.

    A process's own ``ENVIRONMENT`` is beaten by the option, as everywhere.
    """
    set_ = (one for one in (_NAME, _RAILWAYS) if variables.values.get(one, "").strip())
    name = next(set_, None)
    if name is None or variables.source == PROCESS_PLACE:
        return
    value = variables.values[name].strip().lower()
    known = value in set(Environment)
    # As the settings read it: what they do not know counts as production.
    counts = read_config({name: value}).environment
    if counts == chosen and (known or name == _RAILWAYS):
        return
    told = f"names {value}" if known else "names no environment that there is"
    told += f", which counts as {counts}" if not known and name == _RAILWAYS else ""
    yield Finding(
        variable=name,
        severity=Severity.WARNING if known or name == _RAILWAYS else Severity.ERROR,
        rule="environment-mismatch",
        message=f"{told}, and {chosen} was asked for",
        remedy=f"set ENVIRONMENT to {chosen}, or ask for the other",
        source=variables.place(name),
    )


def _sayings(variables: Variables) -> Iterator[tuple[str, Variables]]:
    """The variables first, then the shell: a file may leave it to the job that asks.

    A default is asked last: it counts where nothing else speaks.
    """
    sources = [variables]
    if variables.source != PROCESS_PLACE:
        sources.append(Variables(values=os.environ, source=PROCESS_PLACE))
    for given in sources:
        yield from ((name, given) for name in (_NAME, _RAILWAYS))
    yield from ((_DEFAULT, given) for given in sources)
