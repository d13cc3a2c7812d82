"""The simulated account: one project in one environment, and what stands beside it."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.railway.clock import Clock
from tests.support.railway.faults import Faults
from tests.support.railway.ground import AdjustableEdge, Ground
from tests.support.railway.lifecycle import Status
from tests.support.railway.manifest import DEFAULTS
from tests.support.railway.plans import PLANS, Plan, Unknowns
from tests.support.railway.records import Record, new_id
from tests.support.railway.repository import InventedRepository, Repository
from tests.support.railway.roster import Roster

__all__ = ["Environment", "Named", "Rule", "Service", "World"]


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an id and a name."""

    name: str
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Environment(Named):
    """One environment; only the first is simulated, the others are to be avoided."""

    accessible: bool = True
    deleted: bool = False
    ephemeral: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A notification rule."""

    events: tuple[str, ...]
    severities: tuple[str, ...]
    channels: tuple[Any, ...]
    project: str | None
    id: str = field(default_factory=new_id)


@dataclass(slots=True, kw_only=True)
class Service:
    """The service that is deployed.

    Attributes:
        stored: its settings, as ``serviceInstanceUpdate`` left them.
        variables: of the next deployment.
        sealed: names among them that nobody may read.
        tied: the commit that it is connected to now; None: the branch's head.
        target_port: of its domain; None: the one that Railway finds.
        shielded_until: the end of the under-attack mode, in seconds since 1970.
        volume: where one is mounted; None: there is none.
    """

    name: str = "web"
    id: str = field(default_factory=new_id)
    instance: str = field(default_factory=new_id)
    stored: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    sealed: set[str] = field(default_factory=set)
    trigger: str = field(default_factory=new_id)
    branch: str = "main"
    autodeploys: bool = True
    tied: str | None = None
    domain_id: str = field(default_factory=new_id)
    target_port: int | None = None
    shielded_until: int | None = None
    volume: str | None = None


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that there is, and what it stands on.

    Attributes:
        rollback_reason: what ``meta.reason`` says of a rollback, which nobody has
            established; None: nothing.
        beside: another service of the project.
        foreign: a project of somebody else's; its ids are as good as none.
    """

    ground: Ground
    clock: Clock
    plan: Plan = PLANS["PRO"]
    unknowns: Unknowns = field(default_factory=Unknowns)
    faults: Faults = field(default_factory=Faults)
    repository: Repository = field(default_factory=InventedRepository)
    workspace: Named = field(default_factory=lambda: Named("pm33"))
    project: Named = field(default_factory=lambda: Named("shop"))
    environments: list[Environment] = field(
        default_factory=lambda: [
            Environment("production"),
            Environment("staging"),
            Environment("locked", accessible=False),
            Environment("gone", deleted=True),
        ]
    )
    service: Service = field(default_factory=Service)
    beside: Named = field(default_factory=lambda: Named("Postgres"))
    foreign: Named = field(default_factory=lambda: Named("foreign"))
    rollback_reason: str | None = "rollback"
    rules: list[Rule] = field(default_factory=list)
    roster: Roster = field(default_factory=Roster)
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """The one that is simulated."""
        return self.environments[0]

    @property
    def domain(self) -> str:
        """Where users go, without a scheme."""
        return self.ground.url().partition("://")[2]

    @property
    def shown(self) -> list[Record]:
        """What lists have, the newest first."""
        found = [one for one in self.records.values() if one.shown]
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    def status(self, record: Record) -> Status:
        """Its status, as it truly is."""
        return self.roster.status(record.id)

    def image_is_kept(self, record: Record) -> bool:
        """Whether its image is still there; retention runs from its removal."""
        if record.image is None or not record.kept:
            return False
        if record.removed_at is None:
            return True
        age = (self.clock.now() - record.removed_at).total_seconds()
        return age < self.clock.real(self.plan.retention)

    def can_roll_back(self, record: Record) -> bool:
        """``canRollback``."""
        status = self.status(record)
        if not record.succeeded or not self.image_is_kept(record):
            return False
        if record.id == self.roster.serving:
            return self.unknowns.active_can_roll_back
        return status.is_active or status in {Status.REMOVING, Status.REMOVED}

    def injected(self, deployment: Record | None = None) -> dict[str, str]:
        """What Railway adds to the service's variables (FACTS §5)."""
        common = {
            "RAILWAY_PROJECT_ID": self.project.id,
            "RAILWAY_PROJECT_NAME": self.project.name,
            "RAILWAY_ENVIRONMENT_ID": self.environment.id,
            "RAILWAY_ENVIRONMENT_NAME": self.environment.name,
            "RAILWAY_SERVICE_ID": self.service.id,
            "RAILWAY_SERVICE_NAME": self.service.name,
            "RAILWAY_PRIVATE_DOMAIN": f"{self.service.name}.railway.internal",
            "RAILWAY_PUBLIC_DOMAIN": self.domain,
        }
        if deployment is None:
            return common
        of_commit = {
            "RAILWAY_GIT_COMMIT_SHA": deployment.commit,
            "RAILWAY_GIT_BRANCH": self.service.branch,
            "RAILWAY_GIT_REPO_NAME": self.repository.name.partition("/")[2],
            "RAILWAY_GIT_REPO_OWNER": self.repository.name.partition("/")[0],
        }
        return {
            **common,
            "RAILWAY_DEPLOYMENT_ID": deployment.id,
            "RAILWAY_SNAPSHOT_ID": deployment.snapshot,
            "RAILWAY_REPLICA_REGION": deployment.manifest["deploy"]["region"] or "",
            **({k: v or "" for k, v in of_commit.items()} if deployment.commit else {}),
        }

    def readable(self, variables: dict[str, str]) -> dict[str, str]:
        """Without what nobody may read."""
        return {k: v for k, v in variables.items() if k not in self.service.sealed}

    async def aim(self, *, right: bool) -> None:
        """Tells the edge where the domain's target port leads, if it can be told."""
        if isinstance(self.ground, AdjustableEdge):
            await self.ground.aim(right=right)

    async def shield(self, until: int | None) -> None:
        """The under-attack mode, on until then, or off."""
        self.service.shielded_until = until
        if isinstance(self.ground, AdjustableEdge):
            await self.ground.shield(on=until is not None)
