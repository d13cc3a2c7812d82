"""Which checks there are, and under which policy each one runs."""

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from app.backend.config.settings import SDK_CHECKS, CheckKnobs
from app.backend.health.models import Check, CheckPolicy, ProbeFunction
from app.errors import CheckBudgetError, CheckRegistrationError, DuplicateCheckError

__all__ = ["FunctionCheck", "Registered", "Registry"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_POLICY_FIELDS = frozenset(field.name for field in fields(CheckPolicy))


@dataclass(frozen=True, slots=True)
class FunctionCheck:
    """A function as a check; its name is the function's unless another is given."""

    name: str
    probe: ProbeFunction


@dataclass(frozen=True, slots=True)
class Registered:
    """A check together with the policy it runs under."""

    check: Check
    policy: CheckPolicy

    @property
    def name(self) -> str:
        """The check's name."""
        return self.check.name


class Registry:
    """The checks of one process, in the order in which they were added.

    Args:
        knobs: what ``HEALTH_<CHECK>_*`` changes, by check name.
        base: the policy that every check starts from.
    """

    def __init__(
        self,
        knobs: Mapping[str, CheckKnobs] | None = None,
        base: CheckPolicy | None = None,
    ) -> None:
        self._knobs = dict(knobs or {})
        self._base = base or CheckPolicy()
        self._entries: dict[str, Registered] = {}
        self._names: set[str] = set()
        self._refused: set[str] = set()

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def add(self, candidate: Check | ProbeFunction, **policy: Any) -> None:
        """Registers a check object, or a function that is one.

        Attributes of the candidate named like a policy's fields (``critical``,
        ``period`` …) are its defaults, ``policy`` beats them, ``HEALTH_<CHECK>_*``
        beats both. A check disabled by its knob keeps its name but never runs.

        Raises:
            DuplicateCheckError: the name is taken.
            CheckBudgetError: it would make more calls an hour than its budget allows.
            CheckRegistrationError: it is no check, or its policy is unusable.
        """
        check = _as_check(candidate)
        if check.name in self._names:
            raise DuplicateCheckError(
                f"two checks are named {check.name!r}",
                remedy="rename one of them; names are unique in a process",
            )
        own = {
            name: getattr(candidate, name)
            for name in _POLICY_FIELDS
            if hasattr(candidate, name)
        }
        knobs = self._knobs.get(check.name, CheckKnobs())
        chosen = own | policy | _set_knobs(knobs)
        unknown = chosen.keys() - _POLICY_FIELDS
        if unknown:
            raise CheckRegistrationError(
                f"check {check.name!r}: no policy is called {min(unknown)!r}",
                remedy=f"use one of {', '.join(sorted(_POLICY_FIELDS))}",
            )
        built = replace(self._base, **chosen)
        self._refused.add(check.name)
        _refuse_unusable(check.name, built)
        if knobs.enabled is not False:
            _refuse_probe(check.name, knobs)
            _refuse_over_budget(check.name, built)
        self._refused.discard(check.name)
        self._names.add(check.name)
        if knobs.enabled is not False:
            self._entries[check.name] = Registered(check, built)

    def unused_knobs(self) -> tuple[str, ...]:
        """Names that ``HEALTH_<CHECK>_*`` mentions and no check has, refused or not."""
        return tuple(sorted(self._knobs.keys() - self._names - self._refused))


def _as_check(candidate: Check | ProbeFunction) -> Check:
    name = getattr(candidate, "name", None) or getattr(candidate, "__name__", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        what = f"check {name!r}" if name else f"a {type(candidate).__name__}"
        raise CheckRegistrationError(
            f"{what} has no usable name",
            remedy="name it in lower-case letters, digits and underscores, 64 at most",
        )
    if inspect.isclass(candidate):
        raise CheckRegistrationError(
            f"check {name!r} is a class",
            remedy="register an instance of it",
        )
    if callable(getattr(candidate, "probe", None)):
        return cast("Check", candidate)
    if callable(candidate):
        return FunctionCheck(name, candidate)
    raise CheckRegistrationError(
        f"{name!r} is neither a function nor an object with a probe()",
        remedy="see the section on own checks in docs/extending.md",
    )


def _set_knobs(knobs: CheckKnobs) -> dict[str, Any]:
    chosen = knobs.model_dump(exclude_none=True)
    return {name: value for name, value in chosen.items() if name in _POLICY_FIELDS}


def _refuse_unusable(name: str, policy: CheckPolicy) -> None:
    for field_name, (lowest, highest) in _RANGES.items():
        value = getattr(policy, field_name)
        usable = isinstance(value, int | float) and lowest <= value <= highest
        if not usable:
            raise CheckRegistrationError(
                f"check {name!r}: {field_name} is not between {lowest} and {highest}",
                remedy=f"set HEALTH_{name.upper()}_{field_name.upper()}, or correct "
                "the check",
            )


def _refuse_probe(name: str, knobs: CheckKnobs) -> None:
    if knobs.probe == "sdk" and name not in SDK_CHECKS:
        raise CheckRegistrationError(
            f"check {name!r} has no SDK to ask by",
            remedy=f"take HEALTH_{name.upper()}_PROBE away, or set it to http; by SDK"
            f" can be asked: {', '.join(sorted(SDK_CHECKS))}",
        )


def _refuse_over_budget(name: str, policy: CheckPolicy) -> None:
    calls = policy.calls_per_hour
    if not policy.budget or calls <= policy.budget:
        return
    longest = math.ceil(calls * policy.period / policy.budget)
    prefix = f"HEALTH_{name.upper()}"
    raise CheckBudgetError(
        f"check {name!r} would make up to {math.ceil(calls)} calls an hour, and its"
        f" budget is {policy.budget}",
        remedy=f"set {prefix}_PERIOD to {longest} or more, or {prefix}_BUDGET to what"
        " the vendor may be asked (0: no limit)",
    )


_DAY = 86_400.0
_RANGES = {
    "period": (0.001, _DAY),
    "timeout": (0.001, _DAY),
    "fall": (1, 100),
    "rise": (1, 100),
    "min_time": (0, _DAY),
    "initial_delay": (0, _DAY),
    "stale_periods": (1, 100),
    "calls": (0, 1000),
    "budget": (0, 1_000_000),
}
