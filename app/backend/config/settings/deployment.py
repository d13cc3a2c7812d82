"""Settings of the pipeline, and what the platform says about a container."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.backend.config.settings.values import Duration, Flag, Group, Names, Seconds

__all__ = ["DeploymentSettings", "RailwaySettings"]


class RailwaySettings(Group):
    """What Railway injects into a container; never the target of a deployment."""

    environment_name: str | None = Field(
        None,
        alias="RAILWAY_ENVIRONMENT_NAME",
        description="Name of Railway's environment; says which rules apply where "
        "ENVIRONMENT is not set.",
    )
    deployment_id: str | None = Field(
        None,
        alias="RAILWAY_DEPLOYMENT_ID",
        description="Railway's id of the deployment.",
    )
    replica_id: str | None = Field(
        None, alias="RAILWAY_REPLICA_ID", description="Railway's id of the replica."
    )
    replica_region: str | None = Field(
        None,
        alias="RAILWAY_REPLICA_REGION",
        description="Region in which the replica runs.",
    )
    git_commit_sha: str | None = Field(
        None,
        alias="RAILWAY_GIT_COMMIT_SHA",
        description="Commit that was built.",
    )
    public_domain: str | None = Field(
        None,
        alias="RAILWAY_PUBLIC_DOMAIN",
        description="Domain by which the service is reached from everywhere.",
    )
    private_domain: str | None = Field(
        None,
        alias="RAILWAY_PRIVATE_DOMAIN",
        description="Domain by which the service is reached within its project.",
    )
    service_name: str | None = Field(
        None, alias="RAILWAY_SERVICE_NAME", description="Name of the service."
    )
    draining_seconds: Seconds | None = Field(
        None,
        alias="RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
        description="Seconds between the signal to stop and the kill; the drain has to "
        "end two seconds before. Set by hand, as drainingSeconds is in railway.toml.",
    )
    overlap_seconds: Seconds | None = Field(
        None,
        alias="RAILWAY_DEPLOYMENT_OVERLAP_SECONDS",
        description="Seconds that the old deployment is kept beside the new one. Set "
        "by hand, as overlapSeconds is in railway.toml.",
    )

    @property
    def present(self) -> bool:
        """Whether this process runs on Railway."""
        return self.environment_name is not None or self.deployment_id is not None


class DeploymentSettings(Group):
    """The pipeline's target and credentials, and a release's own identity."""

    platform: Literal["local", "railway"] | None = Field(
        None,
        alias="PM33_PLATFORM",
        description="Where to deploy; unset, local in development and railway "
        "elsewhere.",
    )
    railway_token: SecretStr | None = Field(
        None,
        alias="RAILWAY_TOKEN",
        description="Token of one project and environment at Railway, for the "
        "pipeline.",
    )
    railway_api_token: SecretStr | None = Field(
        None,
        alias="RAILWAY_API_TOKEN",
        description="Token of an account or a workspace at Railway, for the pipeline.",
    )
    railway_project: str | None = Field(
        None,
        alias="PM33_RAILWAY_PROJECT",
        description="Project at Railway to deploy to, by name or id.",
    )
    railway_service: str | None = Field(
        None,
        alias="PM33_RAILWAY_SERVICE",
        description="Service at Railway to deploy to, by name or id.",
    )
    railway_environment: str | None = Field(
        None,
        alias="PM33_RAILWAY_ENVIRONMENT",
        description="Environment at Railway to deploy to, by name or id.",
    )
    railway_api_url: str = Field(
        "https://backboard.railway.com/graphql/v2?source=pm33-ops",
        alias="PM33_RAILWAY_API_URL",
        description="Where Railway's API is asked. A query string keeps its edge from "
        "limiting the pipeline to few requests a second.",
    )
    public_url: str | None = Field(
        None,
        alias="PM33_PUBLIC_URL",
        description="URL at which users reach the service, as in "
        "https://your-app.example.",
    )
    bake: Duration | None = Field(
        None,
        alias="PM33_BAKE",
        description="How long a new release is watched until it counts; unset, 1 "
        "minute in development and 30 elsewhere.",
    )
    gate_hold: Duration = Field(
        10.0,
        alias="PM33_GATE_HOLD",
        description="How long each replica of a new release has to be healthy before "
        "it is given requests.",
    )
    build_timeout: Annotated[Duration, Field(gt=0)] = Field(
        3600.0,
        alias="PM33_BUILD_TIMEOUT",
        description="How long a release may take to be built and started, as long as "
        "it is seen to get on.",
    )
    monitor_interval: Annotated[Duration, Field(gt=0)] = Field(
        10.0,
        alias="PM33_MONITOR_INTERVAL",
        description="Time from one look at what serves to the next.",
    )
    failure_threshold: int = Field(
        3,
        alias="PM33_FAILURE_THRESHOLD",
        ge=1,
        le=100,
        description="Failed looks in a row after which it is rolled back.",
    )
    probe_paths: Names = Field(
        (),
        alias="PM33_PROBE_PATHS",
        description="Paths that the monitor asks for through the whole application; "
        "unset, one of the service's own.",
    )
    migration_required: Flag = Field(
        default=False,
        alias="MIGRATION_REQUIRED",
        description="Whether a deploy applies the expand revisions first, as --migrate "
        "does.",
    )
    deployment_id: str | None = Field(
        None,
        alias="PM33_DEPLOYMENT_ID",
        description="Id of the deployment that this process belongs to; the local "
        "platform sets it.",
    )
    replica_id: str | None = Field(
        None,
        alias="PM33_REPLICA_ID",
        description="Id of the replica that this process is; the local platform sets "
        "it.",
    )
    commit: str | None = Field(
        None,
        alias="PM33_COMMIT",
        description="Commit that this process runs; the local platform sets it.",
    )
    migration_plan: str | None = Field(
        None,
        alias="PM33_MIGRATION_PLAN",
        description="Hash of the plan that the pre-deploy command may apply; the "
        "pipeline sets and clears it.",
    )
    migrate_on_deploy: Literal["expand"] | None = Field(
        None,
        alias="PM33_MIGRATE_ON_DEPLOY",
        description="Whether the pre-deploy command applies expand revisions without a "
        "plan, for who deploys without the pipeline.",
    )
