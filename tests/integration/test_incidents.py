"""Vendors' fakes and their status pages around a real service: whose fault it is."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_page import FakePage, fake_page, incident, summary
from tests.support.fake_vendors import (
    Behaviour,
    FakeVendors,
    closed_port,
    fake_vendors,
)
from tests.support.service import TOKEN, Service, served_service, until

TITLE = "Elevated errors on all models"
KNOBS = {"PERIOD": "0.3", "BUDGET": "0", "TIMEOUT": "2"}
TROUBLED = {
    "openai": Behaviour.BROKEN,
    "together": Behaviour.BROKEN,
    "pinecone": Behaviour.HANG,
    "stripe": Behaviour.WRONG_TYPE,
    "resend": Behaviour.QUOTA,
}


@pytest.fixture
async def fakes() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as served:
        yield served


async def annotated(service: Service, name: str) -> dict[str, Any] | None:
    """The check, once its page has been read."""
    check = await service.check(name)
    return check if "incident" in check["data"] else None


async def test_a_status_page_says_whose_fault_it_is_and_turns_nothing_by_itself(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours |= TROUBLED
    variables = fakes.variables()
    for name in ("anthropic", *TROUBLED):
        variables |= {f"HEALTH_{name.upper()}_{k}": v for k, v in KNOBS.items()}
    variables["HEALTH_TOGETHER_STATUS_URL"] = f"http://127.0.0.1:{closed_port()}/"
    variables["HEALTH_RESEND_STATUS_URL"] = "off"
    async with AsyncExitStack() as stack:
        for name, component in (
            ("anthropic", "Claude API (api.anthropic.com)"),
            ("openai", "Chat Completions"),
            ("pinecone", "Index Management"),
            ("stripe", "API"),
        ):
            page: FakePage = await stack.enter_async_context(fake_page())
            page.body = summary(
                incident(component, title=TITLE), components=(component,)
            )
            variables[f"HEALTH_{name.upper()}_STATUS_URL"] = page.url
        service = await stack.enter_async_context(served_service(tmp_path, **variables))

        openai = await service.check_becomes(
            "openai", status="degraded", failure="vendor_incident"
        )
        stripe = await service.check_becomes("stripe", failure="vendor_incident")
        anthropic, pinecone = [
            await until(partial(annotated, service, name))
            for name in ("anthropic", "pinecone")
        ]
        await service.samples("together", 3)
        together, resend = [
            await service.check(name) for name in ("together", "resend")
        ]
        ready = await service.get("/api/health/ready")
        startup = await service.get("/api/health/startup")
        public = (await service.get("/api/health/detailed")).text
        html = (await service.get("/api/health/detailed?format=html", token=TOKEN)).text

    told = openai["data"]["incident"]
    assert (told["title"], told["impact"]) == (TITLE, "major")
    assert told["components"] == ["Chat Completions"]
    assert openai["data"]["blame"] == stripe["data"]["blame"] == "them"
    assert (together["status"], together["failure"]) == ("degraded", "internal")
    assert "incident" not in together["data"]
    assert together["data"]["blame"] == "them"
    assert (resend["failure"], resend["data"]["blame"]) == ("quota", "us")
    assert (pinecone["status"], pinecone["failure"]) == ("unhealthy", "timeout")
    assert pinecone["data"]["blame"] == "them"
    assert (anthropic["status"], anthropic["failure"]) == ("healthy", None)
    assert anthropic["data"]["incident"]["title"] == TITLE
    assert "blame" not in anthropic["data"]
    assert (ready.status_code, startup.status_code) == (200, 200)
    assert TITLE not in public
    assert "blame" not in public
    assert "blame: them" in html
    assert TITLE in html


async def test_the_application_may_be_asked_for_by_its_sdk(
    tmp_path: Path, fakes: FakeVendors
) -> None:
    fakes.behaviours["together"] = Behaviour.RATE_LIMITED_FOR
    variables = fakes.variables() | {
        "HEALTH_OPENAI_PROBE": "sdk",
        "HEALTH_TOGETHER_PROBE": "sdk",
        "HEALTH_STRIPE_PROBE": "sdk",
    }
    async with served_service(tmp_path, **variables) as service:
        await service.check_becomes("openai", status="healthy")
        together = await service.check_becomes("together", failure="rate_limit")
        startup = await service.get("/api/health/startup", token=TOKEN)
        checks = (await service.json("/api/health/detailed"))["checks"]
        said = service.child.output()

    agents = {
        voice: fakes.asked_of(voice)[0].headers["user-agent"].partition("/")[0]
        for voice in ("openai", "together", "resend")
    }
    assert agents == {
        "openai": "AsyncOpenAI",
        "together": "AsyncOpenAI",
        "resend": "pm33-ops",
    }
    assert together["data"] == {
        "http_status": 429,
        "retry_after_s": 17,
        "variable": "TOGETHER_API_KEY",
        "blame": "us",
    }
    assert startup.status_code == 503
    [fault] = [
        one for one in startup.json()["gate"]["faults"] if "stripe" in one["message"]
    ]
    assert "HEALTH_STRIPE_PROBE" in fault["remedy"]
    assert "stripe" not in checks
    assert not fakes.asked_of("stripe")
    assert "HTTP Request" not in said
