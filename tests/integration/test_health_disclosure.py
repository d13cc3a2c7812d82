from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator, FormatChecker

from tests.support.processes import Child
from tests.support.service import TOKEN, Service, attached, serving

POLICIES = [
    "/api/health",
    "/api/health/detailed",
    "/api/health/live",
    "/api/health/ready",
    "/api/health/startup",
]
OTHERS = [
    "/api/health/checks/application",
    "/api/health/history",
    "/api/health/schema",
    "/api/version",
]
METRICS_TOKEN = "a-metrics-token-of-tests"


@pytest.fixture(scope="module")
def produced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(
        tmp_path_factory.mktemp("production"),
        ENVIRONMENT="production",
        PM33_METRICS_TOKEN=METRICS_TOKEN,
    ) as child:
        yield child


@pytest_asyncio.fixture
async def production(produced: Child) -> AsyncIterator[Service]:
    async with attached(produced) as service:
        await service.has_results()
        yield service


def essence(response: httpx.Response) -> tuple[int, str, set[str]]:
    """What two answers of one path have in common, whenever they were asked for."""
    body = response.json()
    return response.status_code, body["status"], set(body["checks"])


def has_details(response: httpx.Response) -> bool:
    body = response.json()
    return "gate" in body or any("message" in one for one in body["checks"].values())


@pytest.mark.parametrize("path", [*POLICIES, *OTHERS])
async def test_the_platforms_probe_is_answered_for_its_own_host(
    production: Service, path: str
) -> None:
    headers = {"host": "healthcheck.railway.app"}
    response = await production.get(path, headers=headers)

    # Production demands variables that are not there: its gate stays closed.
    closed = path == "/api/health/startup"
    assert response.status_code == (503 if closed else 200)


@pytest.mark.parametrize("path", [*POLICIES, "/api/health/checks/database"])
async def test_in_production_details_need_the_token(
    production: Service, path: str
) -> None:
    public = await production.get(path)
    private = await production.get(path, token=TOKEN)

    assert not has_details(public)
    assert has_details(private)
    assert essence(public) == essence(private)
    assert "www-authenticate" not in {*public.headers, *private.headers}


@pytest.mark.parametrize("path", [*POLICIES, "/api/health/checks/database"])
async def test_a_wrong_token_gets_the_public_body_and_is_told(
    production: Service, path: str
) -> None:
    wrong = await production.get(path, token="wrong")

    assert wrong.headers["www-authenticate"].startswith("Bearer")
    assert not has_details(wrong)
    assert essence(wrong) == essence(await production.get(path))


async def test_a_metrics_token_shows_no_details(production: Service) -> None:
    response = await production.get("/api/health/detailed", token=METRICS_TOKEN)

    assert not has_details(response)


async def test_in_production_the_history_has_messages_for_the_token_only(
    production: Service,
) -> None:
    public = await production.json("/api/health/history")
    private = await production.json("/api/health/history", token=TOKEN)

    assert all("message" not in one for one in public["transitions"])
    assert all("message" in one for one in private["transitions"])
    assert private["transitions"]


async def test_why_names_what_decided(production: Service) -> None:
    # In production what is not configured degrades.
    with_token = await production.get("/api/health?why", token=TOKEN)
    without = await production.get("/api/health?why")

    assert "ai_services:degraded" in with_token.json()["why"]
    assert "why" not in without.json()
    assert "www-authenticate" in without.headers


@pytest.mark.parametrize("path", [*POLICIES, "/api/health/checks/application"])
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_bodies_are_what_the_schema_says(
    production: Service, path: str, token: str | None
) -> None:
    schema = await production.json("/api/health/schema")
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())

    validator.validate(await production.json(path, token=token))
    validator.validate(await production.json(f"{path}?why", token=token))


async def test_in_production_there_is_no_documentation_page(
    production: Service,
) -> None:
    assert (await production.get("/openapi.json")).status_code == 404
    assert (await production.get("/docs")).status_code == 404


@pytest.mark.parametrize("token", [METRICS_TOKEN, TOKEN])
async def test_in_production_metrics_take_either_token(
    production: Service, token: str
) -> None:
    response = await production.get("/metrics", token=token)

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_in_production_metrics_need_a_token(
    production: Service, token: str | None
) -> None:
    response = await production.get("/metrics", token=token)

    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Bearer"
