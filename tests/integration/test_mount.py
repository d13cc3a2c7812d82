from pathlib import Path

import pytest

from tests.support.service import TOKEN, served_service

HOST = "tests.support.host_app"
BROKEN = "import a_package_that_nobody_has\n"


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
        (f"{HOST}:missing", "AttributeError"),
        ("broken_app:app", "ModuleNotFoundError"),
        ("broken_app", "ModuleNotFoundError"),
        (f"{HOST}:failing", "the warehouse is closed"),
        (f"{HOST}:taking", "already serves /metrics"),
    ],
    ids=["no such name", "import fails", "default name", "lifespan", "our path"],
)
async def test_a_mount_that_fails_closes_the_gate_and_not_the_process(
    tmp_path: Path, mount: str, cause: str
) -> None:
    (tmp_path / "broken_app.py").write_text(BROKEN, encoding="utf-8")
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

        elsewhere = await service.get("/orders", token=TOKEN)
        assert elsewhere.status_code == 503
        assert elsewhere.headers["content-type"] == "application/problem+json"
        assert elsewhere.json()["remedy"]
