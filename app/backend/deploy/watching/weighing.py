"""What one round of probes says of the release. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.samples import (
    Expected,
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.deploy.watching.shared import Shared
from app.backend.health.models import Status

__all__ = ["Mark", "RoundRecord", "Scale", "weigh"]

_SERVER_ERROR = 500
_CLIENT_ERROR = 400


class Mark(StrEnum):
    """What a probe, a replica or a round says.

    ``HARD``: failed, and nothing but the release explains it. ``SOFT``: failed, but a
    shared component might yet turn out to be the reason. ``ASIDE``: says nothing.
    """

    OK = "ok"
    HARD = "hard"
    SOFT = "soft"
    INCONCLUSIVE = "inconclusive"
    ASIDE = "aside"

    @property
    def failed(self) -> bool:
        """Whether it speaks against the release."""
        return self in {Mark.HARD, Mark.SOFT}

    @property
    def excused(self) -> "Mark":
        """What becomes of it when a shared component turns out to be the reason."""
        return Mark.INCONCLUSIVE if self is Mark.SOFT else self

    @property
    def as_whole(self) -> "Mark":
        """As the mark of a round: one in which nothing was learned decides nothing."""
        return Mark.INCONCLUSIVE if self is Mark.ASIDE else self


_LIGHTEST_FIRST = (Mark.ASIDE, Mark.OK, Mark.INCONCLUSIVE, Mark.SOFT, Mark.HARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """One round, weighed.

    Attributes:
        mark: of the whole round.
        marks: of each replica, and of what was asked without knowing which.
        wrong: probes that another release has answered.
        own: probes that this machine could not make.
        evidence: the probes that speak against the release; then, where the public way
            was asked and has told nothing, what was asked there.
    """

    at: float
    mark: Mark
    marks: Mapping[str, Mark]
    wrong: int
    own: int
    evidence: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What a round is weighed with.

    Attributes:
        recovered: checks, and places, that were bad before and have been good since.
        shared: the shared checks in this round.
        connected: the second path has worked now and for some rounds, so that silence
            is not the network's.
        sluggish: the second path was slow itself.
    """

    expected: Expected
    baseline: Baseline
    limits: Limits
    recovered: frozenset[str]
    shared: Shared
    connected: bool
    sluggish: bool


def weigh(samples: Round, scale: Scale, at: float) -> RoundRecord:
    """Weighs every probe, then the round by its heaviest."""
    probes = [one for one in samples if one.kind in {ProbeKind.HEALTH, ProbeKind.ROUTE}]
    heard = _is_heard(probes)
    weighed = [(one, _mark(one, scale, heard=heard)) for one in probes]
    by_key: dict[str, list[Mark]] = {}
    for sample, mark in weighed:
        by_key.setdefault(sample.key, []).append(mark)
    marks = {key: _heaviest(found) for key, found in by_key.items()}
    public = [(one, mark) for one, mark in weighed if one.source is Source.PUBLIC]
    # Replicas that are well are no use to users who do not get to them.
    untold = () if any(mark is not Mark.ASIDE for _, mark in public) else public
    every = [mark for _, mark in weighed]
    return RoundRecord(
        at=at,
        mark=_heaviest([*every, Mark.INCONCLUSIVE] if untold else every).as_whole,
        marks={key: mark for key, mark in marks.items() if mark is not Mark.ASIDE},
        wrong=sum(one.serves(scale.expected) is False for one in probes),
        own=sum(_is_own(one, mark) for one, mark in weighed),
        evidence=(
            *(one for one, mark in weighed if mark.failed),
            *(one for one, _ in untold),
        ),
    )


def _heaviest(marks: Iterable[Mark]) -> Mark:
    return max(marks, key=_LIGHTEST_FIRST.index, default=Mark.ASIDE)


def _is_own(sample: Sample, mark: Mark) -> bool:
    if sample.outcome is Outcome.OWN_ERROR:
        return True
    return sample.outcome is Outcome.NO_ANSWER and mark is Mark.ASIDE


def _is_heard(probes: Iterable[Sample]) -> bool:
    """Whether silence on the public way is not the release's.

    Something on that way has answered, so that the network loses some; or all the
    replicas answer by themselves, so that it is the proxy.
    """
    by_source: dict[Source, set[Outcome]] = {one: set() for one in Source}
    for one in probes:
        by_source[one.source].add(one.outcome)
    replicas = by_source[Source.REPLICA]
    well = bool(replicas) and replicas <= {Outcome.OK, Outcome.INCONCLUSIVE}
    silent = {Outcome.NO_ANSWER, Outcome.OWN_ERROR}
    return well or not by_source[Source.PUBLIC] <= silent


def _mark(sample: Sample, scale: Scale, *, heard: bool) -> Mark:
    if sample.serves(scale.expected) is False:
        return Mark.ASIDE
    if sample.outcome in {Outcome.DISCARDED, Outcome.OWN_ERROR}:
        return Mark.ASIDE
    silent = sample.outcome is Outcome.NO_ANSWER
    excused = heard and sample.source is Source.PUBLIC
    if silent and (excused or not scale.connected):
        return Mark.ASIDE
    if sample.kind is ProbeKind.HEALTH:
        return _health(sample, scale)
    return _route(sample, scale)


def _health(sample: Sample, scale: Scale) -> Mark:
    """The raw results decide; the status code is what hysteresis made of them."""
    if not sample.checks:
        return Mark.OK if sample.outcome is Outcome.OK else Mark.HARD
    bad = [one for one in sample.checks if one.critical and one.bad]
    own = {one.name for one in bad if not one.shared}
    shared = frozenset(one.name for one in bad if one.shared)
    if any(not _was_bad(name, scale) for name in own) or shared & scale.shared.accused:
        return Mark.HARD
    if shared and not scale.shared.excuses(shared):
        return Mark.SOFT
    return Mark.INCONCLUSIVE if bad else Mark.OK


def _was_bad(check: str, scale: Scale) -> bool:
    known = scale.baseline.status(check)
    return check not in scale.recovered and known in {Status.UNHEALTHY, Status.UNKNOWN}


def _route(sample: Sample, scale: Scale) -> Mark:
    if _answers_well(sample, scale.baseline):
        return _pace(sample, scale)
    if sample.place in scale.baseline.failing - scale.recovered:
        return Mark.ASIDE
    return Mark.INCONCLUSIVE if scale.shared.fallen else Mark.SOFT


def _answers_well(sample: Sample, baseline: Baseline) -> bool:
    """A refusal counts as good when it is what the old release answered, too."""
    if sample.code is None or sample.code >= _SERVER_ERROR:
        return False
    before = baseline.codes.get(sample.place, frozenset())
    return sample.code < _CLIENT_ERROR or sample.code in before


def _pace(sample: Sample, scale: Scale) -> Mark:
    median = scale.baseline.latencies.get(sample.place)
    if median is None or sample.latency is None:
        return Mark.OK
    if sample.latency <= scale.limits.slow(median):
        return Mark.OK
    if scale.sluggish:
        return Mark.ASIDE
    strained = scale.shared.strained | scale.shared.fallen
    return Mark.INCONCLUSIVE if strained else Mark.SOFT
