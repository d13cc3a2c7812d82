"""Each fault of Railway's that can be scripted, when it strikes, and what has to come.

The names are those of FACTS §10, "Fault injection". Seconds are Railway's and the
run's, which are the same.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.backend.deploy.records.ending import Ending
from app.errors import OpsError
from tests.support.railway.faults import Fault

__all__ = ["BAKE", "UNFAMILIAR", "Cell", "Serves", "When"]

BAKE: Final = 120.0
"""Seconds for which a release is watched where nothing else is said."""


UNFAMILIAR: Final = "Cannot read properties of undefined (reading 'id')"
"""An error that nobody has foreseen, from behind what a mutation does."""


class When(StrEnum):
    """What is going on when the fault strikes."""

    DEPLOY = "a deploy, from its beginning"
    FOLLOW = "a deploy, once Railway has taken it"
    WATCH = "a deploy, once its release is watched"
    UNDO = "a deploy whose release answers nobody well"
    BACK = "a rollback that somebody asks for"
    EMERGENCY = "a rollback in an emergency"
    MONITOR = "a watch of what serves"


class Serves(StrEnum):
    """What users get in the end."""

    OLD = "the release before"
    NEW = "the release that was deployed"
    OTHER = "what somebody else has deployed"
    NOBODY = "nothing"


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one time, and what has to come of it.

    Attributes:
        fault: of the simulator's.
        name: what it is called in a list of tests.
        ending: how the run ends, or the error that it is refused with.
        script: arguments of :meth:`.Faults.add`.
        within: seconds until then.
        deploys: how often the release is deployed; never more than once.
        backs: how many deployments are made to bring the old one back.
        cause: words that the reader is told.
        resumed: how the run ends that is gone on with when nothing is wrong any more;
            None: it has ended for good.
        bake: seconds for which the release is watched.
        log: what the report shows of the release's log; None: as it happens to be.
    """

    fault: Fault
    name: str
    when: When
    ending: Ending | type[OpsError]
    serves: Serves
    _: KW_ONLY
    script: Mapping[str, Any] = field(default_factory=dict)
    within: float = 240.0
    deploys: int = 1
    backs: int = 0
    cause: str = ""
    resumed: Ending | None = None
    bake: float = BAKE
    log: tuple[str, ...] | None = None
    quick: bool = False

    @property
    def identity(self) -> str:
        """Names its test."""
        return f"{self.fault}: {self.name}, {self.when.name.lower()}"
