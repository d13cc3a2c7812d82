"""A step, as data: what it is called, what it does, and how it may fail."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import (
    InterruptedRunError,
    LeaseLostError,
    PlatformUnreachableError,
    PreflightError,
)

if TYPE_CHECKING:
    from app.backend.deploy.running.run import Run

__all__ = [
    "NO_FAILURES",
    "RUN",
    "Facts",
    "PausedRunError",
    "Step",
    "StepFailedError",
    "SupersededRunError",
    "no_call",
    "nothing",
]

Facts = Mapping[str, Any]
"""What the journal keeps; JSON-ready."""

RUN = "run"
"""The step name of a run's own events."""

NO_FAILURES = (
    InterruptedRunError,
    LeaseLostError,
    PlatformUnreachableError,
    PreflightError,
)
"""Errors that say nothing of a step: the run ends, or is gone on with later."""


class StepFailedError(Exception):
    """A step has failed for good; the run turns back.

    Attributes:
        verdict: what watching has come to, if it was that.
        evidence: JSON-ready; for the reader.
        log: the last lines of the deployment.
    """

    def __init__(
        self,
        reason: str,
        *,
        verdict: str | None = None,
        evidence: Facts | None = None,
        log: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.evidence = dict(evidence or {})
        self.log = log

    def to_dict(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        return {
            "ok": False,
            "reason": str(self),
            "verdict": self.verdict,
            "evidence": self.evidence,
            "log": list(self.log),
        }

    @classmethod
    def from_dict(cls, body: Facts) -> "StepFailedError":
        """From what the journal has kept."""
        return cls(
            str(body.get("reason", "")),
            verdict=body.get("verdict"),
            evidence=body.get("evidence"),
            log=tuple(body.get("log", ())),
        )


class PausedRunError(Exception):
    """Whose fault it is cannot be told; the run waits for somebody to decide.

    Neither this error nor the other two here leave the pipeline.
    """

    def __init__(self, reason: str, evidence: Facts) -> None:
        super().__init__(reason)
        self.evidence = dict(evidence)


class SupersededRunError(Exception):
    """Something else has taken the release's place; there is nothing left to do."""

    def __init__(self, reason: str, evidence: Facts | None = None) -> None:
        super().__init__(reason)
        self.evidence = dict(evidence or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: it reads what is, adopts what an earlier attempt has done, else acts.

    Attributes:
        name: as the journal has it.
        duty: what it does, in one sentence.
        intend: what is written down before the call.
        call: asks the platform; returns at once with what is to be remembered.
        settle: sees what has come of it; returns the outcome, whose ``meaning`` is
            the sentence for the reader. Both may be repeated by a later attempt.
        final: whether a failure stands; otherwise a resumed run tries again.
    """

    name: str
    duty: str
    intend: "Callable[[Run], Facts]"
    call: "Callable[[Run], Awaitable[Facts]]"
    settle: "Callable[[Run], Awaitable[Facts]]"
    final: bool = True


def nothing(_run: "Run") -> Facts:
    """There is nothing to be written down before the call."""
    return {}


async def no_call(_run: "Run") -> Facts:
    """The step changes nothing."""
    return {}
