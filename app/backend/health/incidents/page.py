"""What a status page says, read from the JSON that Statuspage gives it. Pure.

``GET /api/v2/summary.json``: components, incidents that are not resolved, maintenance.
https://www.mongodb.com/docs/api/doc/cloud-status/operation/operation-getstatussummary
describes the shape; pages of incident.io have it too, at the same path, where incidents
name no components.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

__all__ = ["Impact", "Incident", "Page", "PageError", "read_page", "touching"]

_LONGEST: Final = 200
_MOST: Final = 20
_WELL: Final = "operational"
_OVER: Final = frozenset({"resolved", "postmortem", "completed", "scheduled"})
_KNOWN: Final = frozenset(
    {
        *(_WELL, "degraded_performance", "partial_outage", "major_outage"),
        *("under_maintenance", "full_outage"),
    }
)


class PageError(ValueError):
    """It is no status page, or none of this shape."""


class Impact(StrEnum):
    """How much of a vendor an incident touches, in the page's own words."""

    NONE = "none"
    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def weight(self) -> int:
        """Orders impacts; the greatest is the worst."""
        return list(Impact).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident that is under way, or one of no more than a component's status.

    Attributes:
        title: the vendor's words, cut; empty where only a component says it.
        impact: the page's own.
        since: when it began, as the page writes it; else empty.
        components: names of what it touches, as far as the page says.
    """

    title: str = ""
    impact: Impact = Impact.NONE
    since: str = ""
    components: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """JSON-ready, for operators."""
        told: dict[str, object] = {"title": self.title, "impact": self.impact.value}
        if self.since:
            told["since"] = self.since
        return told | {"components": list(self.components)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A status page at one moment.

    Attributes:
        indicator: the worst of everything, of which the checks may need little.
        components: their statuses by name.
        incidents: what is under way, maintenance included, the worst first.
    """

    indicator: Impact
    components: Mapping[str, str]
    incidents: tuple[Incident, ...]


def read_page(body: Any) -> Page:
    """Reads what is known of the shape, and passes over the rest.

    Raises:
        PageError: it has no components, or no list of incidents.
    """
    components = _list(body, "components")
    found = [*_list(body, "incidents"), *_maintenance(body)]
    if not components:
        raise PageError("the page lists no components")
    status = body.get("status")
    current = [incident for one in found for incident in _current(one)]
    return Page(
        indicator=_impact(status.get("indicator") if isinstance(status, dict) else ""),
        components={
            _text(one.get("name")): _text(one.get("status"))
            for one in components
            if isinstance(one, dict) and one.get("group") is not True
        },
        incidents=tuple(sorted(current, key=lambda one: -one.impact.weight)),
    )


def touching(page: Page, wanted: re.Pattern[str]) -> Incident | None:
    """The worst incident that touches a component of such a name; None: there is none.

    An incident without components touches those that are not well; one without impact
    does not count by itself. What a component says of itself is an incident as well.
    """
    mine = [name for name in page.components if wanted.search(name)]
    unwell = tuple(name for name in mine if page.components[name] in _KNOWN - {_WELL})
    for incident in page.incidents:
        touched = tuple(name for name in mine if name in incident.components)
        if incident.impact is Impact.NONE and not unwell:
            continue
        if touched:
            return replace(incident, components=touched)
        if unwell and not incident.components:
            return replace(incident, components=unwell)
    if not unwell:
        return None
    statuses = sorted({page.components[name].replace("_", " ") for name in unwell})
    return Incident(title=", ".join(statuses), impact=page.indicator, components=unwell)


def _current(one: Any) -> Iterator[Incident]:
    if not isinstance(one, dict) or _text(one.get("status")) in _OVER:
        return
    named = one.get("components")
    names = [
        _text(each.get("name"))
        for each in (named if isinstance(named, list) else [])
        if isinstance(each, dict)
    ]
    yield Incident(
        title=_text(one.get("name")),
        impact=_impact(one.get("impact")),
        since=_text(one.get("started_at") or one.get("created_at")),
        components=tuple(names[:_MOST]),
    )


def _maintenance(body: Mapping[str, Any]) -> Iterator[Any]:
    """What is under way of it; the one who works on something is to blame as well."""
    planned = body.get("scheduled_maintenances")
    for one in planned if isinstance(planned, list) else []:
        if isinstance(one, dict):
            yield {"impact": Impact.MAINTENANCE.value, **one}


def _list(body: Any, name: str) -> list[Any]:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise PageError(f"the page has no list of {name}")
    return found


def _impact(value: Any) -> Impact:
    """What nobody knows is minor: the page says that something is the matter."""
    if value in set(Impact):
        return Impact(value)
    return Impact.MINOR if value else Impact.NONE


def _text(value: Any) -> str:
    """One line of the vendor's words, without what a terminal could take for a command.

    The page is not ours: its words are cut, and shown to operators only.
    """
    if not isinstance(value, str):
        return ""
    words = "".join(char if char.isprintable() else " " for char in value[:_LONGEST])
    return " ".join(words.split())
