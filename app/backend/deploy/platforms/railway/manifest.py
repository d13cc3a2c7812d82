"""The settings that a deployment really ran with: ``meta.serviceManifest``. Pure.

``serviceInstance`` shows what is stored; a deployment is frozen with what held when it
was made, a ``railway.toml`` included as long as Railway reads one. Only here does it
show that something has been lost on the way: ``railway config migrate`` drops overlap,
drain, restart policy and sleep without a word (Railway's CLI 5.43.1).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from app.backend.deploy.platforms.deployment import ServiceSettings
from app.backend.deploy.platforms.railway.keys import Values, canonical, with_defaults
from app.backend.deploy.platforms.railway.stored import (
    Difference,
    differences,
    settings_of,
)
from app.backend.deploy.platforms.railway.wanted import SECTIONS

__all__ = ["ran_with", "said_of", "unmet", "values_of"]


def said_of(meta: Mapping[str, Any] | None) -> Values | None:
    """What a deployment says it ran with; None: it does not tell.

    Args:
        meta: a deployment's, as the API has it.
    """
    manifest = (meta or {}).get("serviceManifest")
    if not isinstance(manifest, Mapping):
        return None
    sections = {
        section: table
        for section in SECTIONS
        if isinstance(table := manifest.get(section), Mapping)
    }
    if "deploy" not in sections:
        return None
    found: dict[str, Any] = {}
    for section, table in sections.items():
        found |= canonical(table, section)
    return MappingProxyType(found)


def values_of(meta: Mapping[str, Any] | None) -> Values | None:
    """The same, with Railway's defaults."""
    found = said_of(meta)
    return MappingProxyType(with_defaults(found)) if found is not None else None


def ran_with(meta: Mapping[str, Any] | None) -> ServiceSettings | None:
    """The same as every platform tells them; None: the deployment does not tell."""
    found = values_of(meta)
    return settings_of(found) if found is not None else None


def unmet(
    wanted: Values, meta: Mapping[str, Any] | None
) -> tuple[Difference, ...] | None:
    """What was wanted and did not hold, of build and deploy; None: nobody can tell."""
    found = values_of(meta)
    return differences(wanted, found) if found is not None else None
