"""How the one model of everything that can be set is read.

Reading never fails: a value that cannot be used is replaced by its default and kept
as a :class:`Problem`, so that the startup gate can show all of them at once.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from app.backend.config.model import Config, Environment, Problem, fields, plain_names
from app.backend.config.plain_file import read_start
from app.backend.config.references import referenced
from app.backend.config.settings import CHECKS, CheckKnobs
from app.errors import ConfigError

__all__ = [
    "Config",
    "Environment",
    "Problem",
    "configured_secrets",
    "get_config",
    "knob_of",
    "known_variables",
    "read_config",
]

_LARGEST_SECRET: Final = 131_072
"""Bytes; a variable could hold no more (Linux, ``MAX_ARG_STRLEN``)."""

# The longest knob first, so that MIN_TIME is not read as TIME of a check ..._MIN.
_KNOBS = "|".join(sorted(map(str.upper, CheckKnobs.model_fields), key=len)[::-1])
_KNOB = re.compile(rf"HEALTH_(?P<check>[A-Z0-9_]+?)_(?P<knob>{_KNOBS})")


def get_config() -> Config:
    """Reads the process environment; unusable values become ``Config.problems``."""
    return read_config(os.environ)


def configured_secrets() -> tuple[str, ...]:
    """Every secret of the process environment, also where the rest is unusable."""
    values, _ = _collect(os.environ)
    own = (
        values[group][str(field.alias)]
        for group, field, _, secret in fields()
        if secret and str(field.alias) in values.get(group, {})
    )
    others = values.get("health", {}).get("references", {})
    return (*own, *(others[name] for name in others.keys() - plain_names()))


def known_variables() -> Mapping[str, bool]:
    """Every variable that sets a field, and whether ``NAME_FILE`` may stand for it."""
    return {str(field.alias): secret for _, field, _, secret in fields()}


def knob_of(variable: str) -> tuple[str, str] | None:
    """The check and the knob that a ``HEALTH_<CHECK>_<KNOB>`` sets, in lower case.

    None for any other name, the health system's own settings among them.
    """
    match = _KNOB.fullmatch(variable)
    if match is None or variable in known_variables():
        return None
    return match["check"].lower(), match["knob"].lower()


def read_config(environ: Mapping[str, str]) -> Config:
    """Builds the configuration from any mapping of variables.

    Raises:
        ConfigError: ``HOST`` or ``PORT`` cannot be used; without them nothing binds.
    """
    values, problems = _collect(environ)
    while True:
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            problems += _drop_invalid(values, error)
        else:
            break
    for problem in problems:
        if problem.variable in {"HOST", "PORT"}:
            raise ConfigError(
                f"{problem.variable}: {problem.message}", remedy=problem.remedy
            )
    return config.model_copy(update={"problems": tuple(problems)})


def _collect(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for group, field, _, secret in fields():
        variable = str(field.alias)
        text = environ.get(variable, "")
        if secret and not text and environ.get(f"{variable}_FILE"):
            text = _read_secret_file(variable, environ[f"{variable}_FILE"], problems)
        if text:
            values.setdefault(group, {})[variable] = text
    values["environment"] = _environment(environ, problems)
    knobs = _knobs(environ)
    if knobs:
        values.setdefault("health", {})["checks"] = knobs
    references = _references(environ, problems)
    if references:
        values.setdefault("health", {})["references"] = references
    return values, problems


def _references(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """What the file of declared checks wants of the variables, theirs and others'."""
    path = environ.get("HEALTH_CHECKS_FILE")
    known = known_variables()
    found = {}
    for name in referenced(path) if path else ():
        text = environ.get(name, "")
        if not text and environ.get(f"{name}_FILE"):
            # What is wrong with a setting's own file has been said.
            told = [] if known.get(name) else problems
            text = _read_secret_file(name, environ[f"{name}_FILE"], told)
        if text:
            found[name] = text
    return found


def _read_secret_file(variable: str, path: str, problems: list[Problem]) -> str:
    secret = ""
    try:
        content = read_start(path, _LARGEST_SECRET + 1)
        if content is None:
            trouble = "the file is no regular one"
        elif len(content) > _LARGEST_SECRET:
            trouble = f"the file is larger than {_LARGEST_SECRET} bytes"
        else:
            secret = content.decode("utf-8").strip()
            trouble = "" if secret else "the file is empty"
    except (OSError, ValueError) as error:
        trouble = f"the file cannot be read ({type(error).__name__})"
    if trouble:
        remedy = "point it to a readable text file that holds the secret alone"
        problems.append(Problem(f"{variable}_FILE", trouble, remedy))
    return secret


def _environment(environ: Mapping[str, str], problems: list[Problem]) -> Environment:
    """ENVIRONMENT, else Railway's name, else the image's default, else development.

    What cannot be understood is production.

    The strict side is the safe default: details of the health report are public in
    development only.
    """
    for variable in _NAMING:
        named = environ.get(variable, "").strip().lower()
        if named in set(Environment):
            return Environment(named)
        if named:
            if variable != _RAILWAYS:  # there, environments have names of any kind
                problems.append(
                    Problem(
                        variable,
                        f"is none of {', '.join(Environment)}",
                        "set one of these; production's rules apply meanwhile",
                    )
                )
            return Environment.PRODUCTION
    return Environment.DEVELOPMENT


_RAILWAYS = "RAILWAY_ENVIRONMENT_NAME"
_NAMING: Final = ("ENVIRONMENT", _RAILWAYS, "PM33_DEFAULT_ENVIRONMENT")


def _knobs(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    knobs: dict[str, dict[str, str]] = {}
    for variable, text in environ.items():
        if text and (found := knob_of(variable)) is not None:
            check, knob = found
            knobs.setdefault(check, {})[knob] = text
    return knobs


def _drop_invalid(values: dict[str, Any], error: ValidationError) -> list[Problem]:
    problems = []
    for detail in error.errors(include_input=False, include_url=False):
        group, *path = (str(part) for part in detail["loc"])
        if path[0] == "checks":
            _, check, knob, *_ = path
            values["health"]["checks"][check].pop(knob, None)
            variable = f"HEALTH_{check.upper()}_{knob.upper()}"
            is_doubtful = check not in CHECKS
        else:
            variable, is_doubtful = path[0], False
            values[group].pop(variable, None)
        problems.append(
            Problem(
                variable,
                f"cannot be used: {_reason(variable, detail['msg'], detail['type'])}",
                "correct the value; without one its default counts",
                is_doubtful,
            )
        )
    return problems


def _reason(variable: str, message: str, kind: str) -> str:
    """What it has to be, in our words; nothing that could quote the value."""
    if kind == "value_error":
        return "it has the wrong form"
    bound = message.removeprefix("Input should be ")
    if bound != message and kind in _BOUNDS:
        return f"it has to be {bound}"
    from app.backend.config.catalogue import look_up  # noqa: PLC0415 - which reads this module

    entry = look_up(variable)
    wanted = entry.kind if entry and entry.kind != "text" else "of another form"
    return f"it has to be {_WORDS.get(wanted, wanted)}"


_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_WORDS = {
    "true or false": "true or false (also 1, yes and on; 0, no and off)",
    "number": "a number",
    "duration such as 90s, 30m, 2h or 30d": "a duration such as 90s, 30m, 2h or 30d",
}
