"""What a run has come to, as data and as text."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.watching.verdict import counted

__all__ = ["Ending", "RunReport", "StepReport", "summary_of"]


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
        serves: what serves now, as the platform tells it; None: nothing.
        serves_known: whether it could say so.
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
    serves_known: bool = True
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
            "serves_known": self.serves_known,
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
        # A platform's reason may quote the log, or the log the reason.
        log = [line for line in self.log if not _is_quoted(line, self.cause)]
        if log:
            lines += ["its last lines:", *(f"  {line}" for line in log)]
        lines += [f"note: {note}" for note in self.notes]
        serves = summary_of(self.serves) if self.serves_known else "unknown"
        lines.append(f"serves: {serves}")
        if self.next_command:
            lines.append(f"next: {self.next_command}")
        return "\n".join(lines)


def summary_of(deployment: Deployment | None) -> str:
    """What serves, in a few words."""
    if deployment is None:
        return "nothing"
    return f"{deployment.commit[:12]} ({deployment.id})"


_WORDS = {
    "ok": "good",
    "failed": "failed",
    "inconclusive": "undecided",
    "own_errors": "probes not made",
    "discarded": "probes answered by a cache or a limiter",
}


def _in_words(evidence: Mapping[str, Any]) -> list[str]:
    """The rounds by what they came to, and the last probes that were bad."""
    counts = evidence.get("counts") or {}
    told = ", ".join(
        f"{counts[one]} {_WORDS[one]}" for one in _WORDS if counts.get(one)
    )
    rounds = counted(counts.get("rounds", 0), "round")
    lines = [f"seen: {rounds}: {told}"] if told else []
    bad = Counter(map(_of_sample, evidence.get("evidence") or ()))
    for words, count in bad.items():
        lines.append(f"  bad: {words}" + (f" ({count} times)" if count > 1 else ""))
    return lines


def _of_sample(sample: Mapping[str, Any]) -> str:
    code, reason = str(sample.get("code") or ""), str(sample.get("reason") or "")
    said = (
        sample.get("path"),
        sample.get("replica"),
        code if code not in reason else "",
    )
    return " ".join(str(fact) for fact in (*said, reason) if fact)


def _is_quoted(line: str, cause: str) -> bool:
    """Whether a line of the log, with its replica or without, ends one of a cause."""
    _, _, text = line.partition(" ")
    whole = (line.strip(), text.strip())
    return any(one.endswith(end) for one in cause.splitlines() for end in whole if end)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
