"""What a rotation was told, so that any process can bring it to its end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from app.backend.deploy.request import DeployRequest, RollbackRequest, Variables

__all__ = ["RotationOrder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationOrder:
    """What its first event keeps; no value is in it.

    What was set since can be read from the platform, and what was there before from
    what the deployment that served was given.

    Attributes:
        variable: its name.
        actor: who asks, for the journal.
        serving: the deployment that served, and is returned to.
        commit: of that one, which is deployed again.
        sets: every variable that it changes.
        bake: as in :class:`DeployRequest`, as are the other three.
    """

    variable: str
    environment: str
    actor: str
    serving: str
    commit: str
    sets: tuple[str, ...]
    bake: float | None = None
    gate_hold: float | None = None
    monitor_interval: float | None = None
    unlocked: bool = False

    def deploy(self, rotation: str = "") -> DeployRequest:
        """The deployment that follows; the way back from it is the rotation's own."""
        return DeployRequest(
            environment=self.environment,
            commit=self.commit,
            actor=self.actor,
            rollback=False,
            way_back=self.serving,
            bake=self.bake,
            gate_hold=self.gate_hold,
            monitor_interval=self.monitor_interval,
            reason=f"rotate {self.variable}",
            unlocked=self.unlocked,
            rotation=rotation,
            variables=Variables.TARGET,
        )

    def go_back(self, rotation: str) -> RollbackRequest:
        """To the deployment that served before: the commit is the same one."""
        return RollbackRequest(
            environment=self.environment,
            actor=self.actor,
            target=self.serving,
            reason=f"rotate {self.variable} has failed",
            # It is built with the variables as they are again.
            allow_rebuild=True,
            variables=Variables.TARGET,
            verdict="fail",
            rotation=rotation,
            gate_hold=self.gate_hold,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the journal keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "RotationOrder":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            TypeError: it is none.
        """
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in body.items() if name in known}
        return cls(**{**values, "sets": tuple(values.get("sets", ()))})
