"""How the text of a variable becomes a value, and what a group of them is."""

import json
from contextlib import suppress
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

__all__ = [
    "Duration",
    "Flag",
    "Group",
    "Names",
    "PositiveSeconds",
    "Seconds",
    "parse_duration",
    "signing_keys",
]


def _split(value: object) -> object:
    """The parts between commas; or of a list in JSON, as Pydantic's users write it."""
    if not isinstance(value, str):
        return value
    with suppress(ValueError, RecursionError):
        listed = json.loads(value)
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return tuple(part.strip() for part in listed if part.strip())
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _flag(value: object) -> object:
    """Reads 1/true/yes and 0/false/no (contract §7), as shells and CI write them."""
    if isinstance(value, str):
        known = {"1": True, "true": True, "yes": True, "on": True}
        known |= {"0": False, "false": False, "no": False, "off": False}
        return known.get(value.strip().lower(), value)
    return value


def parse_duration(value: object) -> object:
    """Seconds of ``90``, ``90s``, ``30m``, ``1h`` or ``30d``; all else is passed on."""
    if isinstance(value, str):
        text = value.strip().lower()
        number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
        with suppress(ValueError):
            return float(number) * _UNITS[unit]
    return value


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Flag = Annotated[bool, BeforeValidator(_flag)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Duration = Annotated[Seconds, BeforeValidator(parse_duration)]


class Group(BaseModel):
    """A frozen group; unknown keys are refused so that a misspelt field is found."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def signing_keys(
    current: SecretStr | None, previous: SecretStr | None
) -> tuple[SecretStr, ...]:
    """The first one signs, all are accepted for reading; none without a current one.

    A previous key alone signs nothing: it is on its way out.
    """
    if current is None:
        return ()
    return (current,) if previous is None else (current, previous)
