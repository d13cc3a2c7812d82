"""What a deploy was told and has found, read back from its events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.request import DeployRequest, RollbackRequest
from app.backend.deploy.running.run import Run
from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.limits import Limits

__all__ = [
    "Order",
    "baseline_of",
    "limits_of",
    "order_of",
    "release_of",
    "rollback_request",
]


@dataclass(frozen=True, slots=True)
class Order:
    """What a deploy was told, as its first event keeps it."""

    request: DeployRequest
    plan: Mapping[str, Any]

    @property
    def serving(self) -> str | None:
        """The deployment that served when the plan was made."""
        return (self.plan.get("serving") or {}).get("id")

    @property
    def fallen(self) -> str | None:
        """The commit of what served then, if that had crashed."""
        serving = self.plan.get("serving") or {}
        crashed = serving.get("status") == DeploymentStatus.CRASHED
        return serving["commit"] if crashed else None

    @property
    def migrates(self) -> bool:
        """Whether there is something to migrate, or may be."""
        return bool(self.plan["migrate"]) and self.plan["pending"] != []

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the commit is run."""
        return self.plan["settings"]  # type: ignore[no-any-return]


def order_of(run: Run) -> Order:
    """Reads it back.

    A run that is resumed goes back itself where somebody would have done that for it:
    whoever it was has ended.
    """
    request = DeployRequest.from_dict(run.state.request)
    resumed = any("resumed_by" in note.data for note in run.state.notes)
    if resumed and request.way_back is not None:
        request = replace(request, rollback=True)
    return Order(request, run.state.plan)


def rollback_request(run: Run) -> RollbackRequest | None:
    """What was asked for; None when a deploy goes back by itself."""
    if run.state.kind != "rollback":
        return None
    return RollbackRequest.from_dict(run.state.request)


def baseline_of(run: Run) -> Baseline:
    """How it was before; empty when nothing served."""
    kept = run.fact("preflight", "baseline")
    return Baseline.from_dict(kept) if kept else Baseline()


def release_of(run: Run) -> str:
    """The deployment that this run has made."""
    return str(run.fact("deploy", "deployment"))


def limits_of(run: Run) -> Limits:
    """How much is too much, as asked for or as set."""
    asked, settings = order_of(run).request, run.tools.config.deployment
    return Limits(
        threshold=asked.failure_threshold or settings.failure_threshold,
        interval=asked.monitor_interval or settings.monitor_interval,
    )
