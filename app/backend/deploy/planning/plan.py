"""What a deploy would do, and whether it may: decided from facts, as printable data."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.backend.deploy.commits.schema import Revision
from app.backend.deploy.planning.findings import Finding, Severity, Survey, findings_of
from app.backend.deploy.platforms.base import Deployment, ServiceSettings
from app.backend.deploy.report import summary_of
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.watching.verdict import counted

__all__ = ["Plan", "draw_up"]

_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen.

    Attributes:
        serving: what serves now; None: nothing.
        first: nothing has ever served here, so that nothing can be lost yet.
        way_back: what a failed bake would return to; None: there is nothing.
        changed: settings that differ from the serving release's, old and new.
        changed_variables: names of variables that differ from what serves was given.
        bake: seconds that the release is watched; 0: it is not.
    """

    environment: str
    platform: str
    url: str
    commit: str
    subject: str
    branch: str | None
    serving: Deployment | None
    way_back: Deployment | None
    commits: tuple[str, ...]
    migrate: bool
    pending: tuple[Revision, ...] | None
    settings: ServiceSettings
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    changed_variables: tuple[str, ...] = ()
    bake: float
    gate_hold: float
    findings: tuple[Finding, ...] = ()
    first: bool = False

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """What has to be mended first."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)

    @property
    def migrates(self) -> bool:
        """Whether the expand step has anything to do, or may have."""
        return self.migrate and self.pending != ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        pending = self.pending
        return {
            "environment": self.environment,
            "platform": self.platform,
            "url": self.url,
            "commit": self.commit,
            "subject": self.subject,
            "branch": self.branch,
            "serving": self.serving.to_dict() if self.serving else None,
            "way_back": self.way_back.to_dict() if self.way_back else None,
            "commits": list(self.commits),
            "migrate": self.migrate,
            "pending": None if pending is None else [one.to_dict() for one in pending],
            "settings": self.settings.to_dict(),
            "changed": {name: list(pair) for name, pair in self.changed.items()},
            "changed_variables": list(self.changed_variables),
            "bake": self.bake,
            "gate_hold": self.gate_hold,
            "findings": [asdict(one) for one in self.findings],
        }

    def text(self) -> str:
        """For a terminal."""
        branch = f" ({self.branch})" if self.branch else ""
        lines = [
            f"deploy {self.commit[:_SHORT]} {self.subject}{branch}",
            f"to {self.environment} on {self.platform}, {self.url}",
            f"serves now: {summary_of(self.serving)}",
            *(f"  + {one}" for one in self.commits),
            f"migrations: {self._migrations()}",
            *(f"  {one.file}  {one.title}" for one in self.pending or ()),
            *(f"setting {name}: {a} -> {b}" for name, (a, b) in self.changed.items()),
            *self._variables(),
            f"gate: {self._met()} healthy for {self.gate_hold:g} s,"
            + (f" then watched for {self.bake:g} s" if self.bake else " not watched"),
            f"way back: {summary_of(self.way_back) if self.way_back else 'none'}",
        ]
        for one in self.findings:
            remedy = f"; {one.remedy}" if one.remedy else ""
            lines.append(f"{one.severity}: {one.text}{remedy}")
        return "\n".join(lines)

    def _variables(self) -> Iterator[str]:
        if self.changed_variables:
            names = ", ".join(self.changed_variables)
            yield f"variables that differ from what serves: {names}"

    def _met(self) -> str:
        """Which replicas are looked at."""
        settings = self.settings
        if settings.probed == settings.replicas:
            return counted(settings.replicas, "replica")
        several = f"{settings.replicas} replicas in {len(settings.regions)} regions"
        return f"{settings.probed} of {several}, those nearest to here,"

    def _migrations(self) -> str:
        if self.pending is None:
            return "not known"
        return f"{len(self.pending)} pending" if self.pending else "none pending"


def draw_up(
    request: DeployRequest,
    facts: Survey,
    *,
    bake: float,
    gate_hold: float,
    variables: Iterable[Finding] = (),
) -> Plan:
    """Turns what was found into a plan. Pure.

    Args:
        request: what is asked for.
        facts: what was found.
        variables: what is to be said of those that the release would be given, and of
            what only the platform knows.
        bake: seconds, the request's or the environment's.
        gate_hold: seconds, the request's or the setting.
    """
    serving = next((one for one in facts.deployments if one.active), None)
    return Plan(
        environment=request.environment,
        platform=facts.platform,
        url=facts.url,
        commit=request.commit,
        subject=facts.subject,
        branch=request.branch,
        serving=serving,
        way_back=facts.way_back,
        commits=tuple(facts.commits),
        migrate=request.migrate,
        pending=None if facts.pending is None else tuple(facts.pending),
        settings=facts.settings,
        changed=_changed(facts.settings_now, facts.settings),
        changed_variables=tuple(facts.changed_variables),
        bake=bake if request.monitor else 0.0,
        gate_hold=gate_hold,
        findings=(*findings_of(request, facts, serving), *variables),
        first=not any(one.succeeded for one in facts.deployments),
    )


def _changed(
    before: ServiceSettings | None, after: ServiceSettings
) -> Mapping[str, tuple[Any, Any]]:
    if before is None:
        return {}
    old, new = before.to_dict(), after.to_dict()
    return {name: (old[name], new[name]) for name in new if old[name] != new[name]}
