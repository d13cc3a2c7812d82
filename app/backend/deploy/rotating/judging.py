"""Which errors are a new value's, and so keep it from being set."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.backend.config.findings import Finding, Severity
from app.backend.deploy.planning.environment import judge_form, judge_variables
from app.backend.deploy.rotating.rotation import Rotation
from app.backend.deploy.rotating.values import Values
from app.backend.deploy.tools import Tools

__all__ = ["breaks", "broken_by", "malformed"]


def broken_by(
    rotation: Rotation, today: Values, after: Sequence[Finding], tools: Tools
) -> tuple[Finding, ...]:
    """The errors that are the new value's.

    They are those of the environment's rules and, on what a value looks like, those of
    production's: what is newly made can be well made anywhere.

    Args:
        rotation: that is judged.
        today: the variables as they are.
        after: what the environment's rules say of them as they would be.
        tools: name the environment and the platform, and know the time.
    """
    of, now = tools.platform.name, tools.now()
    before = judge_variables(today, tools.environment, platform=of, now=now)
    broken = breaks(rotation, before, after)
    known = {(one.variable, one.rule) for one in broken}
    then = {**today, **rotation.changes}
    of_form = malformed(
        rotation,
        *(
            judge_form(one, tools.environment, platform=of, now=now)
            for one in (today, then)
        ),
    )
    more = (one for one in of_form if (one.variable, one.rule) not in known)
    return (*broken, *more)


def breaks(
    rotation: Rotation, before: Iterable[Finding], after: Iterable[Finding]
) -> tuple[Finding, ...]:
    """The errors that are the new value's: about it, or not there without it.

    Args:
        rotation: that is judged.
        before: what the rules say of the variables as they are.
        after: what they say of them as they would be.
    """
    known = {(one.variable, one.rule) for one in before}
    return tuple(
        one
        for one in after
        if one.severity is Severity.ERROR
        and (one.variable in rotation.changes or (one.variable, one.rule) not in known)
    )


def malformed(
    rotation: Rotation, before: Iterable[Finding], after: Iterable[Finding]
) -> tuple[Finding, ...]:
    """What is wrong with the new value's own form, as errors.

    A kept value is not judged: it is the old one that is got rid of.

    Args:
        rotation: that is judged.
        before: what is to be said of the form of the variables as they are.
        after: of theirs as they would be.
    """
    known = {(one.variable, one.rule) for one in before}
    return tuple(
        replace(one, severity=Severity.ERROR)
        for one in after
        if one.variable == rotation.name
        or (one.variable != rotation.keeps and (one.variable, one.rule) not in known)
    )
