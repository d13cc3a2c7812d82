"""What `pm33 env validate` has found, as data, as JSON, and as GitHub's annotations."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from app.backend.config.findings import Finding, Severity
from app.cli.env.faults import Spot, spot_of

if TYPE_CHECKING:
    from app.backend.monitoring.redaction import Redactor
    from app.cli.env.verdicts import Asked

__all__ = ["Verdict", "annotation", "as_github", "as_json", "outcome", "redacted"]

# https://docs.github.com/actions/reference/workflow-commands-for-github-actions
_COMMANDS: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found, redacted, and all that is told beside it.

    Attributes:
        environment: whose rules were applied.
        origin: who said so.
        source: where the variables come from, in words.
        findings: errors first.
        strict: whether warnings count as errors.
        files: the sources that are files.
        asked: the services, in the order of asking; None: nobody was to be asked.
        spared: services that were not asked, since their variable has an error.
        variables: ``set``, ``sealed`` or ``not set`` of each one; None: not wanted.
    """

    environment: str
    origin: str
    source: str
    findings: tuple[Finding, ...]
    strict: bool = False
    files: frozenset[str] = frozenset()
    asked: "tuple[Asked, ...] | None" = None
    spared: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing has to be mended."""
        bad = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return not any(one.severity in bad for one in self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings are that serious."""
        return Counter(one.severity for one in self.findings)[severity]

    def summary(self) -> str:
        """``1 error, 0 warnings, 2 infos``."""
        counts = ((one, self.count(one)) for one in Severity)
        return ", ".join(f"{n} {one}{'s' * (n != 1)}" for one, n in counts)


def redacted(finding: Finding, redactor: "Redactor") -> Finding:
    """The same without a secret in its words; names and rules are nobody's secret."""
    return replace(
        finding,
        message=redactor.redact(finding.message),
        remedy=redactor.redact(finding.remedy),
        source=redactor.redact(finding.source),
    )


def as_json(verdict: Verdict) -> str:
    """One object; ``variables`` and ``services`` are there where they are known."""
    body: dict[str, Any] = {
        "environment": verdict.environment,
        "environment_source": verdict.origin,
        "source": verdict.source,
        "ok": verdict.ok,
        "counts": {str(one): verdict.count(one) for one in Severity},
        "findings": [one.to_dict() for one in verdict.findings],
    }
    if verdict.asked is not None:
        body["services"] = [_service(one) for one in verdict.asked]
        body["not_asked"] = list(verdict.spared)
    if verdict.variables is not None:
        body["variables"] = dict(verdict.variables)
    return json.dumps(body, indent=2)


def as_github(verdict: Verdict) -> str:
    """An annotation for each finding, then one line that a person reads."""
    lines = [_annotated(one, verdict.files) for one in verdict.findings]
    return "\n".join([*lines, f"{verdict.environment}: {verdict.summary()}"])


def annotation(
    command: str, message: str, *, title: str = "", spot: Spot | None = None
) -> str:
    """One workflow command of GitHub's, escaped as its runner unescapes it."""
    properties = {"title": title} if title else {}
    if spot is not None:
        properties |= {"file": spot.file}
        properties |= {"line": str(spot.line)} if spot.line else {}
    given = ",".join(f"{k}={_property(v)}" for k, v in properties.items())
    return f"::{command}{' ' * bool(given)}{given}::{_data(message)}"


def _annotated(finding: Finding, files: frozenset[str]) -> str:
    spot = spot_of(finding.source)
    if spot is None and finding.source in files:
        spot = Spot(finding.source, 0)
    where = "" if spot else f" ({finding.source})"
    return annotation(
        _COMMANDS[finding.severity],
        f"{finding.variable}: {finding.message}{where}\n→ {finding.remedy}",
        title=f"{finding.variable}, {finding.rule}",
        spot=spot,
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _service(asked: "Asked") -> Mapping[str, Any]:
    return {
        "service": asked.question.service,
        "variable": asked.variable,
        "outcome": outcome(asked),
        "milliseconds": None if asked.result is None else round(asked.seconds * 1000),
    }


def outcome(asked: "Asked") -> str:
    """``answered``, ``reached``, the failure's class, or that it is out of reach."""
    if asked.result is None:
        return "private network"
    good = "answered" if asked.question.proves else "reached"
    return str(asked.result.failure or good)
