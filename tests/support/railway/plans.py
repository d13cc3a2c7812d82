"""What Railway's plans allow (FACTS §1 and §4), and what nobody has established."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["BARE_PATH_PER_SECOND", "PLANS", "Plan", "Unknowns"]

_HOUR: Final = 3600.0

BARE_PATH_PER_SECOND: Final = 10
"""What the content network lets through without a query string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One plan.

    Attributes:
        name: as the schema's ``SubscriptionPlanType`` has it; it knows no enterprise.
        per_hour: requests.
        per_second: requests; None: no limit is documented.
        retention: seconds for which an image is kept after its deployment was removed.
        replicas: how many a service may have.
    """

    name: str
    per_hour: int
    per_second: int | None
    retention: float
    replicas: int


PLANS: Final[Mapping[str, Plan]] = {
    "FREE": Plan(
        name="free", per_hour=100, per_second=None, retention=24 * _HOUR, replicas=1
    ),
    "TRIAL": Plan(
        name="trial", per_hour=100, per_second=None, retention=24 * _HOUR, replicas=2
    ),
    "HOBBY": Plan(
        name="hobby", per_hour=1_000, per_second=10, retention=72 * _HOUR, replicas=6
    ),
    "PRO": Plan(
        name="pro", per_hour=10_000, per_second=50, retention=120 * _HOUR, replicas=42
    ),
    # Its rates are custom; these are only larger.
    "ENTERPRISE": Plan(
        name="pro", per_hour=100_000, per_second=200, retention=360 * _HOUR, replicas=50
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """The facts marked [?], as switches: a client must be right with all of them.

    The simulator asks for one where it makes a difference, and only there.

    Attributes:
        rollback_rewrites_variables: a rollback stores the target's variables as the
            service's, too.
        rollback_runs_pre_deploy: a rollback runs the pre-deploy command again.
        rollback_waits_for_health: a rollback has to pass the health check.
        active_can_roll_back: ``canRollback`` is true for what is active.
        project_token_may_roll_back: ``deploymentRollback`` takes a project token.
        project_token_may_switch_autodeploy: and ``serviceInstanceAutoDeployUpdate``.
        project_token_may_set_alerts: and ``notificationRuleCreate``.
        pre_deploy_while_building: the pre-deploy command runs under BUILDING, not
            under DEPLOYING.
        overlap_of_the_new: how long the old one stays is a setting of the new one.
        two_active_in_overlap: ``activeDeployments`` shows the old one as well.
        crashed_by_one_replica: one replica out of its budget makes the deployment
            CRASHED; otherwise all have to be.
        snapshot_readable: ``deploymentSnapshot`` shows the variables.
        reads_railway_toml: the commit's file overlays the stored settings, as it does
            until 2026-12-01.
        variable_delete_deploys: ``variableDelete``, which cannot skip it, deploys.
        image_source_deploys: ``serviceInstanceUpdate`` with another image deploys it.
    """

    rollback_rewrites_variables: bool = False
    rollback_runs_pre_deploy: bool = True
    rollback_waits_for_health: bool = True
    active_can_roll_back: bool = False
    project_token_may_roll_back: bool = True
    project_token_may_switch_autodeploy: bool = True
    project_token_may_set_alerts: bool = False
    pre_deploy_while_building: bool = False
    overlap_of_the_new: bool = True
    two_active_in_overlap: bool = True
    crashed_by_one_replica: bool = False
    snapshot_readable: bool = True
    reads_railway_toml: bool = True
    variable_delete_deploys: bool = False
    image_source_deploys: bool = False
