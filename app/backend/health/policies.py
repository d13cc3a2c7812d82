"""What each endpoint asks of a snapshot, and how it answers: named, pure policies."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from app.backend.health.gate import GateFault
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.snapshot import CheckView, Snapshot

__all__ = ["CORE", "POLICIES", "Policy", "Verdict", "excluding", "single"]

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
        failed: the checks that would turn the answer by themselves.
        blocked: what turned it besides checks; in words that are not public.
        excluded: the checks that the reader wanted left out, and that would be listed.
    """

    status: Status
    ok: bool
    checks: tuple[CheckView, ...]
    why: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    failed: frozenset[str] = frozenset()
    blocked: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

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
    failed = _failed(own, {Status.UNHEALTHY}, maintenance=False)
    if blocked:
        return Verdict(
            status=Status.UNHEALTHY,
            ok=False,
            checks=own,
            why=(*blocked,),
            failed=failed,
            blocked=(*blocked,),
        )
    return Verdict(status=status, ok=not failed, checks=own, why=why, failed=failed)


def startup(snapshot: Snapshot) -> Verdict:
    """May this release take traffic at all? The platform asks until the first yes."""
    gate = snapshot.gate
    sources = {fault.source for fault in gate.faults}
    failures = (fault.failure for fault in gate.faults if fault.failure)
    status = Status.HEALTHY if gate.clean else Status.DEGRADED
    checks = tuple(v for name, v in snapshot.checks.items() if name in sources)
    listed = frozenset(view.name for view in checks)
    others = [fault for fault in gate.faults if fault.source not in listed]
    return Verdict(
        status=status if gate.passed else Status.UNHEALTHY,
        ok=gate.passed,
        checks=checks,
        why=tuple(_reason(fault) for fault in gate.faults),
        failed=frozenset() if gate.passed else listed,
        blocked=() if gate.passed else tuple(_reason(fault) for fault in others),
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
    ok = view.status not in _NO_ANSWER
    return Verdict(
        status=view.status,
        ok=ok,
        checks=(view,),
        why=(f"{view.name}:{view.status}",),
        failed=frozenset() if ok else frozenset({view.name}),
    )


def excluding(policy: Policy, names: Collection[str]) -> Policy:
    """The same endpoint without some checks, as kube-apiserver's ``?exclude=``.

    They neither count nor are listed; a name that the endpoint does not list anyway
    changes nothing.
    """
    if not names:
        return policy

    def decide(snapshot: Snapshot) -> Verdict:
        listed = [view.name for view in policy(snapshot).checks]
        excluded = tuple(name for name in listed if name in names)
        verdict = policy(snapshot.without(excluded))
        return replace(verdict, excluded=excluded)

    return decide


POLICIES: Final[dict[str, Policy]] = {
    "/api/health": health,
    "/api/health/detailed": detailed,
    "/api/health/live": live,
    "/api/health/ready": ready,
    "/api/health/startup": startup,
}
"""The endpoints answered from the snapshot's bytes."""

_NO_ANSWER: Final = frozenset({Status.UNHEALTHY, Status.UNKNOWN})


def _reason(fault: GateFault) -> str:
    return f"{fault.kind}:{fault.source}"


def _report(snapshot: Snapshot, views: Iterable[CheckView]) -> Verdict:
    checks = tuple(views)
    maintenance = snapshot.override(OverrideKind.MAINTENANCE) is not None
    status, why = _worst(checks, maintenance=maintenance)
    failed = _failed(checks, _NO_ANSWER, maintenance=maintenance)
    return Verdict(status=status, ok=not failed, checks=checks, why=why, failed=failed)


def _failed(
    views: Iterable[CheckView], turning: Collection[Status], *, maintenance: bool
) -> frozenset[str]:
    """The checks whose status, as it counts, turns the answer."""
    return frozenset(
        view.name for view in views if _weight(view, maintenance=maintenance) in turning
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
