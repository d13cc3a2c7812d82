"""Whether a deployment was run as the plan had said. Pure.

A platform may lose a setting on the way: what it has stored, what it reads of a file
and what it really does are three things.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = ["unmet", "unmet_words"]

_BUILD: Final = "build"
_REGIONS: Final = "regions"


def unmet(
    wanted: Mapping[str, Any], ran_with: ServiceSettings | None
) -> dict[str, tuple[Any, Any]]:
    """What was otherwise: by name, the value that was wanted and the one that was used.

    Args:
        wanted: the plan's; what it says nothing of may be anything.
        ran_with: as the deployment tells it; None: it does not.
    """
    if ran_with is None:
        return {}
    used = ran_with.to_dict()
    # Who names no region wants none in particular.
    passed = {_BUILD} if wanted.get(_REGIONS) else {_BUILD, _REGIONS}
    names = [one.name for one in fields(ServiceSettings) if one.name not in passed]
    found = {
        name: (wanted[name], used[name])
        for name in names
        if name in wanted and wanted[name] != used[name]
    }
    built = used[_BUILD]
    return found | {
        name: (value, built.get(name))
        for name, value in (wanted.get(_BUILD) or {}).items()
        if value != built.get(name)
    }


def unmet_words(deployment: str, found: Mapping[str, tuple[Any, Any]]) -> str:
    """The same for the reader; empty: everything is as wanted."""
    told = (
        f"{name} {used} instead of {wanted}" for name, (wanted, used) in found.items()
    )
    return f"{deployment} runs with {', '.join(told)}" if found else ""
