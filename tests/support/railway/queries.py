"""What can be read, by the query's name."""

from collections.abc import Mapping
from typing import Any

from tests.support.railway.authority import Asker, TokenKind, unauthorized
from tests.support.railway.connections import connection
from tests.support.railway.metrics import durations, http_logs, requests_by_status
from tests.support.railway.readings import told_lines
from tests.support.railway.views import Views

__all__ = ["QUERIES"]

Arguments = Mapping[str, Any]


def _me(asker: Asker, _: Arguments) -> Any:
    asker.needs(TokenKind.ACCOUNT)
    owner = asker.world.workspace.id
    return {"id": owner, "name": "Somebody", "email": "somebody@example.com"}


def _api_token(asker: Asker, _: Arguments) -> Any:
    asker.needs(TokenKind.ACCOUNT, TokenKind.WORKSPACE)
    workspace = asker.world.workspace
    return {"workspaces": [{"id": workspace.id, "name": workspace.name}]}


def _project_token(asker: Asker, _: Arguments) -> Any:
    asker.needs(TokenKind.PROJECT)
    world, views = asker.world, Views(asker.world)
    return {
        "id": world.environment.id,
        "name": "pipeline",
        "projectId": world.project.id,
        "environmentId": world.environment.id,
        "project": views.project(),
        "environment": views.environment(world.environment),
        "displayToken": "****",
        "createdAt": world.clock.told(world.clock.now()),
    }


def _projects(asker: Asker, given: Arguments) -> Any:
    asker.needs(TokenKind.ACCOUNT, TokenKind.WORKSPACE)
    if given.get("workspaceId") is not None:
        asker.workspace(given["workspaceId"])
    return connection([Views(asker.world).project()], **_page(given))


def _project(asker: Asker, given: Arguments) -> Any:
    asker.project(given["id"])
    project = Views(asker.world).project()
    if asker.kind is TokenKind.PROJECT:
        # It sees its own environment only.
        own = [Views(asker.world).environment(asker.world.environment)]
        project["environments"] = lambda _info, **_: connection(own)
    return project


def _environment(asker: Asker, given: Arguments) -> Any:
    asker.environment(given["id"])
    asker.place({"projectId": given.get("projectId")})
    return Views(asker.world).environment(asker.world.environment)


def _service_instance(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    return Views(asker.world).service_instance()


def _deployments(asker: Asker, given: Arguments) -> Any:
    wanted = given["input"]
    asker.place(wanted)
    status = wanted.get("status") or {}
    nodes = [
        node
        for node in Views(asker.world).deployments()
        if (status.get("in") is None or node["status"] in status["in"])
        and node["status"] not in (status.get("notIn") or ())
    ]
    return connection(nodes, **_page(given))


def _deployment(asker: Asker, given: Arguments) -> Any:
    return Views(asker.world).deployment(asker.deployment(given["id"]))


def _deployment_events(asker: Asker, given: Arguments) -> Any:
    record = asker.deployment(given["id"])
    views = Views(asker.world)
    return connection([views.event(one) for one in record.events], **_page(given))


def _snapshot(asker: Asker, given: Arguments) -> Any:
    record = asker.deployment(given["deploymentId"])
    if not asker.world.unknowns.snapshot_readable:
        raise unauthorized()
    return Views(asker.world).snapshot(record)


def _build_logs(asker: Asker, given: Arguments) -> Any:
    record = asker.deployment(given["deploymentId"])
    return told_lines(asker.world, record, record.build_lines, given)


def _deployment_logs(asker: Asker, given: Arguments) -> Any:
    record = asker.deployment(given["deploymentId"])
    return told_lines(asker.world, record, record.deploy_lines, given)


def _http_logs(asker: Asker, given: Arguments) -> Any:
    return http_logs(asker.world, asker.deployment(given["deploymentId"]), given)


def _by_status(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    return requests_by_status(asker.world, given)


def _durations(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    return durations(asker.world, given)


def _variables(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    world = asker.world
    if given.get("serviceId") is None:
        return {}
    return world.readable({**world.service.variables, **world.injected()})


def _autodeploy(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    enabled = asker.world.service.autodeploys
    return {"enabled": enabled, "canEnable": True, "reason": None}


def _triggers(asker: Asker, given: Arguments) -> Any:
    asker.place({k: v for k, v in given.items() if k.endswith("Id")})
    return connection([Views(asker.world).trigger()], **_page(given))


def _domains(asker: Asker, given: Arguments) -> Any:
    asker.place(given)
    return Views(asker.world).domains()


def _rules(asker: Asker, given: Arguments) -> Any:
    asker.workspace(given["workspaceId"])
    wanted = given.get("projectId")
    if wanted is not None:
        asker.project(wanted)
    views = Views(asker.world)
    rules = asker.world.rules
    return [views.rule(one) for one in rules if wanted in {None, one.project}]


def _page(given: Arguments) -> dict[str, Any]:
    names = ("first", "after", "last", "before")
    return {name: given[name] for name in names if name in given}


QUERIES = {
    "me": _me,
    "apiToken": _api_token,
    "projectToken": _project_token,
    "projects": _projects,
    "project": _project,
    "environment": _environment,
    "serviceInstance": _service_instance,
    "deployments": _deployments,
    "deployment": _deployment,
    "deploymentEvents": _deployment_events,
    "deploymentSnapshot": _snapshot,
    "buildLogs": _build_logs,
    "deploymentLogs": _deployment_logs,
    "httpLogs": _http_logs,
    "httpMetricsGroupedByStatus": _by_status,
    "httpDurationMetrics": _durations,
    "variables": _variables,
    "variablesForServiceDeployment": _variables,
    "serviceInstanceAutoDeployStatus": _autodeploy,
    "deploymentTriggers": _triggers,
    "domains": _domains,
    "notificationRules": _rules,
}
"""Each takes who asks and the field's arguments."""
