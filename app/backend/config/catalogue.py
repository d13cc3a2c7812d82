"""What is known of each variable, in words: the settings, turned around."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from app.backend.config.environment import knob_of
from app.backend.config.model import Config, Environment, fields
from app.backend.config.settings import CheckKnobs, parse_duration

__all__ = ["CHECK", "Entry", "catalogue", "look_up"]

CHECK: Final = "<CHECK>"
"""Stands for the name of a check in ``HEALTH_<CHECK>_PERIOD`` and its like."""

_CHECKS: Final = "One check, by its name in capitals; unset, its own default"
_WHERE: Final = "Where the service runs"
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One variable.

    Attributes:
        description: what it is for, and its unit.
        kind: what its text has to be, in words.
        default: as it would be written; None: there is none, or the description
            says what stands in for it.
        secret: whether its value is never shown.
        group: the family it belongs to, in words.
    """

    name: str
    description: str
    kind: str
    default: str | None
    secret: bool
    group: str

    @property
    def file_variant(self) -> str | None:
        """The variable that may name a file with the value instead."""
        return f"{self.name}_FILE" if self.secret else None


@cache
def catalogue() -> Mapping[str, Entry]:
    """Every variable by its name, in the order of the settings."""
    return MappingProxyType({entry.name: entry for entry in _entries()})


def look_up(name: str) -> Entry | None:
    """What a name means: a variable, its ``_FILE``, or a knob of any check."""
    entries = catalogue()
    if name in entries:
        return entries[name]
    knob = knob_of(name)
    if knob is not None:
        return replace(entries[f"HEALTH_{CHECK}_{knob[1].upper()}"], name=name)
    entry = entries.get(name.removesuffix("_FILE"))
    return entry if entry is not None and entry.file_variant == name else None


def _entries() -> Iterator[Entry]:
    yield from _of_the_environment()
    for group, field, _, secret in fields():
        model = Config.model_fields[group].annotation
        heading = (model.__doc__ or "").splitlines()[0].rstrip(".")
        yield _entry(str(field.alias), field, secret=secret, group=heading)
    for knob, field in CheckKnobs.model_fields.items():
        name = f"HEALTH_{CHECK}_{knob.upper()}"
        yield _entry(name, field, secret=False, group=_CHECKS)


def _of_the_environment() -> Iterator[Entry]:
    """What is read before there is a model, since it decides the defaults."""
    described = {
        "ENVIRONMENT": "Which rules and defaults apply; unset, "
        "RAILWAY_ENVIRONMENT_NAME decides, else PM33_DEFAULT_ENVIRONMENT.",
        "PM33_DEFAULT_ENVIRONMENT": "Which rules apply where nothing else says so; "
        "the image sets production.",
    }
    defaults = {"PM33_DEFAULT_ENVIRONMENT": Environment.DEVELOPMENT.value}
    for name, description in described.items():
        yield Entry(
            name=name,
            description=description,
            kind=f"one of {', '.join(Environment)}",
            default=defaults.get(name),
            secret=False,
            group=_WHERE,
        )


def _entry(name: str, field: FieldInfo, *, secret: bool, group: str) -> Entry:
    type_, metadata = _unwrapped(field.annotation, field.metadata)
    duration = any(
        isinstance(one, BeforeValidator) and one.func is parse_duration
        for one in metadata
    )
    return Entry(
        name=name,
        description=field.description or "",
        kind="duration such as 90s, 30m, 2h or 30d"
        if duration
        else _kind(type_, metadata),
        default=_written(field.default, duration=duration),
        secret=secret,
        group=group,
    )


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """The type without ``| None`` and ``Annotated``, and all that these carry."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        carried = [m for one in more for m in getattr(one, "metadata", [one])]
        return _unwrapped(inner, [*metadata, *carried])
    parts = [one for one in get_args(annotation) if one is not NoneType]
    if len(parts) < len(get_args(annotation)):
        return _unwrapped(parts[0], metadata)
    return annotation, metadata


def _kind(type_: Any, metadata: list[Any]) -> str:
    if get_origin(type_) is Literal:
        choices = get_args(type_)
        return f"one of {', '.join(choices)}" if len(choices) > 1 else str(choices[0])
    if get_origin(type_) is tuple:
        return "list, separated by commas"
    if type_ in _NUMBERS:
        return f"{_NUMBERS[type_]}{_bounds(metadata)}"
    return _PLAIN.get(type_, "text")


_NUMBERS: Final[Mapping[Any, str]] = {int: "whole number", float: "number"}
_PLAIN: Final[Mapping[Any, str]] = {bool: "true or false", Path: "path"}


def _bounds(metadata: list[Any]) -> str:
    # A bound is an object of a kind of its own, with one attribute named like it.
    bounds = {
        name: getattr(one, name)
        for one in metadata
        for name in ("ge", "gt", "le")
        if hasattr(one, name)
    }
    match bounds:
        case {"ge": low, "le": high}:
            return f" from {low} to {high}"
        case {"gt": low, "le": high}:
            return f", more than {low} and at most {high}"
        case {"ge": low}:
            return f", {low} or more"
        case _:
            return ""


def _written(default: object, *, duration: bool) -> str | None:
    match default:
        case None | ():
            return None
        case bool():
            return str(default).lower()
        case Enum():
            return str(default.value)
        case float() if duration and default >= _DAY and default % _DAY == 0:
            return f"{default / _DAY:g}d"
        case float():
            return f"{default:g}"
        case _:
            return str(default)
