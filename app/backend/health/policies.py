"""What each endpoint asks of a snapshot, and how it answers: named, pure policies."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.snapshot import CheckView, Snapshot

__all__ = ["CORE", "POLICIES", "Policy", "Verdict", "single"]

CORE: Final = ("application", "database", "ai_services", "monitoring")
"""What ``/api/health`` reports: the specification's core list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An endpoint's answer before it is written in any format.

    Attributes:
        status: the word in the body.
        ok: 200 if true, 503 otherwise.
        checks: what the body lists.
        why: what decided, in the order of its weight.
        failures: classes of the faults that hold the startup gate, for anybody: a
            fault of the configuration belongs to no check that would show it.
    """

    status: Status
    ok: bool
    checks: tuple[CheckView, ...]
    why: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def code(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus.OK if self.ok else HTTPStatus.SERVICE_UNAVAILABLE


Policy = Callable[[Snapshot], Verdict]


def live(snapshot: Snapshot) -> Verdict:
    """The process and its event loop, nothing else: a dependency never restarts us."""
    del snapshot
    return Verdict(status=Status.HEALTHY, ok=True, checks=())


def ready(snapshot: Snapshot) -> Verdict:
    """May this replica get requests now? Shared dependencies inform, never evict."""
    own = tuple(
        view for view in snapshot.checks.values() if view.critical and not view.shared
    )
    status, why = _worst(own, maintenance=False)
    blocked = [f"stage:{snapshot.stage}"] if snapshot.stage is not Stage.SERVING else []
    if snapshot.override(OverrideKind.NOT_READY):
        blocked.append("override:not_ready")
    if blocked:
        return Verdict(status=Status.UNHEALTHY, ok=False, checks=own, why=(*blocked,))
    return Verdict(
        status=status, ok=status is not Status.UNHEALTHY, checks=own, why=why
    )


def startup(snapshot: Snapshot) -> Verdict:
    """May this release take traffic at all? The platform asks until the first yes."""
    gate = snapshot.gate
    sources = {fault.source for fault in gate.faults}
    failures = (fault.failure for fault in gate.faults if fault.failure)
    status = Status.HEALTHY if gate.clean else Status.DEGRADED
    return Verdict(
        status=status if gate.passed else Status.UNHEALTHY,
        ok=gate.passed,
        checks=tuple(v for name, v in snapshot.checks.items() if name in sources),
        why=tuple(f"{fault.kind}:{fault.source}" for fault in gate.faults),
        failures=tuple(dict.fromkeys(failures)),
    )


def health(snapshot: Snapshot) -> Verdict:
    """The specification's core list."""
    return _report(
        snapshot, (snapshot.checks[name] for name in CORE if name in snapshot.checks)
    )


def detailed(snapshot: Snapshot) -> Verdict:
    """Every check."""
    return _report(snapshot, snapshot.checks.values())


def single(snapshot: Snapshot, name: str) -> Verdict:
    """One check by its name, as critical as it gets: it is all that was asked for."""
    view = snapshot.checks[name]
    return Verdict(
        status=view.status,
        ok=view.status not in {Status.UNHEALTHY, Status.UNKNOWN},
        checks=(view,),
        why=(f"{view.name}:{view.status}",),
    )


POLICIES: Final[dict[str, Policy]] = {
    "/api/health": health,
    "/api/health/detailed": detailed,
    "/api/health/live": live,
    "/api/health/ready": ready,
    "/api/health/startup": startup,
}
"""The endpoints answered from the snapshot's bytes."""


def _report(snapshot: Snapshot, views: Iterable[CheckView]) -> Verdict:
    checks = tuple(views)
    maintenance = snapshot.override(OverrideKind.MAINTENANCE) is not None
    status, why = _worst(checks, maintenance=maintenance)
    return Verdict(
        status=status,
        ok=status not in {Status.UNHEALTHY, Status.UNKNOWN},
        checks=checks,
        why=why,
    )


def _worst(
    views: Iterable[CheckView], *, maintenance: bool
) -> tuple[Status, tuple[str, ...]]:
    """The worst status that counts, and the checks that have it."""
    weights = [(_weight(view, maintenance=maintenance), view) for view in views]
    worst = max(
        (status for status, _ in weights),
        key=lambda status: status.severity,
        default=Status.HEALTHY,
    )
    if worst.severity == 0:
        return Status.HEALTHY, ()
    return worst, tuple(
        f"{view.name}:{view.status}" for status, view in weights if status is worst
    )


def _weight(view: CheckView, *, maintenance: bool) -> Status:
    """How much a check's status counts: a lesser one degrades, a muted one is mute."""
    if view.muted or view.status is Status.SKIPPED:
        return Status.SKIPPED
    if view.critical and not maintenance:
        return view.status
    degraded = view.status.severity > Status.HEALTHY.severity
    return Status.DEGRADED if degraded else Status.HEALTHY
