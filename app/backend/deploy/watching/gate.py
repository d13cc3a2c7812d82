"""Lets a new deployment through once it has proved who it is, and that it is well."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.backend.deploy.watching.baseline import Baseline, Probing
from app.backend.deploy.watching.clock import Clock, SystemClock, pause
from app.backend.deploy.watching.control import Control, NoControl, ask
from app.backend.deploy.watching.gate_state import GateState, look_through
from app.backend.deploy.watching.samples import Expected, Sample
from app.backend.deploy.watching.shared import doubtful
from app.backend.deploy.watching.verdict import Decision, Rule, Verdict, counted

__all__ = ["GateLimits", "GateReport", "GateState", "gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What it takes.

    Attributes:
        replicas: how many different ones.
        hold: seconds for which each has to be seen well, without a break.
        deadline: seconds without progress until the gate stays shut.
        interval: seconds from one round to the next.
        patience: seconds for which users may get no good answer, where they go to the
            release already; None: they do not yet.
    """

    replicas: int = 1
    hold: float = 10.0
    deadline: float = 300.0
    interval: float = 1.0
    patience: float | None = None

    def is_late(self, state: GateState, now: float) -> bool:
        """Whether it has been waited for long enough."""
        if now > state.progress_at + self.deadline + self.hold:
            return True
        if self.patience is None or state.lost_since is None:
            return False
        return now - state.lost_since >= self.patience


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """How the gate has decided.

    Attributes:
        verdict: ``fail``: the release is at fault; ``inconclusive``: something shared
            is, or it was stopped. Only ``ok`` lets it through.
        rule: what has decided.
        reason: one sentence; no secrets.
        healthy: the replicas that were well for the whole time.
        wanted: how many it takes.
        seconds: how long it took.
        kept_out: somebody on users' way has answered 429 in the release's place, and
            nothing speaks against that itself.
        evidence: the last probes that spoke against it.
    """

    verdict: Verdict
    rule: Rule
    reason: str
    healthy: tuple[str, ...]
    wanted: int
    rounds: int
    seconds: float
    kept_out: bool = False
    evidence: tuple[Sample, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether traffic may be sent there."""
        return self.verdict is Verdict.OK

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "healthy": list(self.healthy),
            "wanted": self.wanted,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 3),
            "kept_out": self.kept_out,
            "evidence": [one.to_dict() for one in self.evidence],
        }


async def gate(
    prober: Probing,
    *,
    expected: Expected,
    limits: GateLimits,
    baseline: Baseline | None = None,
    control: Control | None = None,
    on_round: Callable[[GateState], None] | None = None,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> GateReport:
    """Waits until enough replicas have been well for long enough.

    Args:
        prober: of the new deployment; without routes the health page alone decides.
        expected: what has to answer.
        limits: how many replicas, and for how long.
        baseline: how it was before; what was bad then does not keep the gate shut.
        control: tells an outage from a release that breaks its own connections.
        on_round: told after each round.
        stop: when set, the gate ends ``inconclusive``.
        clock: measures and waits.
    """
    clock, control = clock or SystemClock(), control or NoControl()
    baseline = baseline or Baseline()
    began = clock.time()
    state, stopped = GateState(progress_at=began), False
    while True:
        at = clock.time()
        samples = await prober.round()
        answers = await ask(control, doubtful(samples, baseline, frozenset()))
        state = look_through(
            state,
            samples,
            at=at,
            expected=expected,
            baseline=baseline,
            control=answers,
            replicas=limits.replicas,
        )
        if on_round is not None:
            on_round(state)
        late = limits.is_late(state, clock.time())
        decision = _decide(state, limits, late=late, stopped=stopped)
        if decision is not None:
            return GateReport(
                verdict=decision.verdict,
                rule=decision.rule,
                reason=decision.reason,
                healthy=state.held(limits.hold),
                wanted=limits.replicas,
                rounds=state.rounds,
                seconds=clock.time() - began,
                kept_out=state.kept_out,
                evidence=state.evidence if decision.verdict is not Verdict.OK else (),
            )
        wait = max(0.0, at + limits.interval - clock.time())
        stopped = await pause(clock, wait, stop)


def _decide(
    state: GateState, limits: GateLimits, *, late: bool, stopped: bool
) -> Decision | None:
    held, wanted = len(state.held(limits.hold)), limits.replicas
    if state.decision is not None:
        return state.decision
    if held >= wanted:
        reason = f"{held} of {counted(wanted, 'replica')} well for {limits.hold:g} s"
        return Decision(Verdict.OK, Rule.TIME, reason)
    if stopped:
        return Decision(Verdict.INCONCLUSIVE, Rule.STOPPED, "stopped")
    if not late:
        return None
    proved = f"{held} of {counted(wanted, 'replica')} proved to be well"
    reason = f"{proved}{_why(state)}"
    verdict = Verdict.INCONCLUSIVE if state.world else Verdict.FAIL
    return Decision(verdict, Rule.TIME, reason)


def _why(state: GateState) -> str:
    public = f"; {state.public}" if state.public else ""
    for sample in state.evidence:
        where = sample.replica or sample.source
        return f"{public}; {where} {sample.path}: {sample.reason}"
    return public
