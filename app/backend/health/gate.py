"""The startup gate: may this release take traffic? Pure.

The gate belongs to the platform's health path, which is restored together with an old
image on a rollback. It must therefore let an old release come back: faults of the world
hold it for a while only, and a schema that is ahead passes. Faults of the release hold
it for good.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["FaultKind", "GateFault", "GateState", "judge"]


class FaultKind(StrEnum):
    """Whose fault holds the gate, and so for how long."""

    RELEASE = "release"
    WORLD = "world"
    PENDING = "pending"


RELEASE_FAILURES = frozenset(
    {Failure.AUTH, Failure.DNS, Failure.TLS, Failure.CONFIG, Failure.WRONG_MODE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFault:
    """One reason for which the gate is closed, with what to do about it."""

    source: str
    kind: FaultKind
    message: str
    remedy: str = ""
    failure: Failure | None = None

    @property
    def words(self) -> str:
        """Source and message, the source once: a variable's fault begins with it."""
        named = self.message.startswith(self.source)
        return self.message if named else f"{self.source}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """The gate's verdict.

    Attributes:
        passed: whether the startup endpoint answers 200.
        clean: it passed without a fault; from then on it stays passed.
        faults: what holds it, or what it passed in spite of.
    """

    passed: bool = False
    clean: bool = False
    faults: tuple[GateFault, ...] = ()


def judge(
    previous: GateState,
    *,
    unusable: Collection[GateFault],
    results: Iterable[tuple[str, CheckResult | None]],
    age: float,
    grace: float,
) -> GateState:
    """Decides from the newest results of the checks that may hold the gate.

    Args:
        previous: the last verdict; once it was clean the question is answered, and
            only a fault that no check can find opens it again.
        unusable: what is wrong whatever the checks say.
        results: each gate check's name and newest result, None before the first one.
        age: seconds since the service began to serve.
        grace: seconds for which faults of the world hold the gate.
    """
    if previous.clean and not unusable:
        return previous
    faults = (*unusable, *_faults(results))
    if not faults:
        return GateState(passed=True, clean=True)
    held = any(fault.kind is FaultKind.RELEASE for fault in faults) or age < grace
    return GateState(passed=not held, faults=faults)


def _faults(
    results: Iterable[tuple[str, CheckResult | None]],
) -> Iterable[GateFault]:
    for name, result in results:
        if result is None:
            yield GateFault(
                source=name, kind=FaultKind.PENDING, message="no result yet"
            )
        elif result.failure is not None and result.status is not Status.HEALTHY:
            yield GateFault(
                source=name,
                kind=_kind(result.failure, transient=result.transient),
                failure=result.failure,
                message=result.message,
                remedy=result.remedy,
            )


def _kind(failure: Failure, *, transient: bool) -> FaultKind:
    """What is not the release's fault passes after a while, but is never clean."""
    ours = failure in RELEASE_FAILURES and not transient
    return FaultKind.RELEASE if ours else FaultKind.WORLD
