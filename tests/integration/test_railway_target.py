"""Names turned into ids by Railway's API, and what is said of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.backend.config.environment import Environment, read_config
from app.backend.deploy.platforms.railway import Connection, Target, connect
from app.backend.deploy.platforms.railway.tokens import TokenKind
from app.errors import ConfigError, NotAuthorizedError, TargetError
from tests.support.railway.canned import (
    CannedRailway,
    canned_railway,
    data,
    errors,
)
from tests.support.railway.canned_login import PROJECT, log_in, project_token

REFUSED = errors("Not Authorized")


def edges(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"edges": [{"node": node} for node in nodes]}


def page(*names: str, after: str | None = None) -> bytes:
    nodes = edges(*({"id": f"{name}-id", "name": name} for name in names))
    info = {"hasNextPage": after is not None, "endCursor": after}
    return data(projects={**nodes, "pageInfo": info})


def environment(name: str, **differing: Any) -> dict[str, Any]:
    usual = {"canAccess": True, "deletedAt": None, "isEphemeral": False}
    return {"id": f"{name}-id", "name": name, **usual, **differing}


def names(
    *services: str, project: str = PROJECT, environments: tuple[Any, ...] = ()
) -> bytes:
    usual = (environment("production"), environment("staging"))
    return data(
        project={
            "id": project,
            "name": "shop",
            "workspaceId": "w-1",
            "subscriptionType": "hobby",
            "environments": edges(*(environments or usual)),
            "services": edges(*({"id": f"{one}-id", "name": one} for one in services)),
        }
    )


@pytest.fixture
async def railway() -> AsyncIterator[CannedRailway]:
    async with canned_railway() as canned:
        canned.says("ProjectToken", project_token())
        canned.says("ProjectNames", names("web", "db"))
        yield canned


@pytest.fixture
def said() -> list[str]:
    return []


def connection(
    railway: CannedRailway,
    home: Path,
    said: list[str],
    /,
    environment: str = "production",
    **variables: str,
) -> Connection:
    url = {"PM33_RAILWAY_API_URL": railway.url}
    config = read_config({**url, **variables})
    return connect(config, environment, say=said.append, home=home, folder=home)


def account(railway: CannedRailway) -> None:
    """From now on there is a token of an account, with two workspaces."""
    railway.says("Me", data(me={"id": "u", "name": "A", "email": "a@example.com"}))
    spaces = [{"id": "w-1", "name": "one"}, {"id": "w-2", "name": "two"}]
    railway.says("ApiToken", data(apiToken={"workspaces": spaces}))


async def test_a_projects_token_brings_project_and_environment_along(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    opened = connection(
        railway, tmp_path, said, RAILWAY_TOKEN="t", PM33_RAILWAY_SERVICE="WEB"
    )
    assert railway.asked == []
    found, again = await asyncio.gather(opened.target(), opened.target())
    await opened.api.close()

    assert found is again
    assert found == Target(
        project=PROJECT,
        environment="production-id",
        service="web-id",
        project_name="shop",
        environment_name="production",
        service_name="web",
        workspace="w-1",
        plan="hobby",
        source=found.source,
    )
    assert railway.operations() == ["ProjectToken", "ProjectNames"]
    assert said[0] == (
        "Railway: shop / production / web (project by RAILWAY_TOKEN, environment by its"
        " name, service by PM33_RAILWAY_SERVICE)"
    )
    assert said[1].startswith("2 requests of Railway's API; 98 of 100 left until ")


async def test_a_project_is_found_by_name_in_all_workspaces_and_pages(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    account(railway)
    railway.says("Projects", page("a", after="x"), page("shop"), page("b"))
    opened = connection(
        railway,
        tmp_path,
        said,
        RAILWAY_API_TOKEN="t",
        PM33_RAILWAY_PROJECT="Shop",
        PM33_RAILWAY_SERVICE="web",
    )
    await opened.target()
    kind = (await opened.api.credentials()).kind
    await opened.api.close()

    assert kind is TokenKind.ACCOUNT
    asked = [one.variables for one in railway.asked if one.operation == "Projects"]
    where = [(one["workspaceId"], one["after"]) for one in asked]
    assert where == [("w-1", None), ("w-1", "x"), ("w-2", None)]
    assert railway.asked[-1].variables == {"id": "shop-id"}


async def test_a_workspaces_token_is_not_asked_twice_what_it_is_for(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    account(railway)
    railway.says("Me", REFUSED)
    railway.says("Projects", page("a"), page("shop"))
    opened = connection(
        railway,
        tmp_path,
        said,
        RAILWAY_API_TOKEN="t",
        PM33_RAILWAY_PROJECT="shop",
        PM33_RAILWAY_SERVICE="web",
    )
    await opened.target()
    await opened.api.close()

    assert railway.operations() == [
        *("Me", "ApiToken"),
        *("Projects", "Projects", "ProjectNames"),
    ]
    asked = [one.variables for one in railway.asked if one.operation == "Projects"]
    assert [one["workspaceId"] for one in asked] == ["w-1", "w-2"]


async def test_a_project_that_is_named_by_its_id_is_not_looked_for(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    account(railway)
    opened = connection(
        railway,
        tmp_path,
        said,
        RAILWAY_API_TOKEN="t",
        PM33_RAILWAY_PROJECT=PROJECT,
        PM33_RAILWAY_SERVICE="db-id",
    )
    found = await opened.target()
    await opened.api.close()

    assert found.service_name == "db"
    assert railway.operations() == ["Me", "ProjectNames"]


async def test_a_login_of_the_cli_and_its_link_stand_in_for_what_is_not_said(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    log_in(tmp_path, project=PROJECT, environment="staging-id", service="web-id")
    opened = connection(railway, tmp_path, said)
    found = await opened.target()
    await opened.api.close()

    assert railway.operations() == ["ProjectNames"]
    assert railway.asked[0].headers["authorization"] == "Bearer login"
    # The link's environment says nothing where one has been named.
    assert found.environment_name == "production"
    assert "project by `railway link`" in found.source
    assert "service by `railway link`" in found.source


async def test_the_link_of_another_project_says_nothing_of_the_service(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    log_in(tmp_path, project="other", service="web-id")
    opened = connection(railway, tmp_path, said, RAILWAY_TOKEN="t")

    with pytest.raises(TargetError, match="there are: db, web"):
        await opened.target()
    await opened.api.close()


async def test_what_railway_injects_into_a_container_is_never_the_target(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    account(railway)
    opened = connection(
        railway,
        tmp_path,
        said,
        RAILWAY_API_TOKEN="t",
        RAILWAY_PROJECT_ID=PROJECT,
        RAILWAY_ENVIRONMENT_ID="production-id",
        RAILWAY_SERVICE_ID="web-id",
        RAILWAY_SERVICE_NAME="web",
    )
    with pytest.raises(TargetError, match="which project at Railway") as refused:
        await opened.target()
    await opened.api.close()

    assert "PM33_RAILWAY_PROJECT" in refused.value.remedy


@pytest.mark.parametrize("gone", [{"canAccess": False}, {"deletedAt": "2026-01-01"}])
async def test_environments_that_are_gone_or_closed_do_not_count(
    gone: dict[str, Any], railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    closed = {**environment("production", **gone), "id": "old"}
    there = environment("Production")
    railway.says("ProjectToken", project_token("Production"))
    railway.says("ProjectNames", names("web", environments=(closed, there)))
    opened = connection(railway, tmp_path, said, RAILWAY_TOKEN="t")
    found = await opened.target()
    await opened.api.close()

    assert (found.environment, found.service) == ("Production-id", "web-id")
    assert "service by being the only one" in found.source


async def test_an_environment_may_be_called_something_else_at_railway(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    railway.says("ProjectToken", project_token("eu"))
    railway.says("ProjectNames", names("web", environments=(environment("eu"),)))
    opened = connection(
        railway, tmp_path, said, RAILWAY_TOKEN="t", PM33_RAILWAY_ENVIRONMENT="eu"
    )
    found = await opened.target()
    await opened.api.close()

    assert found.environment_name == "eu"
    assert "environment by PM33_RAILWAY_ENVIRONMENT" in found.source


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"environment": Environment.DEVELOPMENT}, "called 'development'; there"),
        ({"environment": "staging"}, "belongs to the environment production, not"),
        ({"PM33_RAILWAY_PROJECT": "other"}, "belongs to the project shop, and"),
        ({"PM33_RAILWAY_ENVIRONMENT": "eu"}, "there are: production, staging"),
        ({"PM33_RAILWAY_SERVICE": "api"}, "there are: db, web"),
        ({}, "which service of shop is meant is not said; there are: db, web"),
    ],
)
async def test_what_is_not_clear_is_refused_with_the_choices(
    variables: dict[str, str],
    words: str,
    railway: CannedRailway,
    tmp_path: Path,
    said: list[str],
) -> None:
    opened = connection(railway, tmp_path, said, RAILWAY_TOKEN="t", **variables)

    with pytest.raises(TargetError, match=words) as refused:
        await opened.target()
    await opened.api.close()

    assert refused.value.exit_code == 2
    assert "PM33_RAILWAY_" in refused.value.remedy


async def test_a_project_that_the_token_does_not_see_is_refused_with_the_choices(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    railway.says("ApiToken", REFUSED, data(apiToken={"workspaces": []}))
    railway.says("Me", data(me={"id": "u"}))
    railway.says("Projects", page("blog"))
    opened = connection(
        railway, tmp_path, said, RAILWAY_API_TOKEN="t", PM33_RAILWAY_PROJECT="shop"
    )
    # Who sees no workspace asks without naming one.
    for _ in range(2):
        with pytest.raises(TargetError, match="called 'shop'; there are: blog"):
            await opened.target()
    await opened.api.close()

    asked = [one for one in railway.asked if one.operation == "Projects"]
    assert [one.variables["workspaceId"] for one in asked] == [None, None]


async def test_a_token_that_railway_does_not_accept_is_told_before_all_else(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    railway.says("ProjectToken", errors("Project Token not found"))
    opened = connection(railway, tmp_path, said, RAILWAY_TOKEN="canary-token")

    with pytest.raises(NotAuthorizedError, match="RAILWAY_TOKEN neither") as refused:
        await opened.target()
    await opened.api.close()

    assert railway.operations() == ["ProjectToken", "Me", "ApiToken"]
    assert "canary" not in str(refused.value)


async def test_without_any_token_nothing_is_asked(
    railway: CannedRailway, tmp_path: Path, said: list[str]
) -> None:
    opened = connection(railway, tmp_path, said)

    with pytest.raises(ConfigError, match="no token"):
        await opened.target()
    await opened.api.close()

    assert (railway.asked, said) == ([], [])
