"""What all replicas depend on: is it an outage, or this release? Pure.

Nothing that a shared component does to a release may roll it back, since the old one
would fare the same. So a shared check that turns bad excuses what fails with it; and a
failure that it might excuse waits until the check has been looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.samples import CheckReading, ProbeKind, Round
from app.backend.health.models import Status

__all__ = ["NOBODY_ASKED", "Shared", "doubtful", "read_shared"]

NOBODY_ASKED: Mapping[str, bool | None] = {}
"""What a control has said when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The shared checks in one round.

    Attributes:
        fallen: bad now and not before the deploy, and not this release's doing as far
            as can be told: they excuse routes and health.
        standing: bad as they were before the deploy: they excuse health only.
        accused: bad here, but good for the control: the release's doing.
        strained: worse than before the deploy: they excuse what is slow.
        looked: for each check, when the last replica has looked at it.
        critical: those without which the release cannot work.
    """

    fallen: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()
    accused: frozenset[str] = frozenset()
    strained: frozenset[str] = frozenset()
    looked: Mapping[str, float]
    critical: frozenset[str] = frozenset()

    def excuses(self, bad: frozenset[str]) -> bool:
        """Whether each of these shared checks is bad for everybody."""
        return bad <= self.fallen | self.standing

    def have_looked(self, since: float, now: float, patience: float) -> bool:
        """Whether an outage at ``since`` would have been found by now.

        Waits for critical checks, and ``patience`` seconds for the others.
        """
        waited = now - since >= patience
        return all(
            looked >= since or (waited and name not in self.critical)
            for name, looked in self.looked.items()
            if name not in self.standing
        )


def doubtful(
    samples: Round, baseline: Baseline, recovered: frozenset[str]
) -> frozenset[str]:
    """The shared checks about which a control has to be asked."""
    readings = _by_check(samples)
    return frozenset(
        name
        for name, found in readings.items()
        if _most_are_bad(found) and not _was_bad(name, baseline, recovered)
    )


def read_shared(
    samples: Round,
    baseline: Baseline,
    recovered: frozenset[str],
    control: Mapping[str, bool | None] = NOBODY_ASKED,
) -> Shared:
    """Puts together what the replicas' health pages say.

    A check counts as bad when most replicas say so: one that cannot reach what the
    others can is itself at fault.

    Args:
        samples: one round.
        baseline: how it was before.
        recovered: the checks that have been good since; see :func:`doubtful`.
        control: what a control says about the doubtful ones; None: it cannot tell.
    """
    readings = _by_check(samples)
    doubted = doubtful(samples, baseline, recovered)
    accused = frozenset(name for name in doubted if control.get(name) is False)
    bad = frozenset(name for name, found in readings.items() if _most_are_bad(found))
    return Shared(
        fallen=doubted - accused,
        standing=bad - doubted,
        accused=accused,
        strained=frozenset(
            name
            for name, found in readings.items()
            if _worst(found).severity > baseline.status(name).severity
        ),
        looked={
            name: min(times)
            for name, found in readings.items()
            if (times := [one.looked for one in found if one.looked is not None])
        },
        critical=frozenset(
            name
            for name, found in readings.items()
            if any(one.critical for one in found)
        ),
    )


def _by_check(samples: Round) -> dict[str, list[CheckReading]]:
    """The readings of each shared check, one for each replica."""
    newest: dict[tuple[str, str], CheckReading] = {}
    for sample in samples:
        if sample.kind is not ProbeKind.HEALTH:
            continue
        for check in sample.checks:
            key = (check.name, sample.key)
            known = newest.get(key)
            older = known is not None and (known.looked or 0) > (check.looked or 0)
            if check.shared and check.status is not Status.SKIPPED and not older:
                newest[key] = check
    found: dict[str, list[CheckReading]] = {}
    for (name, _), check in newest.items():
        found.setdefault(name, []).append(check)
    return found


def _most_are_bad(readings: list[CheckReading]) -> bool:
    return 2 * sum(one.bad for one in readings) > len(readings)


def _was_bad(name: str, baseline: Baseline, recovered: frozenset[str]) -> bool:
    return name not in recovered and baseline.status(name) in {
        Status.UNHEALTHY,
        Status.UNKNOWN,
    }


def _worst(readings: list[CheckReading]) -> Status:
    return max((one.status for one in readings), key=lambda status: status.severity)
