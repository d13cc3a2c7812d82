"""Railway's settings, under the names that file, API and manifest share. Pure.

Names and defaults: Railway's config-as-code reference and the API's schema. The same
setting is written in several ways: a command or a list of one, ``20`` or ``"20"``,
replicas with and without regions. Here each has one form, so that two can be compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

__all__ = [
    "KEYS",
    "NO_REGION",
    "REPLICAS",
    "Key",
    "Values",
    "canonical",
    "in_words",
    "replicas_of",
    "same",
    "with_defaults",
]

Values = Mapping[str, Any]
"""Settings by the API's names, each in its one form."""

NO_REGION: Final = ""
"""The region of replicas that are in whichever the project prefers."""
REPLICAS: Final = "replicas"
"""Stands for ``numReplicas``, ``region`` and ``multiRegionConfig``: ``{region: n}``."""

_DOCKERFILE: Final = "Dockerfile"
_COUNT: Final = "numReplicas"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        section: of file and manifest: ``build`` or ``deploy``.
        default: what Railway does where nothing is said; None: nothing, or it tells.
        parse: brings a value into its one form; raises ValueError, which says what it
            has to be.
    """

    section: str
    default: Any
    parse: Callable[[Any], Any]


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise ValueError("has to be text")  # noqa: TRY004 - all refusals are one kind
    return value.strip() or None


def _path(value: Any) -> str | None:
    text = _text(value)
    return text.removeprefix("./").lstrip("/") or None if text else None


def _upper(value: Any) -> str | None:
    text = _text(value)
    return text.upper() if text else None


def _texts(value: Any) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise ValueError("has to be text or a list of texts")  # noqa: TRY004 - as above
    return tuple(text for one in found if (text := _text(one)))


def _whole(value: Any) -> int:
    try:
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if number < 0 or not number.is_integer():
        raise ValueError("has to be a whole number, 0 or more")
    return int(number)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("has to be true or false")  # noqa: TRY004 - as above
    return value


def _regions(value: Any) -> Mapping[str, int]:
    """``{region: {numReplicas: n}}`` or ``{region: n}``; a region without is none."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError("has to be a table of regions")
    counts = {
        str(region): _whole(one.get(_COUNT, 1) if isinstance(one, Mapping) else one)
        for region, one in value.items()
        if one is not None
    }
    found = {name: count for name, count in counts.items() if count}
    if not found:
        raise ValueError("has to have a replica in some region")
    return MappingProxyType(found)


KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "builder": Key("build", None, _upper),
        "buildCommand": Key("build", None, _text),
        "dockerfilePath": Key("build", None, _path),
        "watchPatterns": Key("build", (), _texts),
        "startCommand": Key("deploy", None, _text),
        "preDeployCommand": Key("deploy", (), _texts),
        "healthcheckPath": Key("deploy", None, _text),
        "healthcheckTimeout": Key("deploy", 300, _whole),
        "overlapSeconds": Key("deploy", 0, _whole),
        "drainingSeconds": Key("deploy", 0, _whole),
        "restartPolicyType": Key("deploy", "ON_FAILURE", _upper),
        "restartPolicyMaxRetries": Key("deploy", 10, _whole),
        REPLICAS: Key("deploy", MappingProxyType({NO_REGION: 1}), _regions),
        "cronSchedule": Key("deploy", None, _text),
        "sleepApplication": Key("deploy", False, _flag),  # noqa: FBT003 - a value
    }
)
"""Every setting that can be stored by API, by its name there."""


def canonical(
    said: Mapping[str, Any],
    section: str | None = None,
    *,
    refuse: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
    """Brings what is said into its one form; what nothing is said of is left out.

    Args:
        said: by the names of the API; null is nothing.
        section: read the settings of this one alone; None: of both.
        refuse: is told name and trouble of a value that cannot be understood, and may
            raise; otherwise such a value is left out.
    """
    found: dict[str, Any] = {}
    for name, value in _with_replicas(said).items():
        key = KEYS.get(name)
        if key is None or value is None or section not in {None, key.section}:
            continue
        try:
            parsed = key.parse(value)
        except ValueError as error:
            if refuse is not None:
                refuse(name, str(error))
            continue
        # An empty text takes away what may be missing, and says nothing of the rest.
        if parsed is not None or key.default is None:
            found[name] = parsed
    return _without_dockerfile_builder(found)


def with_defaults(found: Values) -> dict[str, Any]:
    """The same, with what Railway does where nothing is said."""
    said = {name: value for name, value in found.items() if value is not None}
    return {name: key.default for name, key in KEYS.items()} | said


def same(name: str, wanted: Any, found: Any) -> bool:
    """Whether two values of a setting mean the same."""
    if name == REPLICAS and set(wanted) == {NO_REGION}:
        # Where nobody names a region, how many there are is all that is wanted.
        return replicas_of(wanted) == replicas_of(found)
    return bool(wanted == found)


def replicas_of(value: Any) -> int:
    """How many replicas there are in all regions together."""
    return sum(value.values()) if isinstance(value, Mapping) else 0


def in_words(value: Any) -> str:
    """A value for the reader."""
    match value:
        case None | () | "":
            return "nothing"
        case bool():
            return "on" if value else "off"
        case tuple():
            return ", ".join(map(str, value))
        case Mapping():
            return ", ".join(
                f"{count} in {region}" if region else str(count)
                for region, count in sorted(value.items())
            )
        case _:
            return str(value)


def _with_replicas(said: Mapping[str, Any]) -> dict[str, Any]:
    """Joins three settings that are one: several regions beat a region and a count."""
    # Our name for the three is none of Railway's.
    rest = {name: value for name, value in said.items() if name != REPLICAS}
    regions = rest.pop("multiRegionConfig", None)
    count, region = rest.pop(_COUNT, None), rest.pop("region", None)
    if regions:
        rest[REPLICAS] = regions
    elif count is not None or region:
        name = str(region) if region else NO_REGION
        rest[REPLICAS] = {name: 1 if count is None else count}
    return rest


def _without_dockerfile_builder(found: dict[str, Any]) -> dict[str, Any]:
    """The API has no such builder: there a Dockerfile's path says it."""
    if found.get("builder") == "DOCKERFILE":
        del found["builder"]
        found.setdefault("dockerfilePath", _DOCKERFILE)
    return found
