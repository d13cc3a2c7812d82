"""Turns what has come back from a probe into a sample. Pure."""

from dataclasses import replace
from typing import Final

from app.backend.deploy.watching.fetch import Answer, Silence
from app.backend.deploy.watching.health_page import HealthPageError, read_health_page
from app.backend.deploy.watching.samples import Outcome, ProbeKind, Sample

__all__ = ["MOST_HEALTH", "tell"]

MOST_HEALTH: Final = 1_000_000
"""Bytes that a health page may have."""

_CACHED = ("HIT", "STALE")
_TOO_MANY = 429
_SERVER_ERROR = 500
_CLIENT_ERROR = 400


def tell(blank: Sample, answer: Answer | Silence) -> Sample:
    """What an answer says of the release.

    Args:
        blank: the probe, before there was an answer.
        answer: what has come of it.
    """
    if isinstance(answer, Silence):
        outcome = Outcome.OWN_ERROR if answer.own else Outcome.NO_ANSWER
        return replace(blank, outcome=outcome, reason=answer.reason)
    said = replace(
        blank,
        code=answer.code,
        latency=answer.seconds,
        replica=answer.headers.get("x-pm33-replica", blank.replica),
        deployment=answer.headers.get("x-pm33-deployment"),
    )
    aside = _not_the_release(answer)
    if aside is not None:
        outcome, reason = aside
        return replace(said, outcome=outcome, reason=reason)
    if blank.kind is ProbeKind.HEALTH:
        return _told_health(said, answer)
    if answer.code >= _CLIENT_ERROR:
        return replace(said, outcome=Outcome.FAIL, reason=f"HTTP {answer.code}")
    return said


def _not_the_release(answer: Answer) -> tuple[Outcome, str] | None:
    """Somebody on the way has answered in its place (contract §11; RFC 9111 §5.1)."""
    if answer.headers.get("x-railway-fallback", "").lower() == "true":
        return Outcome.FAIL, f"the edge has answered {answer.code} itself"
    cached = answer.headers.get("x-cache", "").upper().startswith(_CACHED)
    if cached or answer.headers.get("age", "0").strip() not in {"", "0"}:
        return Outcome.DISCARDED, "a cache has answered"
    if answer.code == _TOO_MANY:
        return Outcome.DISCARDED, "a limiter has answered"
    return None


def _told_health(said: Sample, answer: Answer) -> Sample:
    if not answer.whole:
        reason = f"more than {MOST_HEALTH} bytes"
        return replace(said, outcome=Outcome.FAIL, reason=reason)
    answered = said.at + answer.seconds
    try:
        page = read_health_page(answer.body, answer.headers, answered)
    except HealthPageError as error:
        reason = f"HTTP {answer.code}: {error}"
        return replace(said, outcome=Outcome.FAIL, reason=reason)
    said = replace(
        said,
        replica=said.replica or page.replica,
        deployment=page.deployment,
        commit=page.commit,
        checks=page.checks,
        born=page.born,
        seen=page.seen,
    )
    bad = [one for one in page.checks if one.critical and one.bad]
    if not bad and (page.checks or answer.code < _SERVER_ERROR):
        return said
    own = [one.name for one in bad if not one.shared]
    outcome = Outcome.FAIL if own or not bad else Outcome.INCONCLUSIVE
    names = ", ".join(f"{one.name} is {one.status}" for one in bad)
    return replace(said, outcome=outcome, reason=names or f"HTTP {answer.code}")
