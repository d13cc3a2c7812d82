"""Jobs that report to a running service, and what becomes of those that do not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.backend.config.environment import read_config
from app.backend.main import OpsApplication, create_app, install
from app.errors import CheckRegistrationError
from tests.support.health import call
from tests.support.host_app import build
from tests.support.private_postgres import private_postgres
from tests.support.service import Service, served_service, until

JOB_TOKEN = "a-token-of-jobs"
PATH = "/api/health/heartbeats/nightly"
NIGHTLY = """\
[checks.nightly]
type = "heartbeat"
every = "1d"
period = 0.2

[checks.eager]
type = "heartbeat"
every = 0.5
grace = 0
period = 0.2
"""


def variables(folder: Path, url: str, text: str = NIGHTLY) -> dict[str, str]:
    path = folder / "checks.toml"
    path.write_text(text, encoding="utf-8")
    return {
        "DATABASE_URL": url,
        "HEALTH_CHECKS_FILE": str(path),
        "PM33_HEARTBEAT_TOKEN": JOB_TOKEN,
        "PM33_HOME": str(folder),
    }


async def beat(
    service: Service, name: str = "nightly", method: str = "POST"
) -> httpx.Response:
    headers = {"authorization": f"Bearer {JOB_TOKEN}"}
    path = f"/api/health/heartbeats/{name}"
    return await service.http.request(method, path, headers=headers)


async def answered(service: Service, status: int) -> dict[str, Any]:
    """Repeats a beat until it is answered so; one a second is written."""

    async def once() -> dict[str, Any] | None:
        response = await beat(service)
        body: dict[str, Any] = response.json()
        return body if response.status_code == status else None

    return await until(once)


async def test_a_job_that_reports_is_healthy_and_one_that_stops_is_not(
    tmp_path: Path, database_url: str
) -> None:
    given = variables(tmp_path, database_url)
    async with served_service(tmp_path, **given) as service:
        first = await service.check_becomes("nightly", status="unknown")
        assert first["failure"] is None
        never = await service.check_becomes("eager", status="unhealthy")
        assert (never["failure"], bool(never["remedy"])) == ("timeout", True)

        assert (await beat(service)).status_code == 200
        assert (await beat(service, "eager")).status_code == 200
        await service.check_becomes("nightly", status="healthy")
        await service.check_becomes("eager", status="healthy")
        await service.check_becomes("eager", status="unhealthy", failure="timeout")

        assert (await beat(service, "nobody")).status_code == 404
        assert (await beat(service, method="GET")).status_code == 405
        assert (await beat(service, method="HEAD")).status_code == 405
        assert (await service.http.post(PATH)).status_code == 401
        # What is overdue is told, and turns nobody out.
        assert (await service.get("/api/health/ready")).status_code == 200


@pytest.mark.full
async def test_while_the_database_is_away_a_beat_may_be_repeated_and_nobody_is_blamed(
    tmp_path: Path,
) -> None:
    async with private_postgres() as server:
        given = variables(tmp_path, server.url)
        async with served_service(tmp_path, **given) as service:
            assert (await beat(service)).status_code == 200
            await service.check_becomes("nightly", status="healthy")
            assert (await beat(service, "eager")).status_code == 200

            await server.stop()
            lost = await answered(service, 503)
            assert lost["title"] == "Heartbeat not stored"
            assert lost["remedy"]
            blind = await service.check_becomes("eager", status="unknown")
            assert "the database cannot be asked" in blind["message"]
            still = await service.check_becomes("nightly", status="healthy")
            assert "the last beat still counts" in still["message"]

            await server.start()
            await answered(service, 200)
            await service.check_becomes("nightly", status="healthy", message="")


@asynccontextmanager
async def built(application: OpsApplication) -> AsyncIterator[OpsApplication]:
    try:
        yield application
    finally:
        application.health.board.close()
        await application.resources.close()


@pytest.mark.parametrize("way", ["alone", "mounted", "installed"])
async def test_the_route_is_ours_beside_any_application(
    tmp_path: Path, database_url: str, way: str
) -> None:
    given: dict[str, Any] = variables(tmp_path, database_url)
    if way == "mounted":
        given["PM33_MOUNT"] = "tests.support.host_app:app"
    config = read_config(given)
    application = install(build(), config) if way == "installed" else create_app(config)
    async with built(application) as app:
        bearer = [(b"authorization", f"Bearer {JOB_TOKEN}".encode())]
        answer = await call(app, PATH, "POST", headers=bearer)

        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["name"] == "nightly"
        assert answer.headers["cache-control"] == "no-store"


FAULTY = """\
[checks.shop]
type = "http"
url = "${SHOP_URL}"

[checks.jobs]
type = "heartbeat"
evry = "1d"

[checks.database]
type = "tcp"
host = "127.0.0.1"
port = 1

[checks.dear]
type = "tcp"
host = "127.0.0.1"
port = 1
budget = 1

[checks.good]
type = "dns"
host = "localhost"
"""


async def test_what_is_declared_wrongly_is_refused_with_its_line_and_the_rest_runs(
    tmp_path: Path, database_url: str
) -> None:
    given = variables(tmp_path, database_url, FAULTY)
    async with served_service(tmp_path, **given) as service:
        body = await service.answers("/api/health/startup", 503)
        told = json.dumps(body)
        for line, words in (
            (3, "check 'shop': url refers to SHOP_URL, which is not set"),
            (5, "check 'jobs': every is missing"),
            (7, "no field 'evry': did you mean every?"),
            (9, "two checks are named 'database'"),
            (14, "check 'dear' would make up to"),
        ):
            assert f"checks.toml, line {line}: " in told
            assert words in told.replace("\\'", "'")
        await service.check_becomes("good", status="healthy")
        await service.check_becomes("database", status="healthy")
        assert (await service.get("/api/health/checks/shop")).status_code == 404
        assert (await service.get("/api/health/live")).status_code == 200


def test_an_installed_service_raises_what_is_declared_wrongly(tmp_path: Path) -> None:
    given = variables(tmp_path, "postgresql://127.0.0.1:1/x", FAULTY)

    with pytest.raises(CheckRegistrationError, match=r"checks\.toml, line 3: ") as told:
        install(build(), read_config(given))

    assert "set SHOP_URL" in told.value.remedy
    others = "\n".join(told.value.__notes__)
    assert "line 5: check 'jobs': every is missing → add every" in others
    assert "line 7: check 'jobs'" in others


@pytest.mark.full
async def test_a_file_that_is_not_there_closes_the_gate(tmp_path: Path) -> None:
    missing = {"HEALTH_CHECKS_FILE": tmp_path / "none.toml"}
    async with served_service(tmp_path, **missing) as service:
        body = await service.answers("/api/health/startup", 503)

        assert "none.toml: cannot be read (FileNotFoundError)" in json.dumps(body)


async def test_what_a_reference_stands_for_is_in_no_answer_and_no_log(
    tmp_path: Path,
) -> None:
    text = '[checks.shop]\ntype = "http"\nurl = "http://127.0.0.1:1/${SHOP_KEY}"\n'
    given = variables(tmp_path, "", text)
    del given["DATABASE_URL"]
    secret = "c4nary-of-the-shop"
    extra = {
        "HEALTH_EXTRA_CHECKS": "checks_of_mine:leaky",
        "PYTHONPATH": tmp_path,
        "SHOP_KEY": secret,
    }
    (tmp_path / "checks_of_mine.py").write_text(
        "import logging, os\n"
        "def leaky():\n"
        "    logging.getLogger('mine').error('used %s', os.environ['SHOP_KEY'])\n"
        "    raise RuntimeError(os.environ['SHOP_KEY'])\n",
        encoding="utf-8",
    )
    async with served_service(tmp_path, **given, **extra) as service:
        view = await service.check_becomes("shop", status="unhealthy")
        leaky = await service.check_becomes("leaky", status="unhealthy")

        assert view["failure"] == "refused"
        assert "[redacted]" in leaky["message"]
        assert "used [redacted]" in service.child.output()
        for told in (json.dumps(view), json.dumps(leaky), service.child.output()):
            assert secret not in told
