"""What was seen while things were changed; judged afterwards. Holds no values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.backend.deploy.platforms.railway.deployments import Node
from app.backend.deploy.platforms.railway.keys import Values
from app.backend.deploy.platforms.railway.tokens import TokenKind

__all__ = ["FIRST", "SECOND", "Answer", "Evidence", "Look"]

FIRST: Final = "one"
SECOND: Final = "two"
"""What the marker variable holds at the two deployments; no secrets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of something that was asked for.

    Attributes:
        taken: whether it was; None: that cannot be told.
        words: how, or why not.
    """

    taken: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class Look:
    """What one request has shown of the service.

    Attributes:
        nodes: its newest deployments and what is active, by id.
        active: ids of ``activeDeployments``, in the order in which they came.
    """

    nodes: Mapping[str, Node]
    active: Sequence[str]

    def status(self, deployment: str) -> str | None:
        """Railway's word; None: it was not listed."""
        node = self.nodes.get(deployment)
        return None if node is None else str(node["status"])


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Everything that the facts are judged by; what was not come to stays empty.

    Attributes:
        kind: of the token.
        looks: in the order of time.
        first: the deployment that was made with the marker at :data:`FIRST`,
        second: the next one, at :data:`SECOND`, and
        back: what the rollback to the first has made.
        made: these, as soon as they are known.
        stored: settings that were stored when a deployment was asked for, by its id.
        events: its steps, by its id; absent: they cannot be read.
        file: what the commit's ``railway.toml`` says; None: that is not known here.
        file_unknown: why it is not.
        marker: what the stored marker was after the rollback; "": it was gone.
        snapshot: whether the first one's has the marker.
        deleted: whether a deployment came of deleting a variable; None: not tried.
        autodeploy: what came of switching it off,
        rollback: of the rollback, and
        rule: of making a notification rule.
        stopped: why it did not come to its end.
        scale: seconds of Railway's times for each of the clock's; a simulator hurries.
    """

    kind: TokenKind
    looks: list[Look] = field(default_factory=list, repr=False)
    first: str | None = None
    second: str | None = None
    back: str | None = None
    made: list[str] = field(default_factory=list)
    stored: dict[str, Values] = field(default_factory=dict)
    events: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    file: Values | None = None
    file_unknown: str = ""
    marker: str | None = None
    snapshot: Answer | None = None
    deleted: bool | None = None
    autodeploy: Answer | None = None
    rollback: Answer | None = None
    rule: Answer | None = None
    stopped: str = ""
    scale: float = 1.0

    def statuses(self, deployment: str) -> list[str]:
        """Those that a deployment was seen in, each once."""
        seen = (look.status(deployment) for look in self.looks)
        return list(dict.fromkeys(one for one in seen if one is not None))

    def status(self, deployment: str) -> str:
        """The one that it was seen in last; "" if it never was."""
        return (self.statuses(deployment) or [""])[-1]

    def meta(self, deployment: str) -> Mapping[str, Any] | None:
        """Its ``meta`` as it was seen last."""
        for look in reversed(self.looks):
            if deployment in look.nodes:
                meta: Mapping[str, Any] | None = look.nodes[deployment]["meta"]
                return meta
        return None
