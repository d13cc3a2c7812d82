"""What a run has come to, as data and as text."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.backend.deploy.platforms.base import Deployment

__all__ = ["Ending", "RunReport", "StepReport", "summary_of"]


class Ending(StrEnum):
    """How a run, or this process's part in it, has ended (contract §8)."""

    DONE = "done"
    UNBAKED = "unbaked"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    FAILED = "failed"
    STRANDED = "stranded"
    UNVERIFIED = "unverified"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return _CODES[self]

    @property
    def meaning(self) -> str:
        """One sentence for the reader."""
        return _MEANINGS[self]


_CODES = {
    Ending.DONE: 0,
    Ending.UNBAKED: 0,
    Ending.RESTORED: 0,
    Ending.FAILED: 1,
    Ending.ROLLED_BACK: 1,
    Ending.STRANDED: 3,
    Ending.UNVERIFIED: 3,
    Ending.PAUSED: 6,
    Ending.INTERRUPTED: 130,
    Ending.REFUSED: 5,
    Ending.SUPERSEDED: 75,
    Ending.UNKNOWN: 3,
}
_MEANINGS = {
    Ending.DONE: "the release serves and has been watched",
    Ending.UNBAKED: "the release serves; nobody has watched it, so it is not yet "
    "what a rollback returns to",
    Ending.RESTORED: "rolled back and verified",
    Ending.FAILED: "the release was refused; what served before still serves",
    Ending.ROLLED_BACK: "the release turned bad; rolled back and verified",
    Ending.STRANDED: "the bad release still serves",
    Ending.UNVERIFIED: "rolled back, but what serves now could not be verified",
    Ending.PAUSED: "undecided: what is bad is bad for everybody, not for this release",
    Ending.INTERRUPTED: "interrupted",
    Ending.REFUSED: "refused before anything was changed",
    Ending.SUPERSEDED: "another run has taken over",
    Ending.UNKNOWN: "the platform does not answer; what serves is not known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step as it went.

    Attributes:
        seconds: how long it took in this process; 0 for what an earlier one had done.
        meaning: what it has brought, in one sentence.
    """

    name: str
    ok: bool
    seconds: float
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a deploy, a rollback or a monitor has come to.

    Attributes:
        kind: ``deploy``, ``rollback`` or ``monitor``.
        commit: what was to serve.
        deployment: the platform's id of it, once there was one.
        serves: what serves now, as the platform tells it; None: it could not say.
        verdict: ``ok``, ``fail`` or ``inconclusive``; None: nobody watched.
        cause: why it failed, in one sentence; empty when it did not.
        evidence: the last health body or probe that was bad, and what was counted.
        log: the last lines of the deployment that failed, redacted.
        next_command: what to type now; empty when there is nothing left to do.
        notes: what the reader should know beside it ("unlocked", a journal missing).
    """

    kind: str
    run: str
    environment: str
    platform: str
    ending: Ending
    commit: str
    deployment: str | None = None
    serves: Deployment | None = None
    verdict: str | None = None
    cause: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    next_command: str = ""
    notes: tuple[str, ...] = ()
    steps: tuple[StepReport, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return self.ending.exit_code

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "kind": self.kind,
            "run": self.run,
            "environment": self.environment,
            "platform": self.platform,
            "ending": self.ending,
            "exit_code": self.exit_code,
            "meaning": self.ending.meaning,
            "commit": self.commit,
            "deployment": self.deployment,
            "serves": self.serves.to_dict() if self.serves else None,
            "verdict": self.verdict,
            "cause": self.cause,
            "evidence": dict(self.evidence),
            "log": list(self.log),
            "next_command": self.next_command,
            "notes": list(self.notes),
            "steps": [asdict(step) for step in self.steps],
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
        }

    def text(self) -> str:
        """For a terminal: what happened, what serves, what to do next."""
        lines = [f"{self.run}: {self.ending.meaning}"]
        if self.cause:
            lines.append(f"cause: {self.cause}")
        lines += _in_words(self.evidence)
        if self.log:
            lines += ["its last lines:", *(f"  {line}" for line in self.log)]
        lines += [f"note: {note}" for note in self.notes]
        lines.append(f"serves: {summary_of(self.serves)}")
        if self.next_command:
            lines.append(f"next: {self.next_command}")
        return "\n".join(lines)


def summary_of(deployment: Deployment | None) -> str:
    """A deployment in a few words."""
    if deployment is None:
        return "unknown"
    return f"{deployment.commit[:12]} ({deployment.id})"


def _in_words(evidence: Mapping[str, Any]) -> list[str]:
    """The rounds by what they came to, and the last probes that were bad."""
    counts = evidence.get("counts") or {}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    lines = [f"probes: {told}"] if told else []
    for sample in evidence.get("evidence") or ():
        facts = (sample.get(name) for name in ("path", "replica", "code", "reason"))
        lines.append("  bad: " + " ".join(str(fact) for fact in facts if fact))
    return lines


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
