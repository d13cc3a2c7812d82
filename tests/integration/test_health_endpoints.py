import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app.backend.health.writers.formats import FORMATS
from tests.support.processes import Child
from tests.support.service import Service, attached, serving, until

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
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def developed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(tmp_path_factory.mktemp("development")) as child:
        yield child


@pytest_asyncio.fixture
async def development(developed: Child) -> AsyncIterator[Service]:
    async with attached(developed) as service:
        await service.has_results()
        yield service


def essence(response: httpx.Response) -> tuple[int, str, set[str]]:
    """What two answers of one path have in common, whenever they were asked for."""
    body = response.json()
    return response.status_code, body["status"], set(body["checks"])


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert body["type"]
    assert body["title"]
    assert body["detail"]


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
    remedy = response.json()["remedy"]
    assert all(one.names[0] in remedy for one in FORMATS)
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


async def test_openapi_describes_every_route(development: Service) -> None:
    every: dict[str, Any] = (await development.json("/openapi.json"))["paths"]
    # Those below /api/admin have a test of their own.
    described = {p: o for p, o in every.items() if not p.startswith("/api/admin")}

    expected = {*POLICIES, *OTHERS, "/metrics"} - {"/api/health/checks/application"}
    assert set(described) == expected | {"/api/health/checks/{name}"}
    for path, operations in described.items():
        assert set(operations) == {"get"}, path
        assert operations["get"]["summary"], path
        content = operations["get"]["responses"]["200"].get("content")
        assert content, f"{path} does not say what it answers with"
    for path in (*POLICIES, "/api/health/checks/{name}"):
        assert {"200", "406", "503"} <= set(described[path]["get"]["responses"])
        content = described[path]["get"]["responses"]["200"]["content"]
        assert set(content) == {one.media_type for one in FORMATS}


async def metrics(service: Service) -> dict[str, Any]:
    """Every sample by its name and the labels that are not the release's."""
    response = await service.get("/metrics")
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
