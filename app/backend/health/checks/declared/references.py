"""``${NAME}`` in a check's table, and what stands for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr

from app.backend.config.references import REFERENCE
from app.backend.health.checks.declared.lines import Path

__all__ = ["Given", "names_in", "resolved"]

_MAY_REFER: Final = frozenset({"url", "headers", "dsn", "host"})


@dataclass(frozen=True, slots=True)
class Given:
    """What a reference may stand for.

    Attributes:
        values: of the variables that are set.
        sealed: names that are set, and whose values nobody may read.
    """

    values: Mapping[str, SecretStr] = field(default_factory=dict)
    sealed: frozenset[str] = frozenset()


def names_in(value: object) -> Iterator[str]:
    """The names that a table refers to, wherever in it."""
    match value:
        case str():
            yield from REFERENCE.findall(value)
        case dict():
            for inner in value.values():
                yield from names_in(inner)
        case _:
            pass


def resolved(
    table: Mapping[str, Any], given: Given
) -> tuple[dict[str, Any], dict[Path, tuple[str, str]]]:
    """The table with the variables' values in it.

    Returns:
        The table, and for each field that cannot be resolved, and is as it was, why
        that is so and what to do.
    """
    unresolved: dict[Path, tuple[str, str]] = {}

    def resolve(value: Any, path: Path) -> Any:
        if not isinstance(value, str):
            return value
        fault = _fault(value, path, given)
        if fault is not None:
            unresolved[path] = fault
            return value
        return REFERENCE.sub(lambda found: _text(given, found[1]), value)

    known: dict[str, Any] = {}
    for key, value in table.items():
        if key == "headers" and isinstance(value, dict):
            known[key] = {k: resolve(one, (key, k)) for k, one in value.items()}
        else:
            known[key] = resolve(value, (key,))
    return known, unresolved


def _text(given: Given, name: str) -> str:
    # A newline at the end of a pasted value is no part of it.
    return given.values[name].get_secret_value().strip()


def _fault(value: str, path: Path, given: Given) -> tuple[str, str] | None:
    """Why a text cannot be resolved, and what to do; None if it can."""
    names = REFERENCE.findall(value)
    if path[0] not in _MAY_REFER:
        if not names:
            return None
        places = ", ".join(sorted(_MAY_REFER))
        return f"takes no ${{{names[0]}}}", f"only these do: {places}"
    if "${" in REFERENCE.sub("", value):
        return "has a ${ that begins no name", "write it as in ${SHOP_TOKEN}"
    missing = next((one for one in names if one not in given.values), None)
    if missing is None:
        return None
    return (
        f"refers to {missing}, which is not set",
        f"set {missing}, or {missing}_FILE",
    )
