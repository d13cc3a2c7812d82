"""Which of a project's services is meant where nobody has said it."""

from pathlib import Path
from typing import Any

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway import connect
from app.errors import TargetError
from tests.support.railway.canned import canned_railway, data, errors

PROJECT = {"id": "p", "name": "shop"}
PRODUCTION = {"id": "e", "name": "production", "canAccess": True, "deletedAt": None}


def edges(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"edges": [{"node": node} for node in nodes]}


SCOPE = data(
    projectToken={
        "projectId": "p",
        "environmentId": "e",
        "project": PROJECT,
        "environment": {"id": "e", "name": "production"},
    }
)
NAMES = data(
    project={
        **PROJECT,
        "workspaceId": None,
        "subscriptionType": "pro",
        "environments": edges(PRODUCTION),
        "services": edges(*({"id": f"{one}-id", "name": one} for one in ("db", "web"))),
    }
)


def sources(**repos: str | None) -> bytes:
    nodes = [
        {"serviceId": f"{name}-id", "source": {"repo": repo}}
        for name, repo in repos.items()
    ]
    return data(environment={"id": "e", "serviceInstances": edges(*nodes)})


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (sources(db=None, web="acme/web"), "web-id"),
        (sources(db="acme/db", web="acme/web"), None),
        (sources(db=None, web=None), None),
        (errors("Not Authorized"), None),
    ],
)
async def test_of_several_services_the_only_one_from_a_repository_is_meant(
    answer: bytes, meant: str | None, tmp_path: Path
) -> None:
    async with canned_railway() as railway:
        railway.says("ProjectToken", SCOPE)
        railway.says("ProjectNames", NAMES)
        railway.says("Sources", answer)
        config = read_config(
            {"RAILWAY_TOKEN": "t", "PM33_RAILWAY_API_URL": railway.url}
        )
        opened = connect(config, "production", home=tmp_path, folder=tmp_path)
        try:
            if meant is None:
                with pytest.raises(TargetError, match="there are: db, web"):
                    await opened.target()
            else:
                assert (await opened.target()).service == meant
        finally:
            await opened.api.close()
