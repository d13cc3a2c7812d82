"""Watches a release for a time, and says what has come of it."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.backend.deploy.watching.baseline import Baseline, Probing
from app.backend.deploy.watching.clock import Clock, SystemClock, pause
from app.backend.deploy.watching.control import Control, NoControl, ask
from app.backend.deploy.watching.detector import advance, conclude
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.samples import Expected, Sample
from app.backend.deploy.watching.shared import doubtful
from app.backend.deploy.watching.verdict import Decision, Rule, Verdict
from app.backend.deploy.watching.watch_state import Counts, WatchState

__all__ = ["WatchReport", "watch"]

_MOST_EVIDENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """What a watch has come to.

    Attributes:
        verdict: ``fail`` is the release's fault; ``inconclusive`` rolls nothing back.
        rule: what has decided.
        reason: one sentence; no secrets.
        counts: the rounds, by what they came to.
        seconds: how long it took.
        first_failure: seconds from the beginning to the first failed round.
        evidence: the probes of the newest round that was not good.
        uncounted: why users' requests were not counted to the end; empty: they were,
            or nobody counts them.
    """

    verdict: Verdict
    rule: Rule
    reason: str
    counts: Counts
    seconds: float
    first_failure: float | None = None
    evidence: tuple[Sample, ...] = ()
    uncounted: str = ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What its reader should know beside the verdict."""
        if not self.uncounted or self.superseded:
            return ()
        rests = "so that the verdict rests on probes alone"
        return (
            f"users' requests were not counted to the end, {rests}: {self.uncounted}",
        )

    @property
    def rounds(self) -> int:
        """How often everything was asked."""
        return self.counts.rounds

    @property
    def stopped(self) -> bool:
        """Whether it was ended before its time."""
        return self.rule is Rule.STOPPED

    @property
    def superseded(self) -> bool:
        """Whether somebody has put another deployment in its place meanwhile.

        Nothing is undecided then: the release is not there any more to be watched.
        """
        return self.rule is Rule.SUPERSEDED

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        first = self.first_failure
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "counts": self.counts.to_dict(),
            "seconds": round(self.seconds, 3),
            "first_failure": None if first is None else round(first, 3),
            "evidence": [one.to_dict() for one in self.evidence],
            "uncounted": self.uncounted,
        }


async def watch(
    prober: Probing,
    *,
    expected: Expected,
    seconds: float | None,
    limits: Limits | None = None,
    baseline: Baseline | None = None,
    control: Control | None = None,
    on_round: Callable[[WatchState], None] | None = None,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> WatchReport:
    """Asks round after round until it is clear that the release is bad, or time is up.

    The last round begins when the time is up, however short after the one before. A
    question that is open then gets as many rounds more as a failure takes to be found,
    unless it is to be punctual.

    Args:
        prober: of the deployment, the public way included.
        expected: what has to answer.
        seconds: how long; None: until stopped.
        limits: how much is too much.
        baseline: how it was before the deploy; None: nothing is known.
        control: tells an outage from a release that breaks its own connections.
        on_round: told after each round.
        stop: when set, the watch ends with what it knows.
        clock: measures and waits.
    """
    clock, control = clock or SystemClock(), control or NoControl()
    limits, baseline = limits or Limits(), baseline or Baseline()
    state, began, overtime = WatchState(), clock.time(), 0
    while True:
        at = clock.time()
        samples = await prober.round()
        doubts = doubtful(samples, baseline, state.recovered)
        state = advance(
            state,
            samples,
            at=at,
            expected=expected,
            limits=limits,
            baseline=baseline,
            control=await ask(control, doubts),
        )
        if on_round is not None:
            on_round(state)
        if state.decision is not None:
            break
        now, ends = clock.time(), math.inf if seconds is None else began + seconds
        following = at + limits.interval
        if now >= ends:
            if state.is_settled or overtime >= limits.overtime:
                break
            overtime += 1
        else:
            following = min(following, ends)
        if await pause(clock, max(0.0, following - now), stop):
            decision = Decision(Verdict.INCONCLUSIVE, Rule.STOPPED, "stopped")
            return _report(decision, state, began, clock)
    return _report(conclude(state), state, began, clock)


def _report(
    decision: Decision, state: WatchState, began: float, clock: Clock
) -> WatchReport:
    first = state.first_failure
    return WatchReport(
        verdict=decision.verdict,
        rule=decision.rule,
        reason=decision.reason,
        counts=state.counts,
        seconds=clock.time() - began,
        first_failure=None if first is None else first - began,
        evidence=state.evidence[:_MOST_EVIDENCE],
        uncounted=state.uncounted,
    )
