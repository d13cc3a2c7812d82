"""Whether a release is good, decided from rounds of probes. Pure.

:func:`advance` folds one round into the state; as soon as ``state.decision`` is set,
the watch is over. :func:`conclude` decides when the time is up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.restarts import count_restarts
from app.backend.deploy.watching.rules import (
    Suspicion,
    at_once,
    example,
    suspicions,
)
from app.backend.deploy.watching.samples import (
    Expected,
    Outcome,
    ProbeKind,
    Round,
    Sample,
)
from app.backend.deploy.watching.shared import NOBODY_ASKED, Shared, read_shared
from app.backend.deploy.watching.traffic import judge, norm_of, stretch_between
from app.backend.deploy.watching.verdict import Decision, Rule, Verdict, counted
from app.backend.deploy.watching.watch_state import Counts, WatchState
from app.backend.deploy.watching.weighing import Mark, RoundRecord, Scale, weigh

__all__ = ["WatchState", "advance", "conclude"]

TRAFFIC_WINDOW = 900.0
"""Seconds of traffic that are judged together."""
_LOOK_ERROR = 1.0


def advance(
    state: WatchState,
    samples: Round,
    *,
    at: float,
    expected: Expected,
    limits: Limits,
    baseline: Baseline,
    control: Mapping[str, bool | None] = NOBODY_ASKED,
) -> WatchState:
    """Folds one round in.

    Args:
        state: after the round before.
        samples: what was found.
        at: when the round began, in monotonic seconds.
        expected: what has to answer.
        limits: how much is too much.
        baseline: how it was before the deploy.
        control: what the control says of each shared check that is doubtful.
    """
    shared = read_shared(samples, baseline, state.recovered, control)
    network = _network(state.network, samples, limits)
    scale = Scale(
        expected=expected,
        baseline=baseline,
        limits=limits,
        recovered=state.recovered,
        shared=shared,
        connected=all(network),
        sluggish=_sluggish(samples, baseline, limits),
    )
    record = weigh(samples, scale, at)
    state = _excuse_past(state, shared)
    state = replace(
        state,
        records=(*state.records, record)[-limits.window :],
        recovered=state.recovered | _good_now(samples, shared),
        good_at={**state.good_at, **_good_looks(shared)},
        lives=count_restarts(state.lives, samples),
        network=network,
        first_failure=_first(state.first_failure, at if record.mark.failed else None),
        evidence=record.evidence or state.evidence,
        counts=_count(state.counts, record, samples),
        uncounted=_uncounted(state.uncounted, samples),
        unjudged=_unjudged(state.unjudged, samples),
    )
    state = _count_traffic(state, samples, baseline, excused=bool(shared.fallen))
    return _judge(state, samples, shared, at=at, limits=limits, baseline=baseline)


def conclude(state: WatchState) -> Decision:
    """Decides when the time is up: good only if it was seen to be, and still is."""
    if state.decision is not None:
        return state.decision
    counts = state.counts
    reason = (
        f"{counts.ok} of {counted(counts.rounds, 'round')} good, "
        f"{counts.inconclusive} inconclusive, {counts.failed} failed"
    )
    if state.is_settled and 2 * counts.ok >= counts.rounds:
        if state.unjudged:
            told = f"{reason}; but {state.unjudged}"
            return Decision(Verdict.INCONCLUSIVE, Rule.TIME, told)
        return Decision(Verdict.OK, Rule.TIME, reason)
    reason += example(reversed(state.records))
    return Decision(Verdict.INCONCLUSIVE, Rule.TIME, reason)


def _judge(
    state: WatchState,
    samples: Round,
    shared: Shared,
    *,
    at: float,
    limits: Limits,
    baseline: Baseline,
) -> WatchState:
    decision = at_once(samples, state.records, state.lives, limits)
    if decision is not None:
        return replace(state, decision=decision)
    complaint = judge(state.traffic, norm_of(baseline.traffic))
    since = _first(state.suspect_since, at) if complaint else None
    raised = [*suspicions(state.records, limits)]
    if since is not None:
        raised.append(Suspicion(Rule.TRAFFIC, complaint, since, certain=False))
    certain = [one for one in raised if _is_certain(one, shared, at, limits)]
    state = replace(state, suspect_since=since, pending=bool(raised))
    if not certain:
        return state
    decision = Decision(Verdict.FAIL, certain[0].rule, certain[0].reason)
    return replace(state, decision=decision)


def _is_certain(one: Suspicion, shared: Shared, at: float, limits: Limits) -> bool:
    return one.certain or shared.have_looked(one.since, at, limits.waits)


def _excuse_past(state: WatchState, shared: Shared) -> WatchState:
    """An outage began before it was found: after the check's last good result."""
    if not shared.fallen:
        return state
    since = min(state.good_at.get(name, 0.0) for name in shared.fallen) - _LOOK_ERROR
    records = tuple(_excused(one) if one.at >= since else one for one in state.records)
    changed = sum(
        a.mark is not b.mark for a, b in zip(state.records, records, strict=True)
    )
    counts = state.counts
    return replace(
        state,
        records=records,
        traffic=tuple(
            replace(one, excused=one.excused or one.at >= since)
            for one in state.traffic
        ),
        counts=replace(
            counts,
            failed=counts.failed - changed,
            inconclusive=counts.inconclusive + changed,
        ),
    )


def _excused(record: RoundRecord) -> RoundRecord:
    return replace(
        record,
        mark=record.mark.excused,
        marks={key: mark.excused for key, mark in record.marks.items()},
    )


def _network(
    known: tuple[bool, ...], samples: Round, limits: Limits
) -> tuple[bool, ...]:
    paths = [one for one in samples if one.kind is ProbeKind.NETWORK]
    works = bool(paths) and all(one.outcome is Outcome.OK for one in paths)
    return (*known, works)[-limits.calm :]


def _sluggish(samples: Round, baseline: Baseline, limits: Limits) -> bool:
    """Whether the second path is slow itself, for what it usually takes."""
    return any(
        (one.latency or 0.0) > limits.slow(baseline.latencies.get(one.place, 0.0))
        for one in samples
        if one.kind is ProbeKind.NETWORK
    )


def _good_now(samples: Round, shared: Shared) -> frozenset[str]:
    """The checks and places that answer well; see :attr:`WatchState.recovered`."""
    bad = {c.name for one in samples for c in one.checks if c.bad}
    good = {c.name for one in samples for c in one.checks} - bad
    places = {
        one.place
        for one in samples
        if one.kind is ProbeKind.ROUTE and one.outcome is Outcome.OK
    }
    return frozenset(good | places) - shared.standing


def _good_looks(shared: Shared) -> Mapping[str, float]:
    bad = shared.fallen | shared.standing | shared.accused
    return {name: at for name, at in shared.looked.items() if name not in bad}


def _first(known: float | None, at: float | None) -> float | None:
    return at if known is None else known


def _count(counts: Counts, record: RoundRecord, samples: Iterable[Sample]) -> Counts:
    discarded = sum(one.outcome is Outcome.DISCARDED for one in samples)
    return Counts(
        rounds=counts.rounds + 1,
        ok=counts.ok + (record.mark is Mark.OK),
        failed=counts.failed + record.mark.failed,
        inconclusive=counts.inconclusive + (record.mark is Mark.INCONCLUSIVE),
        own_errors=counts.own_errors + record.own,
        discarded=counts.discarded + discarded,
    )


def _uncounted(known: str, samples: Round) -> str:
    asked = [one for one in samples if one.kind is ProbeKind.TRAFFIC]
    return asked[-1].reason if asked else known


def _unjudged(known: str, samples: Round) -> str:
    for one in samples:
        if one.status is not None:
            return one.reason if one.status is DeploymentStatus.UNKNOWN else ""
    return known


def _count_traffic(
    state: WatchState, samples: Round, baseline: Baseline, *, excused: bool
) -> WatchState:
    norm = norm_of(baseline.traffic)
    for one in samples:
        if one.counters is None:
            continue
        stretch = stretch_between(one.at, state.counters, one.counters, norm)
        known = [old for old in state.traffic if old.at > one.at - TRAFFIC_WINDOW]
        state = replace(
            state,
            counters=one.counters,
            traffic=(*known, replace(stretch, excused=excused)),
        )
    return state
