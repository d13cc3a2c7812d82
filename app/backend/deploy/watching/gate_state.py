"""What the gate knows of the new deployment's replicas. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.rules import platform_says
from app.backend.deploy.watching.samples import (
    Expected,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.deploy.watching.shared import read_shared
from app.backend.deploy.watching.verdict import Decision
from app.backend.deploy.watching.weighing import Mark, RoundRecord, Scale, weigh

__all__ = ["GateState", "look_through"]

_UNSEEN = 10
"""Rounds without a sign of a replica until it counts as gone, at least."""
_TOO_MANY = 429
_MISSED = 0.001
"""How likely it may be that one is only missed, where chance chooses who answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """What is known of the new deployment's replicas.

    Attributes:
        well_since: since when each replica has been seen well, without a break.
        well_until: when it was last seen so.
        unseen: rounds since then.
        most: the most that were well at the same time.
        progress_at: when that last grew.
        world: nothing but something shared has kept the newest round from being good.
        public: why users do not get to the release; empty: they do, or nobody asked.
        lost_since: since when that has been so in every round, and the release's fault.
        blamed: something has spoken against the release since its last good round.
        kept_out: nothing has, and on users' way somebody answers 429 to everything who
            does not say to be the release.
    """

    progress_at: float
    well_since: Mapping[str, float] = field(default_factory=dict)
    well_until: Mapping[str, float] = field(default_factory=dict)
    unseen: Mapping[str, int] = field(default_factory=dict)
    most: int = 0
    rounds: int = 0
    world: bool = False
    public: str = ""
    lost_since: float | None = None
    blamed: bool = False
    kept_out: bool = False
    evidence: tuple[Sample, ...] = ()
    decision: Decision | None = None

    def held(self, hold: float) -> tuple[str, ...]:
        """The replicas that have been well for so long."""
        return tuple(
            replica
            for replica, since in sorted(self.well_since.items())
            if self.well_until[replica] - since >= hold
        )


def look_through(
    state: GateState,
    samples: Round,
    *,
    at: float,
    expected: Expected,
    baseline: Baseline,
    control: Mapping[str, bool | None],
    replicas: int = 1,
) -> GateState:
    """Folds one round in. Pure.

    A replica is well when it has proved to be of the expected release, and all that it
    was asked was good, or no worse than before the deploy. None of them counts while
    the public way, where it is asked, leads nowhere or to another release. One that
    was not asked for its health keeps what it has: chance chooses who answers there.
    """
    shared = read_shared(samples, baseline, frozenset(), control)
    scale = Scale(
        expected=expected,
        baseline=baseline,
        limits=Limits(),
        recovered=frozenset(),
        shared=shared,
        connected=True,
        sluggish=False,
    )
    record = weigh(samples, scale, at)
    passable = {Mark.OK} if shared.fallen else {Mark.OK, Mark.INCONCLUSIVE}
    asked = [one for one in samples if one.kind is ProbeKind.HEALTH and one.replica]
    bad = {replica for replica, mark in record.marks.items() if mark not in passable}
    well = {
        one.replica
        for one in asked
        if one.replica
        and one.serves(expected) is True
        and record.marks.get(one.replica) in passable
    }
    public = _public_fault(samples, record, expected, passable)
    lost = bool(public) and record.mark.failed
    wrong = record.mark.failed or record.wrong > 0
    blamed = wrong or (state.blamed and record.mark is not Mark.OK)
    return _remember(
        replace(
            state,
            rounds=state.rounds + 1,
            world=_is_worlds(record, fallen=bool(shared.fallen)),
            public=public,
            lost_since=(at if state.lost_since is None else state.lost_since)
            if lost
            else None,
            blamed=blamed,
            kept_out=not blamed and _is_kept_out(samples),
            evidence=record.evidence or state.evidence,
            decision=platform_says(samples),
        ),
        set() if public else well,
        seen=frozenset(state.unseen)
        if public
        else frozenset(one.replica for one in asked if one.replica) | bad,
        at=at,
        unseen=_until_gone(replicas),
    )


def _until_gone(replicas: int) -> int:
    """Rounds, each of which meets one of so many by chance, at least."""
    if replicas <= 1:
        return _UNSEEN
    missed = math.log(_MISSED / replicas) / math.log(1 - 1 / replicas)
    return max(_UNSEEN, math.ceil(missed))


def _remember(
    state: GateState,
    well: set[str],
    *,
    seen: frozenset[str],
    at: float,
    unseen: int,
) -> GateState:
    missed = {replica: count + 1 for replica, count in state.unseen.items()}
    kept = {
        replica
        for replica, count in missed.items()
        if count < unseen and replica not in seen
    } | well
    most = max(state.most, len(kept))
    return replace(
        state,
        well_since={one: state.well_since.get(one, at) for one in kept},
        well_until={one: at if one in well else state.well_until[one] for one in kept},
        unseen={one: 0 if one in well else missed[one] for one in kept},
        most=most,
        progress_at=at if most > state.most else state.progress_at,
    )


def _public_fault(
    samples: Round, record: RoundRecord, expected: Expected, passable: set[Mark]
) -> str:
    """One good answer of the release itself is enough; one of another is too many."""
    asked = [
        one
        for one in samples
        if one.source is Source.PUBLIC
        and one.kind in {ProbeKind.HEALTH, ProbeKind.ROUTE}
    ]
    answered = [one for one in asked if one.serves(expected) is not None]
    for one in answered:
        if one.serves(expected) is False:
            return f"users are answered by {one.deployment or one.commit}"
    if not asked or any(record.marks.get(one.key) in passable for one in answered):
        return ""
    return "users get no good answer"


def _is_kept_out(samples: Round) -> bool:
    """Our releases name themselves in each answer; a limiter before them does not."""
    answers = [
        one for one in samples if one.source is Source.PUBLIC and one.code is not None
    ]
    return bool(answers) and all(
        one.code == _TOO_MANY and one.deployment is None for one in answers
    )


def _is_worlds(record: RoundRecord, *, fallen: bool) -> bool:
    if record.mark is Mark.HARD:
        return False
    untold = record.mark is Mark.INCONCLUSIVE and not record.wrong
    return fallen or untold or not record.marks
