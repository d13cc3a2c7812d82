"""Settings as Railway stores them, and as a deployment freezes them.

Stored: the fields of ``ServiceInstanceUpdateInput``. Frozen: ``meta.serviceManifest``,
``{build, deploy}``, with what the commit's ``railway.toml`` says instead (FACTS §6).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = ["DEFAULTS", "Manifest", "frozen", "run_by", "updated"]

_BUILD: Final = (
    "builder",
    "buildCommand",
    "dockerfilePath",
    "watchPatterns",
    "nixpacksPlan",
)
_DEPLOY: Final = (
    "startCommand",
    "preDeployCommand",
    "healthcheckPath",
    "healthcheckTimeout",
    "overlapSeconds",
    "drainingSeconds",
    "restartPolicyType",
    "restartPolicyMaxRetries",
    "cronSchedule",
    "sleepApplication",
    "numReplicas",
    "multiRegionConfig",
    "region",
)
_OTHER: Final = ("railwayConfigFile", "rootDirectory", "source", "ipv6EgressEnabled")
_REGION: Final = "europe-west4-drams3a"

DEFAULTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys((*_BUILD, *_DEPLOY, *_OTHER)),
    "builder": "RAILPACK",
    "watchPatterns": [],
    "restartPolicyType": "ON_FAILURE",
    "restartPolicyMaxRetries": 10,
    "numReplicas": 1,
    "region": _REGION,
    "sleepApplication": False,
}
"""Of a new service."""

Manifest = Mapping[str, Mapping[str, Any]]


def updated(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings after ``serviceInstanceUpdate``; null clears one."""
    values = {**stored, **{name: given[name] for name in given if name in DEFAULTS}}
    cleared = {
        name: DEFAULTS[name]
        for name in ("builder", "restartPolicyType", "restartPolicyMaxRetries")
        if values[name] is None
    }
    if given.get("numReplicas") is not None and "multiRegionConfig" not in given:
        values["multiRegionConfig"] = None
    return values | cleared


def frozen(
    stored: Mapping[str, Any], settings_file: str | None, environment: str
) -> Manifest:
    """What a deployment created now is run with.

    Args:
        stored: the service's settings.
        settings_file: the commit's ``railway.toml``; None: there is none, or it is not
            read.
        environment: whose table of the file beats the others.
    """
    build = {name: stored[name] for name in _BUILD}
    deploy = {name: stored[name] for name in _DEPLOY}
    for part in ("build", "deploy"):
        own = build if part == "build" else deploy
        for table in _tables(settings_file, environment):
            given = table.get(part, {})
            own.update(given)
            if "numReplicas" in given and "multiRegionConfig" not in given:
                own["multiRegionConfig"] = None
    pre = deploy["preDeployCommand"]
    deploy["preDeployCommand"] = [pre] if isinstance(pre, str) else pre
    if not deploy["multiRegionConfig"]:
        count = deploy["numReplicas"] or 1
        deploy["multiRegionConfig"] = {deploy["region"]: {"numReplicas": count}}
    return {"build": build, "deploy": deploy}


def run_by(manifest: Manifest, variables: Mapping[str, str]) -> ServiceSettings:
    """The same, in the words of a ground.

    Railway reads some variables as settings, where the setting itself is not made.
    """
    deploy = manifest["deploy"]
    reader = _Reader(deploy, variables)
    commands = deploy["preDeployCommand"] or []
    regions = deploy["multiRegionConfig"].values()
    return ServiceSettings(
        start_command=deploy["startCommand"] or "pm33 serve",
        pre_deploy_command=" && ".join(commands) or None,
        healthcheck_path=deploy["healthcheckPath"] or None,
        healthcheck_timeout=reader.seconds(
            "healthcheckTimeout", "RAILWAY_HEALTHCHECK_TIMEOUT_SEC", 300.0
        ),
        overlap_seconds=reader.seconds(
            "overlapSeconds", "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS", 0.0
        ),
        draining_seconds=reader.seconds(
            "drainingSeconds", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS", 0.0
        ),
        restart_policy=deploy["restartPolicyType"],
        restart_retries=deploy["restartPolicyMaxRetries"],
        replicas=sum((one or {}).get("numReplicas") or 1 for one in regions),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    deploy: Mapping[str, Any]
    variables: Mapping[str, str] = field(repr=False)

    def seconds(self, name: str, variable: str, default: float) -> float:
        stored = self.deploy[name]
        if stored is not None:
            return float(stored)
        try:
            return float(self.variables.get(variable, default))
        except ValueError:
            return default


def _tables(settings_file: str | None, environment: str) -> list[Mapping[str, Any]]:
    """The file's base table, and the environment's own."""
    if settings_file is None:
        return []
    document = tomllib.loads(settings_file)
    return [document, document.get("environments", {}).get(environment, {})]
