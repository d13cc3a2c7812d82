"""The ten services as scheduled checks of a real service, against vendors' fakes."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.backend.config.environment import read_config
from app.backend.health.backoff import DELAYS
from app.backend.health.models import Failure
from app.backend.health.service import HealthService
from app.backend.monitoring.redaction import Redactor
from app.backend.resources import Resources
from app.errors import CheckBudgetError
from tests.support.fake_vendors import (
    Behaviour,
    FakeVendors,
    closed_port,
    fake_vendors,
)
from tests.support.service import TOKEN, Service, pm33, served_service, until
from tests.support.vendor_classes import VOICES_OF, joined, status_of
from tests.support.vendor_voices import KEYS

NAMES = tuple(VOICES_OF)
AI = ("anthropic", "openai", "together")
STARTUP = "/api/health/startup"
HANGING = {Behaviour.HANG, Behaviour.HANG_IN_BODY}
# One for each service, so that every class shows and none twice for nothing.
MIXED = {
    "anthropic": Behaviour.OVERLOADED,
    "openai": Behaviour.QUOTA,
    "together": Behaviour.PAYMENT,
    "pinecone": Behaviour.NOT_FOUND,
    "stripe": Behaviour.FORBIDDEN,
    "supabase": Behaviour.HANG,
    "resend": Behaviour.RATE_LIMITED_FOR,
    "sentry": Behaviour.UNAUTHORIZED,
    "posthog": Behaviour.OVERSIZED,
    "slack": Behaviour.REDIRECT,
}


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


def of_each(knob: str, value: object, names: Iterable[str] = NAMES) -> dict[str, str]:
    return {f"HEALTH_{name.upper()}_{knob}": str(value) for name in names}


def behave(fakes: FakeVendors, behaviours: dict[str, Behaviour]) -> None:
    for name, behaviour in behaviours.items():
        fakes.behaviours |= dict.fromkeys(VOICES_OF[name], behaviour)


async def all_known(service: Service) -> dict[str, Any]:
    """The checks, once each of the ten has a result."""

    async def known() -> dict[str, Any] | None:
        body = await service.json("/api/health/detailed", token=TOKEN)
        checks: dict[str, Any] = body["checks"]
        return checks if all(checks[name]["checked_at"] for name in NAMES) else None

    return await until(known)


async def everything(service: Service) -> str:
    """All that it says, to whoever may hear it, and its log."""
    paths = ("/api/health", "/api/health/detailed?why", "/metrics", STARTUP)
    answers = [
        await service.get(path, token=token)
        for path in (*paths, "/api/health/history?limit=1000")
        for token in (None, TOKEN)
    ]
    return "\n".join([*(answer.text for answer in answers), service.child.output()])


async def assert_classes(
    service: Service, expected: dict[str, Failure | None]
) -> dict[str, Any]:
    checks = await all_known(service)
    found = {name: (checks[name]["status"], checks[name]["failure"]) for name in NAMES}
    assert found == {
        name: (status_of(failure), failure) for name, failure in expected.items()
    }
    for name, failure in expected.items():
        if failure is not None:
            assert checks[name]["message"]
            assert checks[name]["remedy"]
            assert checks[name]["data"]["variable"]
    told = await everything(service)
    assert not [key for key in (*KEYS.values(), "sk-quoted") if key in told]
    return checks


@pytest.mark.parametrize(
    "behaviours",
    [
        pytest.param(MIXED, id="mixed"),
        *(
            pytest.param(dict.fromkeys(NAMES, one), id=one.name, marks=pytest.mark.full)
            for one in Behaviour
        ),
    ],
)
async def test_each_answer_of_each_service_has_its_exact_class(
    tmp_path: Path, fakes: FakeVendors, behaviours: dict[str, Behaviour]
) -> None:
    behave(fakes, behaviours)
    hanging = [name for name, one in behaviours.items() if one in HANGING]
    variables = fakes.variables() | of_each("TIMEOUT", 2, hanging)
    expected = {name: joined(name, one) for name, one in behaviours.items()}
    async with served_service(tmp_path, **variables) as service:
        await assert_classes(service, expected)
    asked = {voice: len(fakes.asked_of(voice)) for voice in KEYS}
    assert asked == dict.fromkeys(KEYS, 1)


async def test_services_that_refuse_the_connection_are_unhealthy(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    elsewhere = of_each("BASE_URL", f"http://127.0.0.1:{closed_port()}")
    async with served_service(tmp_path, **fakes.variables() | elsewhere) as service:
        await assert_classes(service, dict.fromkeys(NAMES, Failure.REFUSED))
        await service.check_becomes("ai_services", status="unhealthy")
        # Shared, and so no reason to turn anybody away.
        assert (await service.get("/api/health/ready")).status_code == 200
        assert (await service.get("/api/health/detailed")).status_code == 200


@pytest.mark.full
async def test_services_that_speak_no_tls_are_unhealthy(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    elsewhere = of_each("BASE_URL", f"https://127.0.0.1:{port}")
    async with (
        server,
        served_service(tmp_path, **fakes.variables() | elsewhere) as service,
    ):
        await assert_classes(service, dict.fromkeys(NAMES, Failure.TLS))


async def test_all_that_shows_checks_shows_the_services(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours["resend"] = Behaviour.UNAUTHORIZED
    async with served_service(tmp_path, **fakes.variables()) as service:
        await all_known(service)
        await service.check_becomes("monitoring", status="healthy")
        ai = await service.check_becomes("ai_services", status="healthy")
        core = await service.json("/api/health")
        metrics = (await service.get("/metrics", token=TOKEN)).text
        history = await service.json("/api/health/history", token=TOKEN)
        schema = await service.json("/api/health/schema")
        for path in ("/api/health/detailed", "/api/health/checks/resend"):
            body = await service.json(path, token=TOKEN)
            Draft202012Validator(schema).validate(body)

    assert (core["status"], [*core["checks"]][2:]) == (
        "healthy",
        ["ai_services", "monitoring"],
    )
    assert ai["data"]["verdicts"] == dict.fromkeys(AI, "healthy")
    assert status_in(metrics, "resend") == "degraded"
    changes = {(one["check"], one["to"]) for one in history["transitions"]}
    assert {("resend", "degraded"), ("openai", "healthy")} <= changes


async def test_families_follow_their_services_and_say_nothing_before_them(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    behave(fakes, dict.fromkeys(AI, Behaviour.HANG))
    variables = fakes.variables() | of_each("TIMEOUT", 2)
    knobs = of_each("PERIOD", 0.3) | of_each("BUDGET", 0)
    family = {"HEALTH_AI_SERVICES_PERIOD": 0.1}
    async with served_service(tmp_path, **variables | knobs | family) as service:
        await service.has_result("ai_services")
        early = await service.check("ai_services")
        began = datetime.now(UTC)
        # That took no network: all of its vendors hang.
        assert (early["status"], early["latency_ms"] < 1000) == ("unknown", True)
        await service.check_becomes("ai_services", status="unhealthy")
        assert datetime.now(UTC) - began < timedelta(seconds=30)
        fakes.behaviours.clear()
        await service.check_becomes("ai_services", status="healthy")
        history = await service.json("/api/health/history", token=TOKEN)

    changes = [
        one["to"]
        for one in sorted(history["transitions"], key=lambda one: one["at"])
        if one["check"] == "ai_services"
    ]
    # Hysteresis lets one provider come back before another: degraded in between.
    assert changes[0] == "unhealthy"
    assert changes[-1] == "healthy"
    assert set(changes[1:-1]) <= {"degraded"}


async def test_a_service_that_hangs_delays_no_other(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours["anthropic"] = Behaviour.HANG
    knobs = of_each("PERIOD", 0.2) | of_each("BUDGET", 0)
    async with served_service(tmp_path, **fakes.variables() | knobs) as service:
        await asyncio.gather(
            *(service.samples(name, 3) for name in NAMES if name != "anthropic")
        )
        assert (await service.check("anthropic"))["checked_at"] is None
    assert len(fakes.asked_of("anthropic")) == 1


async def test_a_service_that_refuses_is_left_alone_and_stays_known(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours["openai"] = Behaviour.UNAUTHORIZED
    fakes.behaviours["together"] = Behaviour.UNAUTHORIZED
    fakes.behaviours["resend"] = Behaviour.RATE_LIMITED_FOR
    knobs = of_each("PERIOD", 0.2) | of_each("BUDGET", 0) | of_each("TIMEOUT", 1)
    knobs["HEALTH_TOGETHER_BACKOFF"] = "false"
    # Asked once only: a slow machine must not make a timeout of that answer.
    patient = 6
    knobs |= of_each("TIMEOUT", patient, ("openai", "resend"))
    async with served_service(tmp_path, **fakes.variables() | knobs) as service:
        await service.samples("stripe", 9)
        checks = await all_known(service)
        metrics = (await service.get("/metrics", token=TOKEN)).text

    # Their validity without a delay would have been 0.6 s and the timeout.
    assert (checks["openai"]["status"], checks["openai"]["failure"]) == (
        "degraded",
        "auth",
    )
    assert checks["resend"]["failure"] == "rate_limit"
    assert seconds_valid(checks["openai"]) > DELAYS[Failure.AUTH].seconds
    assert 16 < seconds_valid(checks["resend"]) - patient < 24
    assert seconds_valid(checks["together"]) < 2
    assert len(fakes.asked_of("openai")) == len(fakes.asked_of("resend")) == 1
    assert len(fakes.asked_of("together")) > 5
    assert status_in(metrics, "openai") == "degraded"


def status_in(metrics: str, check: str) -> str:
    """The one status that its state set has."""
    lines = [
        line
        for line in metrics.splitlines()
        if line.startswith("pm33_check_status{")
        and f'check="{check}"' in line
        and line.endswith(" 1.0")
    ]
    [found] = [re.findall(r'status="(\w+)"', line)[0] for line in lines]
    return str(found)


def seconds_valid(check: dict[str, Any]) -> float:
    until_, since = (
        datetime.fromisoformat(check[name]) for name in ("valid_until", "checked_at")
    )
    return (until_ - since).total_seconds()


async def test_what_exceeds_its_budget_holds_the_gate_and_is_never_asked(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    variables = fakes.variables() | {"HEALTH_OPENAI_PERIOD": "1"}
    async with served_service(tmp_path, **variables) as service:
        await service.has_result("stripe")
        startup = await service.get(STARTUP, token=TOKEN)
        checks = (await service.json("/api/health/detailed"))["checks"]
        ai = await service.check_becomes("ai_services", status="healthy")
        assert (await service.get("/api/health/live")).status_code == 200

    assert startup.status_code == 503
    faults = [
        one for one in startup.json()["gate"]["faults"] if "openai" in one["message"]
    ]
    assert [one["kind"] for one in faults] == ["release"]
    assert "HEALTH_OPENAI_BUDGET" in faults[0]["remedy"]
    assert "openai" not in checks
    assert ai["data"]["configured"] == ["anthropic", "openai", "together"]
    assert not fakes.asked_of("openai")


def test_a_host_application_is_told_of_a_budget_by_an_error() -> None:
    config = read_config({"OPENAI_API_KEY": "sk-x", "HEALTH_OPENAI_PERIOD": "1"})
    with pytest.raises(CheckBudgetError, match="openai"):
        HealthService(config, Resources.of(config), Redactor(()), strict=True)


async def test_a_single_look_joins_what_it_has_just_found(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours["openai"] = Behaviour.UNAUTHORIZED
    said = await pm33(
        "health", "--detailed", "--json", PM33_HOME=tmp_path, **fakes.variables()
    )
    checks = json.loads(said.out)["checks"]

    assert checks["openai"]["failure"] == checks["ai_services"]["failure"] == "auth"
    assert checks["ai_services"]["status"] == "degraded"
    assert checks["monitoring"]["status"] == "healthy"


async def test_a_disabled_service_is_skipped_and_never_asked(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    variables = fakes.variables() | {"PM33_DISABLED_SERVICES": "openai,slack"}
    async with served_service(tmp_path, **variables) as service:
        checks = await all_known(service)

    assert {n: checks[n]["status"] for n in ("openai", "slack", "stripe")} == {
        "openai": "skipped",
        "slack": "skipped",
        "stripe": "healthy",
    }
    asked = {one.voice for one in fakes.asked}
    assert asked == KEYS.keys() - {"openai", "slack_webhook", "slack_bot"}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_service_is_built_without_what_the_reads_need(environment: str) -> None:
    code = """if True:
        import sys
        from app.backend.config.environment import read_config
        from app.backend.health.service import HealthService
        from app.backend.monitoring.redaction import Redactor
        from app.backend.resources import Resources
        import app.backend.main
        config = read_config({"ENVIRONMENT": sys.argv[1], "OPENAI_API_KEY": "sk-x"})
        service = HealthService(config, Resources.of(config), Redactor(()))
        print(len(service.registry), {"httpx", "httpcore", "openai"} & {*sys.modules})
    """
    done = subprocess.run(
        [sys.executable, "-c", code, environment],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split(maxsplit=1)[1].strip() == "set()"
