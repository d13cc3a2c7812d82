import sys
from pathlib import Path

import pytest

from tests.support.processes import start
from tests.support.service import TOKEN, attached, served_service

ELSEWHERE = """
import os, sys
os.chdir(sys.argv[1])
os.execv(sys.executable, [sys.executable, sys.argv[2], "serve"])
"""
HOST = "tests.support.host_app"
BROKEN = "import a_package_that_nobody_has\n"
LEAVING = "raise SystemExit(3)\n"


async def test_a_mounted_application_answers_everything_that_is_not_ours(
    tmp_path: Path,
) -> None:
    variables = {"PM33_MOUNT": f"{HOST}:app", "HOST_LEDGER": tmp_path / "ledger"}
    async with served_service(tmp_path, **variables) as service:
        await service.answers("/api/health/startup", 200)

        posted = await service.http.post("/orders", content="tea")
        assert (posted.status_code, posted.text) == (200, "tea")
        missing = await service.get("/nothing")
        assert (missing.status_code, missing.json()) == (404, {"page": "unknown"})
        state = await service.json("/state")
        assert (state["shared"], state["warehouse"]) == ("Resources", "open")
        titles = (await service.json("/openapi.json"))["info"]["title"]
        assert titles == "FastAPI"
        assert "checks" in await service.json("/api/health")


@pytest.mark.parametrize(
    ("mount", "cause"),
    [
        pytest.param(f"{HOST}:missing", "AttributeError", id="no such name"),
        pytest.param("leaving_app:app", "SystemExit", id="exit"),
        pytest.param(f"{HOST}:failing", "the warehouse is closed", id="lifespan"),
        pytest.param(f"{HOST}:taking", "already serves /metrics", id="path"),
        pytest.param(
            "broken_app:app",
            "ModuleNotFoundError",
            id="import fails",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "broken_app",
            "ModuleNotFoundError",
            id="default name",
            marks=pytest.mark.full,
        ),
    ],
)
async def test_a_mount_that_fails_closes_the_gate_and_not_the_process(
    tmp_path: Path, mount: str, cause: str
) -> None:
    (tmp_path / "broken_app.py").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "leaving_app.py").write_text(LEAVING, encoding="utf-8")
    async with served_service(
        tmp_path,
        ENVIRONMENT="production",
        HOST_LEDGER=tmp_path / "ledger",
        PM33_MOUNT=mount,
        PYTHONPATH=tmp_path,
    ) as service:
        assert (await service.get("/api/health/live")).status_code == 200

        gate = await service.answers("/api/health/startup", 503)
        faults = [
            one for one in gate["gate"]["faults"] if one["source"] == "PM33_MOUNT"
        ]
        assert len(faults) == 1
        assert cause in faults[0]["message"]
        assert faults[0]["remedy"]
        assert cause not in (await service.get("/api/health/startup")).text

        assert (await service.get("/api/health/ready")).status_code == 503
        elsewhere = await service.get("/orders", token=TOKEN)
        assert elsewhere.status_code == 503
        assert elsewhere.headers["content-type"] == "application/problem+json"
        assert elsewhere.json()["remedy"]


async def test_the_application_is_found_where_the_service_starts(
    tmp_path: Path,
) -> None:
    module = "from fastapi import FastAPI\napp = FastAPI(title='beside')\n"
    (tmp_path / "beside.py").write_text(module, encoding="utf-8")
    program = str(Path(sys.executable).with_name("pm33"))
    env = {"HOST": "127.0.0.1", "PORT": "0", "PM33_MOUNT": "beside:app"}
    with start(
        ["-c", ELSEWHERE, str(tmp_path), program],
        output=tmp_path / "output",
        env=env | {"PM33_HOME": str(tmp_path)},
    ) as child:
        async with attached(child) as service:
            assert (await service.json("/openapi.json"))["info"]["title"] == "beside"
