"""The rules of which one is enough to decide about a release. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.restarts import Life
from app.backend.deploy.watching.samples import Round
from app.backend.deploy.watching.verdict import Decision, Rule, Verdict, counted
from app.backend.deploy.watching.weighing import Mark, RoundRecord

__all__ = ["Suspicion", "at_once", "example", "platform_says", "suspicions"]

_ENDED_BADLY = {DeploymentStatus.FAILED, DeploymentStatus.CRASHED}
_SUPERSEDED = "another deployment has taken its place"
_Marked = tuple[RoundRecord, Mark]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A rule that is met.

    Attributes:
        since: when what it is about began, in monotonic seconds.
        certain: nothing but the release explains it; else the shared checks have to
            be looked at again first.
    """

    rule: Rule
    reason: str
    since: float
    certain: bool


def at_once(
    samples: Round,
    records: Sequence[RoundRecord],
    lives: Mapping[str, Life],
    limits: Limits,
) -> Decision | None:
    """What needs no repetition: somebody has already counted, or it is unmistakable."""
    told = platform_says(samples)
    if told is not None:
        return told
    for sample in samples:
        if sample.active is False:
            return Decision(Verdict.INCONCLUSIVE, Rule.SUPERSEDED, _SUPERSEDED)
    wrong = sum(record.wrong for record in records[-limits.threshold :])
    if wrong >= limits.identity:
        reason = f"{wrong} probes were answered by another release"
        return Decision(Verdict.FAIL, Rule.IDENTITY, reason)
    for replica, life in lives.items():
        if life.restarts >= limits.restarts:
            reason = f"{replica} was started again {life.restarts} times"
            return Decision(Verdict.FAIL, Rule.RESTARTS, reason)
    return None


def suspicions(records: Sequence[RoundRecord], limits: Limits) -> Iterator[Suspicion]:
    """The rules about failed rounds that are met now."""
    whole = [(record, record.mark) for record in records]
    streak = _streak(whole)
    if len(streak) >= limits.threshold:
        reason = f"{counted(len(streak), 'failed round')} in a row"
        yield _suspicion(Rule.CONSECUTIVE, reason, streak)
    for key in sorted({key for record in records for key in record.marks}):
        own = [(one, one.marks[key]) for one in records if key in one.marks]
        streak = _streak(own)
        if len(streak) >= limits.threshold:
            reason = f"{key} failed {counted(len(streak), 'time')} in a row"
            yield _suspicion(Rule.REPLICA, reason, streak)
    failed = [(record, mark) for record, mark in whole if mark.failed]
    if len(failed) >= max(limits.window_failures, limits.threshold):
        reason = f"{len(failed)} of {len(records)} rounds failed"
        yield _suspicion(Rule.SHARE, reason, failed)


def platform_says(samples: Round) -> Decision | None:
    """Whether the platform has given it up, or somebody has taken it out."""
    for sample in samples:
        status = sample.status
        if status in _ENDED_BADLY:
            reason = f"the platform says {status}: {sample.reason}".rstrip(": ")
            return Decision(Verdict.FAIL, Rule.PLATFORM, reason)
        if status is not None and status.is_over:
            return Decision(Verdict.INCONCLUSIVE, Rule.SUPERSEDED, _SUPERSEDED)
    return None


def _streak(marked: Sequence[_Marked]) -> list[_Marked]:
    """The newest failures, back to the last good mark.

    What says nothing neither adds to it nor ends it.
    """
    found: list[_Marked] = []
    for record, mark in reversed(marked):
        if mark is Mark.OK:
            break
        if mark.failed:
            found.append((record, mark))
    return found


def _suspicion(rule: Rule, reason: str, failed: Sequence[_Marked]) -> Suspicion:
    return Suspicion(
        rule=rule,
        reason=f"{reason}{example(record for record, _ in failed)}",
        since=min(record.at for record, _ in failed),
        certain=all(mark is Mark.HARD for _, mark in failed),
    )


def example(records: Iterable[RoundRecord]) -> str:
    """The first probe that was bad, as the end of a sentence; empty without one."""
    for record in records:
        for sample in record.evidence:
            where = sample.replica or sample.source
            return f"; {where} {sample.path}: {sample.reason or 'slow'}"
    return ""
