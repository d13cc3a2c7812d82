"""One moment of everything that is known, immutable."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.backend.health.gate import GateState
from app.backend.health.identity import Identity
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import Override, OverrideKind
from app.backend.health.registry import Registered
from app.backend.health.transition import CheckState, Instant, is_stale

__all__ = ["CheckView", "Snapshot", "view_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """What a snapshot says of one check.

    ``valid_until`` is on the wall clock, for readers; ``expires`` is the same moment
    on the monotonic clock, for decisions; both are unset before the first result.
    """

    name: str
    status: Status
    critical: bool
    shared: bool
    checked_at: datetime | None = None
    valid_until: datetime | None = None
    expires: float | None = None
    checked_monotonic: float | None = None
    since: datetime | None = None
    latency_ms: float | None = None
    failure: Failure | None = None
    message: str = ""
    remedy: str = ""
    data: Mapping[str, Any]
    latest: Status | None = None
    latest_failure: Failure | None = None
    flapping: bool = False
    muted: bool = False

    def as_unknown(self) -> "CheckView":
        """The same check when its newest result is too old to be believed."""
        return replace(
            self,
            status=Status.UNKNOWN,
            since=self.valid_until,
            failure=None,
            message="the newest result is too old",
            remedy="see the log: the loop that refreshes this check has stopped",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that the endpoints are rendered from."""

    identity: Identity
    taken: Instant
    stage: Stage
    gate: GateState
    checks: Mapping[str, CheckView]
    overrides: tuple[Override, ...] = ()
    restarts: Mapping[str, int]

    def override(self, kind: OverrideKind) -> Override | None:
        """The first override of this kind that is in force."""
        return next((one for one in self.overrides if one.kind is kind), None)

    def as_unknown(self) -> "Snapshot":
        """The same snapshot once it has become too old as a whole."""
        return replace(
            self,
            checks={
                name: view if view.status is Status.SKIPPED else view.as_unknown()
                for name, view in self.checks.items()
            },
        )

    def without(self, names: Collection[str]) -> "Snapshot":
        """The same snapshot as if these checks did not exist, nor hold the gate."""
        faults = tuple(one for one in self.gate.faults if one.source not in names)
        gate = replace(self.gate, faults=faults)
        if self.gate.faults and not faults:
            gate = GateState(passed=True, clean=True)
        return replace(
            self,
            gate=gate,
            checks={k: view for k, view in self.checks.items() if k not in names},
        )


def view_of(
    entry: Registered,
    state: CheckState,
    now: Instant,
    overrides: Iterable[Override] = (),
) -> CheckView:
    """Renders one check's state as it is at ``now``."""
    muted = any(
        one.kind is OverrideKind.MUTE and one.check == entry.name for one in overrides
    )
    view = CheckView(
        name=entry.name,
        status=state.status,
        critical=entry.policy.critical,
        shared=entry.policy.shared,
        data={},
        muted=muted,
        flapping=state.flapping,
    )
    if state.checked is None or state.shown is None or state.latest is None:
        return replace(view, message="no result yet")
    validity = entry.policy.validity_after(state.pause)
    view = replace(
        view,
        checked_at=state.checked.wall,
        valid_until=state.checked.wall + timedelta(seconds=validity),
        expires=state.checked.monotonic + validity,
        checked_monotonic=state.checked.monotonic,
        since=state.since.wall if state.since else None,
        latency_ms=state.latest.latency_ms,
        failure=None if state.status is Status.HEALTHY else state.shown.failure,
        message=state.shown.message,
        remedy=state.shown.remedy,
        data=state.latest.data,
        latest=state.latest.status,
        latest_failure=state.latest.failure,
    )
    return view.as_unknown() if is_stale(state, now, entry.policy) else view
