"""All deployments of a service, and how one coming changes the others. Pure.

A service has one deployment that counts: a new one replaces what is active, and drops
what has not got so far (FACTS §3, "Singleton").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from tests.support.railway.lifecycle import Happening, ImpossibleError, Status, follow

__all__ = ["Entry", "Roster"]

_NOTHING: Final[Mapping[str, "Entry"]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment.

    Attributes:
        status: of the schema.
        passed: it was the n-th of all to become active; 0: it never was.
        leaving: something else has become active, and its overlap runs.
    """

    status: Status = Status.INITIALIZING
    passed: int = 0
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Roster:
    """All deployments, in the order in which they were created."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: _NOTHING)

    @property
    def active(self) -> tuple[str, ...]:
        """What is deployed and running, the newest first; two during an overlap."""
        found = [one for one, entry in self.entries.items() if entry.status.is_active]
        return tuple(sorted(found, key=lambda one: -self.entries[one].passed))

    @property
    def serving(self) -> str | None:
        """Where requests go."""
        return next((o for o in self.active if not self.entries[o].leaving), None)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """What may still become active, the oldest first."""
        return tuple(o for o, e in self.entries.items() if e.status.is_unfinished)

    def status(self, deployment: str) -> Status:
        """Of one deployment.

        Raises:
            KeyError: there is none.
        """
        return self.entries[deployment].status

    def created(self, deployment: str) -> "Roster":
        """With one more; an id never comes twice."""
        if deployment in self.entries:
            raise ImpossibleError(f"{deployment} is there already")
        return Roster(MappingProxyType({**self.entries, deployment: Entry()}))

    def after(self, deployment: str, happening: Happening) -> "Roster":
        """With one thing happened to one deployment.

        Raises:
            KeyError: there is none.
            ImpossibleError: it cannot happen to it; becoming active is
                :meth:`activated`.
        """
        if happening is Happening.PASSED:
            raise ImpossibleError("becoming active changes the others, too")
        entry = self.entries[deployment]
        return self._with(
            deployment, replace(entry, status=follow(entry.status, happening))
        )

    def overtaken_by(self, deployment: str) -> tuple[str, ...]:
        """Older ones that end because this one has come so far, the oldest first."""
        order = list(self.entries)
        older = set(order[: order.index(deployment)])
        return tuple(one for one in self.unfinished if one in older)

    def activated(self, deployment: str) -> tuple["Roster", tuple[str, ...]]:
        """With this one active, and those whose time is over at once.

        What was serving begins to leave. What was leaving already may not stay for a
        second overlap: it is in the second part, for its end to be brought about.

        Raises:
            KeyError: there is none.
            ImpossibleError: it cannot become active.
        """
        entry = self.entries[deployment]
        last = max((one.passed for one in self.entries.values()), default=0)
        over = tuple(one for one in self.active if self.entries[one].leaving)
        roster = self._with(
            deployment,
            Entry(follow(entry.status, Happening.PASSED), passed=last + 1),
        )
        for one in over:
            roster = roster.after(one, Happening.RETIRED)
        before = self.serving
        if before is not None:
            roster = roster._with(before, replace(self.entries[before], leaving=True))
        return roster, over

    def _with(self, deployment: str, entry: Entry) -> "Roster":
        return Roster(MappingProxyType({**self.entries, deployment: entry}))
