import json
from pathlib import Path

from tests.support.canaries import LOCAL
from tests.support.plausible import LIST
from tests.support.service import TOKEN, pm33, served_service

STARTUP = "/api/health/startup"
PRODUCTION = {"ENVIRONMENT": "production", "PM33_ADMIN_TOKEN": TOKEN}


async def test_the_gate_shows_the_verdict_of_validate_and_holds_nothing_else(
    tmp_path: Path,
) -> None:
    given = PRODUCTION | {"SECRET_KEY": "changeme", "DB_POOL_SIZE": "many"}
    validated = await pm33("env", "validate", "--offline", "--json", **given)
    findings = json.loads(validated.out)["findings"]
    wrong = {one["variable"] for one in findings if one["severity"] == "error"}
    assert {"SECRET_KEY", "JWT_SECRET", "DB_POOL_SIZE", "OPENAI_API_KEY"} <= wrong

    async with served_service(tmp_path, **given) as service:
        public = await service.get(STARTUP)
        private = await service.get(STARTUP, token=TOKEN)
        held = private.json()["gate"]["faults"]
        await service.answers("/api/health/ready", 200)
        await service.has_result("application")
        health = await service.get("/api/health")
        log = service.child.events()

    ours = [one for one in held if one["source"] in wrong]
    assert (public.status_code, private.status_code) == (503, 503)
    assert {one["source"] for one in ours} == wrong
    assert all(one["kind"] == "release" and one["remedy"] for one in ours)
    assert "SECRET_KEY" not in public.text
    assert health.status_code == 200
    told = {one.get("source") for one in log if "gate closed" in one["message"]}
    assert wrong <= told


async def test_what_is_complete_opens_the_gate_but_for_its_database(
    tmp_path: Path,
) -> None:
    # The keys are nobody's, and nobody is shown them.
    async with served_service(tmp_path, **{**PRODUCTION, **LIST, **LOCAL}) as service:
        await service.has_result("database")
        faults = (await service.json(STARTUP, token=TOKEN))["gate"]["faults"]

    assert {one["source"] for one in faults} <= {"database"}
