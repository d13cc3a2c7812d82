"""The current snapshot and the bytes that requests are answered with.

Results come in, one immutable snapshot goes out, encoded once. Whoever asks reads
``pages``, which is replaced as a whole.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping

from app.backend.health.announcements import (
    announce_gate,
    announce_overrides,
    announce_transition,
    transition_of,
)
from app.backend.health.gate import GateFault, GateState, judge
from app.backend.health.history import History
from app.backend.health.identity import Identity
from app.backend.health.lifecycle import Lifecycle
from app.backend.health.models import CheckResult, Status
from app.backend.health.overrides import Override, in_force
from app.backend.health.pages import PagePair, render
from app.backend.health.registry import Registered
from app.backend.health.snapshot import CheckView, Snapshot, view_of
from app.backend.health.transition import CheckState, Instant, advance

__all__ = ["Board"]

PUBLISH_GAP = 0.05
"""Seconds between two encodings at least, however many results come in."""
PUBLISH_SHARE = 0.05
"""The share of the loop's time that encoding may take, however many the checks."""

Sanitize = Callable[[CheckResult], CheckResult]


class Board:
    """Takes results, overrides and stages in; publishes snapshot and pages.

    Args:
        checks: the registered checks.
        identify: tells who this replica is.
        lifecycle: whose stage the pages tell.
        sanitize: makes a result safe to keep: redacted, JSON-ready.
        restarts: how often each piece of background work was started again; live.
        unusable: faults found before anything ran; they hold the startup gate.
        gate_grace: seconds for which faults of the world hold it.
        details: whether public pages show details (development only).
    """

    def __init__(
        self,
        checks: Iterable[Registered],
        identify: Callable[[], Identity],
        lifecycle: Lifecycle,
        *,
        sanitize: Sanitize,
        restarts: Mapping[str, int] | None = None,
        unusable: Iterable[GateFault] = (),
        gate_grace: float = 60.0,
        details: bool = False,
    ) -> None:
        self._checks = {entry.name: entry for entry in checks}
        self._identify = identify
        self._lifecycle = lifecycle
        self._sanitize = sanitize
        self._unusable = tuple(unusable)
        self._gate_grace = gate_grace
        self._details = details
        # An empty mapping may be one that is still to be filled.
        self._restarts = {} if restarts is None else restarts
        self._states = {name: CheckState() for name in self._checks}
        self._overrides: tuple[Override, ...] = ()
        self._gate = GateState()
        self._told: GateState | None = None
        self._started = time.monotonic()
        self._next_publish = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._published = False
        self.history = History()
        self.pages: Mapping[str, PagePair] = {}
        self.snapshot = self.publish()

    def record(
        self,
        name: str,
        result: CheckResult,
        *,
        age: float = 0.0,
        pause: float | None = None,
    ) -> None:
        """Takes one result in; on the event loop only.

        Args:
            name: of the check.
            result: what was found.
            age: seconds since then.
            pause: seconds from then to the next attempt; None: as ``backoff.py`` says.
        """
        state, policy = self._states[name], self._checks[name].policy
        result, found = self._sanitize(result), _now(age)
        self._states[name] = advance(state, result, found, policy, pause)
        self.refresh()

    def set_overrides(self, overrides: tuple[Override, ...]) -> None:
        """Takes over what the operators say now."""
        if overrides != self._overrides:
            announce_overrides(self._overrides, overrides)
            self._overrides = overrides
            self.refresh()

    def add_fault(self, fault: GateFault) -> None:
        """Holds the startup gate for good."""
        self._unusable = (*self._unusable, fault)
        self.refresh()

    def urgent(self, entry: Registered) -> bool:
        """Whether the gate waits for this check, or it says that it knows nothing."""
        if entry.policy.gate and not self._gate.clean:
            return True
        latest = self._states[entry.name].latest
        return latest is not None and latest.status is Status.UNKNOWN

    def pause(self, entry: Registered) -> float:
        """Seconds for which its newest result wants it left alone; 0: the period."""
        return self._states[entry.name].pause

    def view(self, name: str) -> CheckView | None:
        """What is known of one check by now, published or not; None: nobody asks."""
        if name not in self._checks:
            return None
        return view_of(self._checks[name], self._states[name], _now())

    def current(self, name: str) -> Snapshot:
        """The snapshot; if this check has just become too old, every page says so now.

        Else one who asks for the check, and then for all, could be told two things.
        """
        view = self.snapshot.checks.get(name)
        if view is None or view.expires is None or view.status is Status.UNKNOWN:
            return self.snapshot
        return self.publish() if time.monotonic() >= view.expires else self.snapshot

    def refresh(self) -> None:
        """Publishes now, or soon if that has only just been done."""
        wait = self._next_publish - time.monotonic()
        if wait <= 0:
            self.publish()
        else:
            self._schedule(wait)

    def close(self) -> None:
        """Ends the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def publish(self) -> Snapshot:
        """Takes a snapshot, encodes it, and puts it in place of the last one."""
        now = _now()
        identity = self._identify()
        overrides = in_force(self._overrides, identity, now.wall)
        self._gate = judge(
            self._gate,
            unusable=self._unusable,
            results=self._gate_results(),
            age=now.monotonic - self._started,
            grace=self._gate_grace,
        )
        known = self.snapshot.checks if self._published else {}
        self.snapshot = snapshot = Snapshot(
            identity=identity,
            taken=now,
            stage=self._lifecycle.stage,
            gate=self._gate,
            checks={
                name: view_of(entry, self._states[name], now, overrides)
                for name, entry in self._checks.items()
            },
            overrides=overrides,
            restarts=dict(self._restarts),
        )
        self._published = True
        self._tell_changes(known)
        self.pages = render(snapshot, details=self._details)
        self._told = announce_gate(self._gate, self._told)
        took = time.monotonic() - now.monotonic
        self._next_publish = now.monotonic + max(PUBLISH_GAP, took / PUBLISH_SHARE)
        self._schedule(self._next_change(now))
        return snapshot

    def _tell_changes(self, known: Mapping[str, CheckView]) -> None:
        """Notes what the snapshot says otherwise than the last one, also by time."""
        for name, view in self.snapshot.checks.items():
            before = known[name].status if known else Status.UNKNOWN
            if view.status is not before:
                transition = transition_of(before, view, self.snapshot.taken)
                self.history.add(transition)
                announce_transition(transition, view.remedy)

    def _gate_results(self) -> list[tuple[str, CheckResult | None]]:
        return [
            (name, self._states[name].latest)
            for name, entry in self._checks.items()
            if entry.policy.gate
        ]

    def _next_change(self, now: Instant) -> float:
        """Seconds until something changes by the passing of time alone."""
        views = self.snapshot.checks.values()
        moments = [view.expires - now.monotonic for view in views if view.expires]
        moments += [
            (one.until - now.wall).total_seconds() for one in self.snapshot.overrides
        ]
        if not self._gate.passed:
            moments.append(self._started + self._gate_grace - now.monotonic)
        return min((moment for moment in moments if moment > 0), default=60.0)

    def _schedule(self, delay: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # built outside a loop; the first result comes inside one
        due = loop.time() + delay
        if self._timer is not None and not self._timer.cancelled():
            if loop.time() < self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay + 0.001, self.publish)


def _now(age: float = 0.0) -> Instant:
    return Instant.of(time.monotonic() - age, time.time() - age)
