"""Reads the checks file: what it declares, and all that is wrong with it."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from app.backend.config.plain_file import read_start
from app.backend.config.references import LARGEST_FILE
from app.backend.health.checks.declared.faults import Fault, fault_at, faults_of
from app.backend.health.checks.declared.lines import Path, line_of, lines_of
from app.backend.health.checks.declared.models import TABLES, AnyTable
from app.backend.health.checks.declared.references import Given, names_in, resolved

__all__ = ["CheckFile", "Declaration", "parse", "read_checks_file"]

_TABLE: Final = "checks"
_SHOWN: Final = "docs/extending.md shows each type"
_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One check, as it is declared without a fault."""

    name: str
    line: int
    table: AnyTable


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFile:
    """What a file says.

    Attributes:
        faults: of the file, and of the declarations that are therefore none.
    """

    declarations: tuple[Declaration, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_checks_file(path: str, given: Given) -> CheckFile:
    """Reads a file; one that cannot be read has a fault, and nothing is raised."""
    try:
        content = read_start(path, LARGEST_FILE + 1)
        if content is None:
            trouble = "is no regular file"
        elif len(content) > LARGEST_FILE:
            trouble = f"is larger than {LARGEST_FILE} bytes"
        else:
            return parse(content.decode("utf-8-sig"), given)
    except (OSError, ValueError) as error:
        trouble = f"cannot be read ({type(error).__name__})"
    remedy = "point HEALTH_CHECKS_FILE to a TOML file, from where the service starts"
    return CheckFile(faults=(Fault(line=0, message=trouble, remedy=remedy),))


def parse(text: str, given: Given) -> CheckFile:
    """Reads the text of a file; every fault at once. Pure, and nothing is raised."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return CheckFile(faults=(_no_toml(str(error), text),))
    except (ValueError, RecursionError) as error:
        # A number of too many digits, or brackets in brackets without an end.
        return CheckFile(faults=(_no_toml(type(error).__name__, text),))
    lines = lines_of(text)
    faults = _strangers(document, lines)
    tables = document.get(_TABLE, {})
    declarations = []
    for name, table in tables.items() if isinstance(tables, dict) else ():
        declaration, wrong = _declared(name, table, given, lines)
        faults += wrong
        if declaration is not None:
            declarations.append(declaration)
    return CheckFile(
        declarations=tuple(declarations),
        faults=tuple(sorted(faults, key=lambda fault: fault.line)),
    )


def _no_toml(told: str, text: str) -> Fault:
    """Its line is in the words; what lacks an end is told at the last one."""
    found = _LINE.search(told)
    last = len(text.splitlines()) if found else 0
    return Fault(
        line=int(found[1]) if found and found[1] else last,
        message=f"is no TOML: {_LINE.sub('', told)}",
        remedy="see https://toml.io",
    )


def _strangers(document: Mapping[str, Any], lines: Mapping[Path, int]) -> list[Fault]:
    """What is no check, where only checks are expected."""
    remedy = f"write [{_TABLE}.NAME]; {_SHOWN}"
    faults = [
        fault_at(lines, (name,), f"{name!r} is no table of checks", remedy)
        for name in document
        if name != _TABLE
    ]
    if not isinstance(document.get(_TABLE, {}), dict):
        told = f"{_TABLE!r} is no table"
        faults.append(fault_at(lines, (_TABLE,), told, remedy))
    return faults


def _misnamed(kind: object) -> str:
    if kind is None:
        return "missing"
    near = difflib.get_close_matches(str(kind), TABLES, n=1)
    return f"unknown: did you mean {near[0]}?" if near else "unknown"


def _declared(
    name: str, table: object, given: Given, lines: Mapping[Path, int]
) -> tuple[Declaration | None, list[Fault]]:
    """The declaration, or what keeps it from being one.

    What refers to a sealed variable is neither: nobody can tell.
    """
    here = (_TABLE, name)
    if not isinstance(table, dict):
        remedy = f"write [{_TABLE}.{name}]; {_SHOWN}"
        return None, [fault_at(lines, here, f"check {name!r} is no table", remedy)]
    kind = table.get("type")
    model = TABLES.get(kind) if isinstance(kind, str) else None
    if model is None:
        told = f"check {name!r}: type is {_misnamed(kind)}"
        remedy = f"write type = one of {', '.join(TABLES)}; {_SHOWN}"
        return None, [fault_at(lines, (*here, "type"), told, remedy)]
    if given.sealed & {*names_in(table)}:
        return None, []
    known, unresolved = resolved(table, given)
    faults = [
        fault_at(
            lines, (*here, *path), f"check {name!r}: {'.'.join(path)} {why}", remedy
        )
        for path, (why, remedy) in unresolved.items()
    ]
    try:
        read = model.model_validate(known)
    except ValidationError as error:
        found = faults_of(error, name, model, lines, told=unresolved)
        return None, [*faults, *found]
    if faults:
        return None, faults
    return Declaration(name=name, line=line_of(lines, here), table=read), []
