"""Looks at everything that a rotation depends on, and changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.backend.config.environment import Config, Environment
from app.backend.config.findings import Finding
from app.backend.config.validation import validate
from app.backend.config.variables import Variables
from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.planning.environment import (
    CODES,
    findings_of_variables,
    variables_of,
)
from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.report import summary_of
from app.backend.deploy.rotating.judging import broken_by
from app.backend.deploy.rotating.order import RotationOrder
from app.backend.deploy.rotating.rotation import Rotation, decide
from app.backend.deploy.rotating.values import file_of, place_of
from app.backend.deploy.running.following import serving
from app.backend.deploy.tools import Tools
from app.errors import PreflightError

__all__ = ["RotationPlan", "RotationRequest", "look", "look_again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequest:
    """A variable is to get a new value.

    Attributes:
        name: of the variable.
        value: the new one; never shown.
        actor: who asks, for the journal.
        bake: as in :class:`.request.DeployRequest`, as are the other three.
    """

    name: str
    value: str = field(repr=False)
    environment: str
    actor: str
    bake: float | None = None
    gate_hold: float | None = None
    monitor_interval: float | None = None
    unlocked: bool = False

    def order(self, serving: Deployment, sets: Iterable[str]) -> RotationOrder:
        """The same without the value, for whoever has to bring it to its end."""
        return RotationOrder(
            variable=self.name,
            environment=self.environment,
            actor=self.actor,
            serving=serving.id,
            commit=serving.commit,
            sets=tuple(sets),
            bake=self.bake,
            gate_hold=self.gate_hold,
            monitor_interval=self.monitor_interval,
            unlocked=self.unlocked,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPlan:
    """What would happen; its ``repr`` shows no value.

    Attributes:
        serving: what serves now, and is deployed again.
        variables: as they would be.
        config: what the settings make of them.
        broken: the errors that are the new value's.
        deploy: the plan of the deployment that follows; errors of other variables
            refuse it, as its gate would.
        on: the day by which the age of a kept value is told.
        proof: how the value was proven, or why not; empty before that.
    """

    request: RotationRequest
    rotation: Rotation
    serving: Deployment
    variables: Variables = field(repr=False)
    config: Config = field(repr=False)
    broken: tuple[Finding, ...]
    deploy: Plan
    on: date
    proof: str = ""

    @property
    def order(self) -> RotationOrder:
        """What is written down."""
        return self.request.order(self.serving, self.rotation.changes)

    @property
    def is_possible(self) -> bool:
        """Whether nothing has to be mended first."""
        return not (self.broken or self.deploy.refusals)

    def refuse(self) -> None:
        """Raises for what has to be mended first.

        Raises:
            PreflightError: the value breaks a rule, or nothing can be deployed now.
        """
        if self.broken:
            texts = "; ".join(f"{one.variable} {one.message}" for one in self.broken)
            raise PreflightError(
                f"the new value cannot be used: {texts}", remedy=self.broken[0].remedy
            )
        if self.deploy.refusals:
            texts = "; ".join(one.text for one in self.deploy.refusals)
            raise PreflightError(texts, remedy=self.deploy.refusals[0].remedy)

    def proven(self, how: str) -> "RotationPlan":
        """The same, with how the value was proven."""
        return replace(self, proof=how)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; names, never values."""
        return {
            "variable": self.rotation.name,
            "environment": self.request.environment,
            "sets": sorted(self.rotation.changes),
            "keeps": self.rotation.keeps,
            "is_set": self.rotation.is_set,
            "proof": self.proof,
            "notes": list(self.rotation.notes),
            "broken": [one.to_dict() for one in self.broken],
            "deploy": self.deploy.to_dict(),
        }

    def text(self) -> str:
        """For a terminal."""
        return f"{self.head()}\n{self.deploy.text()}"

    def head(self) -> str:
        """Without the plan of the deployment."""
        rotation, deploy = self.rotation, self.deploy
        sets, serves = ", ".join(sorted(rotation.changes)), summary_of(self.serving)
        then = "is as it was" if rotation.can_be_undone else "keeps its new value"
        lines = [
            f"rotate {rotation.name} of {deploy.environment} on {deploy.platform}",
            f"{'set already' if rotation.is_set else 'sets'}: {sets}",
            *([f"proof: {self.proof}"] if self.proof else ()),
            *(f"note: {one}" for one in rotation.notes),
            *(
                f"error: {one.variable} {one.message}; {one.remedy}"
                for one in self.broken
            ),
            f"if it fails: {serves} serves, and {rotation.name} {then}",
        ]
        return "\n".join(lines)


async def look(request: RotationRequest, tools: Tools) -> RotationPlan:
    """Looks, and says what a rotation would do.

    Raises:
        TargetError: it is no variable that could be rotated.
        PreflightError: nothing serves, or there is nothing to rotate.
        ConfigError, PlatformError: the platform's variables cannot be read.
    """
    platform, environment = tools.platform, tools.environment
    now = await serving(platform)
    if now is None:
        raise PreflightError(
            f"nothing serves in {environment}, so nothing has to be rotated",
            remedy=f"set the variable {place_of(platform)}, and deploy",
        )
    today, on = await platform.variables(), tools.now().date()
    rotation = decide(
        request.name,
        request.value,
        today=today,
        serving=await platform.variables(now.id),
        on=on,
        file=file_of(platform),
    )
    would_be = variables_of({**today, **rotation.changes}, platform.name, environment)
    config, after = validate(would_be, Environment(environment), now=tools.now())
    order = request.order(now, rotation.changes)
    plan = await make_plan(order.deploy(), tools)
    broken = broken_by(rotation, today, after, tools)
    blamed = {(one.variable, one.rule) for one in broken}
    return RotationPlan(
        request=request,
        rotation=rotation,
        serving=now,
        variables=would_be,
        config=config,
        broken=broken,
        deploy=_judged(
            plan, [one for one in after if (one.variable, one.rule) not in blamed]
        ),
        on=on,
    )


async def look_again(plan: RotationPlan, tools: Tools) -> None:
    """Sees that the world is still as it was planned for, now that nobody else acts.

    Raises:
        PreflightError: it is not; nothing was touched.
        PlatformError: it cannot be told.
    """
    platform, request = tools.platform, plan.request
    now = await serving(platform)
    if now is not None and now.id == plan.serving.id:
        rotation = decide(
            request.name,
            request.value,
            today=await platform.variables(),
            serving=await platform.variables(now.id),
            # Midnight may have passed while somebody was asked.
            on=plan.on,
            file=file_of(platform),
        )
        if rotation == plan.rotation:
            return
    raise PreflightError(
        "what serves, or its variables, have changed since the plan was made",
        remedy="look at `pm33 deployments`, and rotate again",
    )


def _judged(plan: Plan, after: Iterable[Finding]) -> Plan:
    """The plan, with what is said of the variables as they would be."""
    others = tuple(one for one in plan.findings if one.code not in CODES)
    told = findings_of_variables(after, plan.environment)
    # The way back is the rotation's own, whatever the commit's would be.
    return replace(plan, way_back=plan.serving, findings=(*others, *told))
