import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.backend.api.problems import PROBLEM_TYPE
from app.backend.database.embedded import EmbeddedServer
from app.backend.main import install
from app.errors import RouteTakenError
from tests.support.postgres import fresh_database
from tests.support.processes import Child
from tests.support.scripts import ROOT, ran
from tests.support.service import (
    TOKEN,
    Service,
    attached,
    served_service,
    serving,
    until,
)

REFUSED = "postgresql://nobody@127.0.0.1:1/none"
ROUTES = [
    ("GET", "/api/admin/migrations"),
    ("POST", "/api/admin/migrations/runs"),
    ("GET", "/api/admin/deployments"),
    ("GET", "/api/admin/deployments/some"),
    ("POST", "/api/admin/rollbacks"),
    ("GET", "/api/admin/operations/some"),
]
IN_DATABASE = [one for one in ROUTES if "deployments" not in one[1]]
MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("rollbacks", {"strategie": "graceful"}, "body.strategie"),
    ("rollbacks", {"strategy": "brutal"}, "body.strategy"),
    ("rollbacks", {"allow_rebuild": "yes"}, "body.allow_rebuild"),
    ("rollbacks", {"reason": ""}, "body.reason"),
    ("rollbacks", {"target": ["d-1"]}, "body.target"),
    ("migrations/runs", {"phase": "contract"}, "body.phase"),
    ("migrations/runs", {"phase": "expand", "now": True}, "body.now"),
]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with serving(tmp_path_factory.mktemp("lasting")) as child:
        yield child


@pytest_asyncio.fixture
async def plain(lasting: Child) -> AsyncIterator[Service]:
    """A service with nothing but a token; its tests change nothing of it."""
    async with attached(lasting) as service:
        yield service


async def ask(
    service: Service, method: str, path: str, token: str | None = TOKEN, **body: Any
) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await service.http.request(method, path, headers=headers, json=body or None)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Every refusal is a problem that says what to do, and is kept by no cache."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    return body


async def ended(service: Service, location: str) -> dict[str, Any]:
    """Waits for the end of an operation."""

    async def over() -> dict[str, Any] | None:
        answer = await ask(service, "GET", location)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        body: dict[str, Any] = answer.json()
        return None if body["status"] == "running" else body

    return await until(over)


async def test_without_a_token_set_no_admin_path_is_there(tmp_path: Path) -> None:
    async with served_service(tmp_path, PM33_ADMIN_TOKEN="") as service:
        for method, path in [*ROUTES, ("GET", "/api/admin"), ("PUT", "/api/admin/x")]:
            for token in (None, TOKEN):
                problem(await ask(service, method, path, token), 404)


async def test_every_admin_route_wants_the_token(plain: Service) -> None:
    for method, path in ROUTES:
        missing = await ask(plain, method, path, token=None)
        wrong = await ask(plain, method, path, token="wrong")

        assert problem(missing, 401)["remedy"]
        assert missing.headers["www-authenticate"] == "Bearer"
        assert "invalid_token" in wrong.headers["www-authenticate"]
    event = await plain.child.event(logger="pm33.admin", outcome="refused")
    assert event["actor"] == "anonymous"


async def test_migrations_run_as_an_operation_that_is_followed_and_logged(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(tmp_path, DATABASE_URL=database_url) as service:
        begun = await ask(service, "POST", "/api/admin/migrations/runs", phase="expand")
        operation = await ended(service, begun.headers["location"])
        current = await ask(service, "GET", "/api/admin/migrations")
        again = await ask(service, "POST", "/api/admin/migrations/runs")
        await ended(service, again.headers["location"])
        target = f"expand {again.json()['id']}"
        event = await service.child.event(action="migrations.run", target=target)
        read = await service.child.event(
            action="operations.get", target=again.json()["id"]
        )

    assert begun.status_code == 202
    assert begun.json()["id"] == operation["id"]
    assert begun.headers["location"] == f"/api/admin/operations/{operation['id']}"
    assert (operation["kind"], operation["status"]) == ("migration", "succeeded")
    assert operation["actor"] == "admin-token"
    assert operation["result"] == current.json()
    assert current.json()["position"] == "current"

    assert event["message"] == "admin call"
    assert event["actor"] == "admin-token"
    assert event["outcome"] == "accepted"
    assert event["request_id"] == again.headers["x-request-id"]
    assert read["outcome"] == "done"


async def test_a_schema_without_the_tables_of_operations_says_how_to_get_them(
    tmp_path: Path, postgres: EmbeddedServer
) -> None:
    async with (
        fresh_database(postgres, migrated=False) as url,
        served_service(tmp_path, DATABASE_URL=url) as service,
    ):
        state = await ask(service, "GET", "/api/admin/migrations")
        run = await ask(service, "POST", "/api/admin/migrations/runs")

    assert state.json()["position"] == "behind"
    assert "pm33 migrate up" in problem(run, 503)["remedy"]


async def test_a_database_that_is_down_is_503_with_a_remedy(tmp_path: Path) -> None:
    async with served_service(tmp_path, DATABASE_URL=REFUSED) as service:
        for method, path in IN_DATABASE:
            body = problem(await ask(service, method, path), 503)

            assert body["remedy"]
            elsewhere = "scripts/rollback.py" in body["remedy"]
            assert elsewhere is path.endswith("rollbacks")


async def test_without_a_database_an_operation_is_503_too(plain: Service) -> None:
    for method, path in IN_DATABASE:
        told = problem(await ask(plain, method, path), 503)
        assert "DATABASE_URL" in told["remedy"]


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({"PM33_PLATFORM": "railway"}, 409),
        ({"ENVIRONMENT": "production"}, 409),
        # It could; but what it does has to be written down first.
        ({"PM33_PLATFORM": "railway", "RAILWAY_TOKEN": "a-canary-token"}, 503),
    ],
    ids=["railway", "production", "with a token"],
)
async def test_a_service_that_cannot_ask_its_platform_does_not_roll_back(
    tmp_path: Path, variables: dict[str, str], status: int
) -> None:
    async with served_service(tmp_path, DATABASE_URL=REFUSED, **variables) as service:
        body = problem(await ask(service, "POST", "/api/admin/rollbacks"), status)
        output = service.child.output()

    assert body["remedy"]
    assert "canary" not in output + str(body)


async def test_a_body_is_taken_to_the_letter(plain: Service) -> None:
    for path, body, named in MISTAKES:
        answer = await ask(plain, "POST", f"/api/admin/{path}", **body)

        told = problem(answer, 422)["errors"]
        assert named in {one["at"] for one in told}, (path, body)


async def test_on_railway_the_journal_answers_and_says_what_it_cannot_know(
    tmp_path: Path, database_url: str
) -> None:
    variables = {"PM33_PLATFORM": "railway", "DATABASE_URL": database_url}
    async with served_service(tmp_path, **variables) as service:
        for path in ("operations/op-none", "deployments/none"):
            missing = await ask(service, "GET", f"/api/admin/{path}")
            assert problem(missing, 404)["remedy"]
        answer = await ask(service, "GET", "/api/admin/deployments?limit=5")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["environment"], body["entries"]) == ("development", [])
    assert "Railway" in body["notes"][0]


async def test_a_platform_that_is_not_up_is_503_with_a_remedy(plain: Service) -> None:
    answer = await ask(plain, "GET", "/api/admin/deployments")

    assert "pm33 platform up" in problem(answer, 503)["remedy"]


async def test_the_service_starts_without_what_only_admin_calls_need() -> None:
    code = "import sys, app.backend.main; print(*sys.modules)"
    said = await ran(sys.executable, "-c", code, folder=ROOT)

    heavy = {"alembic", "httpx", "sqlalchemy", "app.backend.deploy"}
    assert said.code == 0, said.err
    assert not heavy & set(said.out.split())


async def test_openapi_describes_every_admin_route_with_its_problems(
    plain: Service,
) -> None:
    document = await plain.json("/openapi.json")

    paths = {p: o for p, o in document["paths"].items() if p.startswith("/api/admin")}
    told = {(m.upper(), p) for p, operations in paths.items() for m in operations}
    assert told == {(m, p.replace("/some", "/{id}")) for m, p in ROUTES}
    for operations in paths.values():
        for method, operation in operations.items():
            assert operation["security"] == [{"HTTPBearer": []}]
            assert {"401", "404"} <= set(operation["responses"])
            good = operation["responses"]["202" if method == "post" else "200"]
            assert "schema" in good["content"]["application/json"]
            assert ("Location" in good.get("headers", {})) == (method == "post")
            assert ("requestBody" in operation) == (method == "post")
            assert operation["summary"]


async def test_an_installed_application_may_not_have_admin_paths_of_its_own() -> None:
    host = FastAPI()
    host.get("/api/admin/users")(lambda: None)
    with pytest.raises(RouteTakenError, match="/api/admin/users"):
        install(host)
