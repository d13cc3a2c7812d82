import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator, FormatChecker
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.processes import Child
from tests.support.service import TOKEN, Service, attached, serving, until

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
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def developed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(tmp_path_factory.mktemp("development")) as child:
        yield child


@pytest.fixture(scope="module")
def produced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(
        tmp_path_factory.mktemp("production"),
        ENVIRONMENT="production",
        PM33_METRICS_TOKEN=METRICS_TOKEN,
    ) as child:
        yield child


@pytest_asyncio.fixture
async def development(developed: Child) -> AsyncIterator[Service]:
    async with attached(developed) as service:
        await service.answers("/api/health/startup", 200)
        yield service


@pytest_asyncio.fixture
async def production(produced: Child) -> AsyncIterator[Service]:
    async with attached(produced) as service:
        await service.check_becomes("system", status="healthy")
        yield service


def essence(response: httpx.Response) -> tuple[int, str, set[str]]:
    """What two answers of one path have in common, whenever they were asked for."""
    body = response.json()
    return response.status_code, body["status"], set(body["checks"])


def has_details(response: httpx.Response) -> bool:
    body = response.json()
    return "gate" in body or any("message" in one for one in body["checks"].values())


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert body["type"]
    assert body["title"]
    assert body["detail"]


@pytest.mark.parametrize("path", [*POLICIES, *OTHERS])
async def test_the_platforms_probe_is_answered_for_its_own_host(
    production: Service, path: str
) -> None:
    headers = {"host": "healthcheck.railway.app"}
    response = await production.get(path, headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize("path", [*POLICIES, *OTHERS])
async def test_head_answers_like_get_without_a_body(
    development: Service, path: str
) -> None:
    head, get = await development.http.head(path), await development.get(path)

    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("path", [*POLICIES, "/api/health/checks/application"])
async def test_a_trailing_slash_answers_the_same(
    development: Service, path: str
) -> None:
    plain, slashed = await development.get(path), await development.get(f"{path}/")

    assert essence(slashed) == essence(plain)


@pytest.mark.parametrize("path", ["/api/health/history/", "/api/version/"])
async def test_a_trailing_slash_is_no_redirect(development: Service, path: str) -> None:
    assert (await development.get(path)).status_code == 200


async def test_an_unknown_check_is_a_problem(development: Service) -> None:
    response = await development.get("/api/health/checks/nobody")

    assert_problem(response, 404)
    assert "/api/health/detailed" in response.json()["remedy"]


@pytest.mark.parametrize("path", [*POLICIES, "/api/health/checks/application"])
async def test_an_unknown_format_is_a_problem(development: Service, path: str) -> None:
    response = await development.get(path, params={"format": "yaml"})

    assert_problem(response, 406)
    assert "json" in response.json()["remedy"]
    assert (await development.get(path, params={"format": "json"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/health/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/api/health", 405),
        ("GET", "/api/health/history?limit=many", 422),
    ],
)
async def test_what_cannot_be_answered_is_a_problem(
    development: Service, method: str, path: str, status: int
) -> None:
    assert_problem(await development.http.request(method, path), status)


@pytest.mark.parametrize(
    "path",
    [
        *POLICIES,
        *OTHERS,
        "/api/health/?why",
        "/api/health/checks/nobody",
        "/api/health?format=yaml",
        "/api/health/history?limit=many",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/nowhere",
    ],
)
async def test_nothing_may_be_cached(development: Service, path: str) -> None:
    assert (await development.get(path)).headers["cache-control"] == "no-store"


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


async def test_openapi_describes_every_route(development: Service) -> None:
    described: dict[str, Any] = (await development.json("/openapi.json"))["paths"]

    expected = {*POLICIES, *OTHERS, "/metrics"} - {"/api/health/checks/application"}
    assert set(described) == expected | {"/api/health/checks/{name}"}
    for path, operations in described.items():
        assert set(operations) == {"get"}, path
        assert operations["get"]["summary"], path
        content = operations["get"]["responses"]["200"].get("content")
        assert content, f"{path} does not say what it answers with"
    for path in (*POLICIES, "/api/health/checks/{name}"):
        assert {"200", "406", "503"} <= set(described[path]["get"]["responses"])


async def test_in_production_there_is_no_documentation_page(
    production: Service,
) -> None:
    assert (await production.get("/openapi.json")).status_code == 404
    assert (await production.get("/docs")).status_code == 404


async def metrics(service: Service, token: str | None = None) -> dict[str, Any]:
    """Every sample by its name and the labels that are not the release's."""
    response = await service.get("/metrics", token=token)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    samples = {}
    families = text_string_to_metric_families(response.text)  # type: ignore[no-untyped-call] # the package gives it no types
    for family in families:
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("release") == "c0ffee"
            assert labels.pop("replica")
            samples[f"{sample.name}{json.dumps(labels, sort_keys=True)}"] = sample.value
    return samples


async def test_metrics_are_openmetrics_and_tell_of_the_checks(
    development: Service,
) -> None:
    samples = await metrics(development)

    status = {"check": "application", "status": "healthy"}
    assert samples[f"pm33_check_status{json.dumps(status)}"] == 1
    assert samples['pm33_background_restarts_total{"work": "health:application"}'] == 0
    assert samples["pm33_startup_gate_passed{}"] == 1


async def test_metrics_count_the_answers_of_the_edge(development: Service) -> None:
    await development.get("/api/health/live")
    name = 'pm33_health_answers_total{"code": "200", "path": "/api/health/live"}'
    before = (await metrics(development))[name]

    for _ in range(3):
        await development.get("/api/health/live")

    assert (await metrics(development))[name] == before + 3


@pytest.mark.parametrize("token", [METRICS_TOKEN, TOKEN])
async def test_in_production_metrics_take_either_token(
    production: Service, token: str
) -> None:
    assert await metrics(production, token)


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_in_production_metrics_need_a_token(
    production: Service, token: str | None
) -> None:
    response = await production.get("/metrics", token=token)

    assert_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/api/health", "/api/health?why"])
async def test_the_age_grows_between_refreshes(development: Service, path: str) -> None:
    first = float((await development.get(path)).headers["x-health-age"])

    async def older() -> bool:
        response = await development.get(path)
        return float(response.headers["x-health-age"]) >= first + 0.2

    await until(older)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("probe-7:a.b_c", True), ("no blanks", False), ("x" * 129, False)],
)
async def test_a_usable_request_id_is_kept_and_any_other_replaced(
    development: Service, sent: str, *, kept: bool
) -> None:
    headers = {"x-request-id": sent}
    response = await development.get("/api/health/history", headers=headers)

    assert response.headers["x-request-id"]
    assert (response.headers["x-request-id"] == sent) is kept


async def test_the_version_says_who_answers(development: Service) -> None:
    body = await development.json("/api/version")

    report = await development.json("/api/health")
    assert body["commit"] == "c0ffee"
    assert body.items() <= report.items()
