"""What somebody has asked for, with every flag of the three entry points.

Durations are seconds; None leaves the setting or the environment's default.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

__all__ = [
    "EMERGENCY",
    "DeployRequest",
    "MonitorRequest",
    "RollbackRequest",
    "Strategy",
    "Variables",
]

EMERGENCY = "emergency"
"""The reason that implies :attr:`Strategy.IMMEDIATE` and allows a rebuild."""


class Strategy(StrEnum):
    """How a rollback treats requests under way.

    Both switch in the same way and let requests finish in the old processes; what
    ``immediate`` leaves out is the wait after it: it verifies one round, not three.
    """

    GRACEFUL = "graceful"
    IMMEDIATE = "immediate"


class Variables(StrEnum):
    """Which variables a restored deployment gets."""

    TARGET = "target"
    CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A commit is to serve.

    Attributes:
        commit: the whole commit id, see :mod:`app.backend.deploy.planning.target`.
        actor: who asks, for the journal.
        branch: what the commit was found by; shown only.
        migrate: run pending expand revisions first.
        monitor: bake after the switch; without it the run ends after the gate.
        rollback: go back when the bake fails; without it the next command is said.
        bake: how long the release is watched until it counts.
        gate_hold: how long every replica has to be seen healthy before the switch.
        monitor_interval: from one round of probes to the next.
        failure_threshold: failed rounds in a row that are a failure.
        reason: also lifts the quarantine of a commit that was rolled back.
        supersede: take over from a run that is only watching, or was left undecided,
            and cancel what is under way.
        unlocked: go on when the state database cannot be reached.
        rotation: the run that changes a variable and has asked for this, and goes on
            once this has ended; empty: none has.
        way_back: the deployment that a failed bake returns to, also one of the same
            commit; None: last known good. Where ``rollback`` is off, whoever asked
            goes back; a run that is resumed has lost that one, and goes back itself.
        variables: which ones a way back is given, as in :class:`RollbackRequest`.
    """

    environment: str
    commit: str
    actor: str
    branch: str | None = None
    migrate: bool = False
    monitor: bool = True
    rollback: bool = True
    bake: float | None = None
    gate_hold: float | None = None
    monitor_interval: float | None = None
    failure_threshold: int | None = None
    reason: str = ""
    supersede: bool = False
    unlocked: bool = False
    rotation: str = ""
    way_back: str | None = None
    variables: Variables | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the journal keeps it, so that a run can be resumed."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "DeployRequest":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            TypeError, ValueError: it is none.
        """
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in body.items() if name in known}
        if values.get("variables") is not None:
            values["variables"] = Variables(values["variables"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """An earlier deployment is to serve again.

    Attributes:
        target: a run of ours, the platform's id, or a commit (7 digits at least);
            None: last known good.
        reason: ``emergency``, ``user_initiated``, or any words; for the journal.
        allow_rebuild: deploy the commit anew where the platform cannot restore it.
        variables: those that it had, or today's; None: those that it had, unless one
            that the service needs has changed since (contract §7).
        verdict: what a watch has come to that asks for it; None: a person asks.
        rotation: as in :class:`DeployRequest`; it is not taken over from.
    """

    environment: str
    actor: str
    target: str | None = None
    reason: str = "user_initiated"
    strategy: Strategy | None = None
    allow_rebuild: bool = False
    variables: Variables | None = None
    verdict: str | None = None
    rotation: str = ""
    gate_hold: float | None = None
    monitor_interval: float | None = None

    @property
    def takes_over(self) -> bool:
        """Whether a run that is only watching is pushed out.

        A person takes over always; a watch leaves going back to that run.
        """
        return self.verdict is None

    @property
    def emergency(self) -> bool:
        """Whether nothing may stand in its way that can be stepped around."""
        return self.reason == EMERGENCY

    @property
    def immediate(self) -> bool:
        """Whether it is to be quick rather than polite."""
        if self.strategy is None:
            return self.emergency
        return self.strategy is Strategy.IMMEDIATE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the journal keeps it, so that a run can be resumed."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "RollbackRequest":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            TypeError, ValueError: it is none.
        """
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in body.items() if name in known}
        if values.get("strategy") is not None:
            values["strategy"] = Strategy(values["strategy"])
        if values.get("variables") is not None:
            values["variables"] = Variables(values["variables"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRequest:
    """What serves is to be watched, until stopped or for a time.

    Attributes:
        seconds: how long; None: until stopped.
        rollback: go back when it turns bad; without it the next command is said.
    """

    environment: str
    actor: str
    seconds: float | None = None
    monitor_interval: float | None = None
    failure_threshold: int | None = None
    rollback: bool = True
    reason: str = "monitor"
