"""What is wrong with the checks file, in words that show no value."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from app.backend.health.checks.declared.lines import Path, line_of
from app.backend.health.checks.declared.models import CheckTable

__all__ = ["Fault", "fault_at", "faults_of"]

_OWN: Final = "Value error, "


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to mend.

    Attributes:
        line: of the file; 0: of the file as a whole.
    """

    line: int
    message: str
    remedy: str

    def place(self, path: str) -> str:
        """File and line."""
        return f"{path}, line {self.line}" if self.line else path


def fault_at(lines: Mapping[Path, int], path: Path, message: str, remedy: str) -> Fault:
    """A fault of what the path leads to."""
    return Fault(line=line_of(lines, path), message=message, remedy=remedy)


def faults_of(
    error: ValidationError,
    name: str,
    model: type[CheckTable],
    lines: Mapping[Path, int],
    *,
    told: Collection[Path] = (),
) -> Iterator[Fault]:
    """Every fault that the model has found in one table, each field's once.

    Args:
        error: of the model.
        name: of the check.
        model: of its type.
        lines: where everything is written.
        told: fields whose fault is known already.
    """
    seen = set(told)
    for detail in error.errors(include_input=False, include_url=False):
        path = _path(detail["loc"], model)
        # Each member of a union says why it is not the one.
        if path and path in seen:
            continue
        seen.add(path)
        message, remedy = _words(detail, path, model)
        yield fault_at(
            lines, ("checks", name, *path), f"check {name!r}: {message}", remedy
        )


def _path(loc: tuple[int | str, ...], model: type[CheckTable]) -> Path:
    """Without the places of a list and the members of a union, which are no keys."""
    if not loc:
        return ()
    first = str(loc[0])
    keeps_keys = first == "headers" and first in model.model_fields
    return (first, *(str(one) for one in loc[1:2])) if keeps_keys else (first,)


def _words(detail: Any, path: Path, model: type[CheckTable]) -> tuple[str, str]:
    told = str(detail["msg"])
    if not path:
        return told.removeprefix(_OWN), "correct one of them"
    if detail["type"] == "extra_forbidden":
        return _unknown(path[0], model)
    field, example = ".".join(path), _example(path[0], model)
    match detail["type"]:
        case "missing":
            return f"{field} is missing", f"add {example}"
        case "value_error":
            return f"{field} {told.removeprefix(_OWN)}", f"write it as in {example}"
        case "float_type" if _takes_text(path[0], model):
            demand = "has to be seconds, or a duration such as 30s or 5m"
            return f"{field} {demand}", f"write it as in {example}"
        case _:
            return f"{field} {_demand(told)}", f"write it as in {example}"


def _demand(told: str) -> str:
    """Pydantic's words as the rest of a sentence."""
    wanted = re.sub(r"^\w+ should (be|have) ", r"has to \1 ", told)
    if "match pattern" in told:
        return "has to be of another form"
    return wanted if wanted != told else f"cannot be used: {told}"


def _unknown(field: str, model: type[CheckTable]) -> tuple[str, str]:
    kind = model.__name__.removesuffix("Table").lower()
    fields = [*model.model_fields]
    near = difflib.get_close_matches(field, fields, n=1)
    message = f"a check of type {kind} has no field {field!r}"
    if near:
        return f"{message}: did you mean {near[0]}?", f"write {near[0]}"
    own = [one for one in fields if one not in CheckTable.model_fields]
    return message, f"use one of {', '.join(sorted(own))}; or of the policy"


def _takes_text(field: str, model: type[CheckTable]) -> bool:
    examples = model.model_fields[field].examples or ()
    return any(str(one).startswith('"') for one in examples)


def _example(field: str, model: type[CheckTable]) -> str:
    examples = model.model_fields[field].examples or ['"…"']
    return f"{field} = {examples[0]}"
