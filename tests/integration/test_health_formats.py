"""One snapshot in every format, over HTTP, of a service whose database is away."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from app.backend.health.writers.formats import FORMATS
from tests.support.canaries import REFUSING
from tests.support.processes import Child
from tests.support.service import TOKEN, Service, attached, serving

POLICIES = [
    "/api/health",
    "/api/health/detailed",
    "/api/health/live",
    "/api/health/ready",
    "/api/health/startup",
]
PATHS = [*POLICIES, "/api/health/checks/database"]
TYPES = {
    "json": "application/json",
    "health": "application/health+json",
    "html": "text/html; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "badge": "image/svg+xml",
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OTHERS = [name for name in TYPES if name != "json"]


@pytest.fixture(scope="module")
def produced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(
        tmp_path_factory.mktemp("production"),
        ENVIRONMENT="production",
        DATABASE_URL=f"postgresql://pm33:canary@{REFUSING}/app",
        HEALTH_SYSTEM_PERIOD=3600,
    ) as child:
        yield child


@pytest_asyncio.fixture
async def service(produced: Child) -> AsyncIterator[Service]:
    async with attached(produced) as service:
        await service.has_results()
        await service.check_becomes("database", status="unhealthy")
        yield service


async def accepted(service: Service, path: str, accept: str) -> httpx.Response:
    return await service.http.get(path, headers={"accept": accept})


def test_every_format_is_tried_here() -> None:
    assert [one.names[0] for one in FORMATS] == [*TYPES]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", TYPES)
async def test_a_format_asked_for_by_name_has_natives_code_and_no_cache(
    service: Service, path: str, name: str
) -> None:
    usual = await service.get(path)
    for variant in (path, f"{path}/"):
        response = await service.get(variant, params={"format": name})

        assert response.status_code == usual.status_code
        assert response.headers["content-type"] == TYPES[name]
        assert response.headers["cache-control"] == "no-store"
        assert float(response.headers["x-health-age"]) >= 0
        assert "vary" not in response.headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", OTHERS)
async def test_a_format_that_accept_prefers_is_the_one_of_that_name(
    service: Service, path: str, name: str
) -> None:
    named = await service.get(path, params={"format": name})
    for accept in (TYPES[name].partition(";")[0], f"{TYPES[name]}, */*;q=0.1"):
        response = await accepted(service, path, accept)

        assert response.status_code == named.status_code
        assert response.headers["content-type"] == TYPES[name]
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["vary"] == "accept"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", TYPES)
async def test_head_answers_like_get_without_a_body(
    service: Service, path: str, name: str
) -> None:
    head = await service.http.head(path, headers={"accept": TYPES[name]})
    get = await accepted(service, path, TYPES[name])

    assert head.content == b""
    assert int(head.headers["content-length"]) > 0
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"] == TYPES[name]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "accept", ["*/*", "application/xml", "text/html, */*", "nonsense", "application/*"]
)
async def test_a_probe_with_any_other_header_gets_native_and_its_code(
    service: Service, path: str, accept: str
) -> None:
    response = await accepted(service, path, accept)

    assert response.headers["content-type"] == TYPES["json"]
    assert response.status_code == (await service.get(path)).status_code
    assert "vary" not in response.headers


async def test_a_name_beats_the_header(service: Service) -> None:
    headers = {"accept": "text/html"}
    response = await service.http.get("/api/health?format=json", headers=headers)

    assert response.headers["content-type"] == TYPES["json"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_format_is_told_of_all_there_are(
    service: Service, path: str
) -> None:
    headers = {"accept": "text/html"}
    response = await service.http.get(f"{path}?format=yaml", headers=headers)

    assert response.status_code == 406
    assert response.headers["cache-control"] == "no-store"
    remedy = response.json()["remedy"]
    assert f"{', '.join(TYPES)}; OpenMetrics are at /metrics" in remedy


async def test_a_plus_sign_in_the_name_may_have_become_a_space(
    service: Service,
) -> None:
    response = await service.http.get("/api/health?format=health+json")

    assert response.headers["content-type"] == TYPES["health"]


async def test_kubernetes_questions_are_understood(service: Service) -> None:
    path = "/api/health/detailed?format=text"
    failed = await service.get(path)
    without = await service.get(
        f"{path}&exclude=database&exclude=cache&exclude=x&verbose"
    )

    assert failed.status_code == 503
    assert "[-]database failed: reason withheld\n" in failed.text
    assert failed.text.endswith("\nhealthz check failed\n")
    assert without.status_code == 200
    assert "[+]database excluded: ok\n" in without.text
    assert '\nwarn: some health checks cannot be excluded: no matches for "x"\n' in (
        without.text
    )
    assert (await service.get("/api/health/live?format=text")).text == "ok"


async def test_what_is_excluded_is_so_in_native_too(service: Service) -> None:
    response = await service.get("/api/health?exclude=database")

    assert response.status_code == 200
    assert "database" not in response.json()["checks"]


@pytest.mark.parametrize("name", ["health", "html", "text"])
async def test_details_need_the_token_in_every_format(
    service: Service, name: str
) -> None:
    path = f"/api/health/checks/database?format={name}"
    message = (await service.check("database"))["message"].split("\n")[0][:20]
    public = await service.get(path)
    told = await service.get(path, token=TOKEN)
    wrong = await service.get(path, token="wrong")

    assert message
    assert message in told.text
    assert message not in public.text
    assert message not in wrong.text
    assert wrong.headers["www-authenticate"].startswith("Bearer")


async def test_a_browser_sees_a_page_of_its_own(service: Service) -> None:
    response = await accepted(service, "/api/health", BROWSER)

    assert response.text.startswith("<!DOCTYPE html>")
    assert "✗ database: unhealthy" in response.text
    assert "script" not in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


async def test_no_format_runs_a_check(service: Service) -> None:
    before = (await service.check("system"))["checked_at"]
    for name in TYPES:
        await service.get("/api/health/detailed", params={"format": name})

    assert (await service.check("system"))["checked_at"] == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_health_json_is_what_its_schema_says(
    service: Service, path: str, token: str | None
) -> None:
    schema = await service.json("/api/health/schema?format=health")
    Draft202012Validator.check_schema(schema)

    response = await service.get(path, token=token, params={"format": "health"})

    Draft202012Validator(schema).validate(json.loads(response.text))


@pytest.mark.parametrize("name", ["yaml", "html", ""])
async def test_there_is_a_schema_for_json_only(service: Service, name: str) -> None:
    response = await service.get("/api/health/schema", params={"format": name})

    assert response.status_code == 406
    assert "json, health" in response.json()["remedy"]
