import pytest

from app.backend.config.settings import CHECKS
from app.backend.config.urls import host_of
from app.backend.health.checks.vendor import read_of
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.incidents.pages import PAGES, page_for
from app.backend.health.incidents.watch import IncidentWatch
from app.backend.health.models import CheckResult, Failure
from app.backend.health.supervisor import Supervisor
from tests.support.judging import config_of
from tests.support.plausible import LIST

# Some that count, beside others that do not concern what is asked.
SEEN = {
    "anthropic": (
        {"Claude API (api.anthropic.com)"},
        {"claude.ai", "Claude Code", "Claude Console (platform.claude.com)"},
    ),
    "openai": (
        {"Chat Completions", "Responses", "Embeddings"},
        {"Codex API", "Conversations", "VS Code extension", "Sora"},
    ),
    "pinecone": ({"Index Management"}, {"Console", "AWS us-east-1", "Inference"}),
    "stripe": ({"API"}, {"Dashboard", "Support"}),
    "supabase": ({"API Gateway", "Auth"}, {"Realtime", "us-east-1", "Management API"}),
    "resend": ({"API", "Email API"}, {"Dashboard", "SMTP", "Webhooks"}),
    "sentry": ({"API", "US Ingestion"}, {"Dashboard", "Notification Delivery"}),
}


def test_every_page_is_of_a_check_and_asked_in_safety() -> None:
    assert PAGES.keys() <= CHECKS
    for page in PAGES.values():
        assert page.url.startswith("https://")
        assert page.url.endswith("/api/v2/summary.json")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_counts_for_the_components_that_are_asked_and_no_others(
    name: str,
) -> None:
    ours, others = SEEN[name]
    wanted = PAGES[name].components
    assert {one for one in ours | others if wanted.search(one)} == ours


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_that_of_the_host_which_the_check_asks(name: str) -> None:
    config = config_of(**LIST)
    reads = [read_of(one, config) for one in VENDORS if one.name == name]
    hosts = {host_of(read.url) for read in reads if read}
    assert any(page_for(name, host or "", config) for host in hosts), hosts


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("api.openai.com", True),
        ("eu.api.openai.com", True),
        ("openai.com", True),
        ("127.0.0.1", False),
        ("gateway.example", False),
        ("notopenai.com", False),
        ("", False),
    ],
)
def test_a_vendors_page_says_nothing_of_other_hosts(host: str, *, known: bool) -> None:
    assert (page_for("openai", host, config_of()) is not None) is known


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_a_page_can_be_switched_off(value: str) -> None:
    config = config_of(HEALTH_OPENAI_STATUS_URL=value)
    assert page_for("openai", "api.openai.com", config) is None


def test_a_page_that_is_named_is_asked_wherever_the_check_asks() -> None:
    config = config_of(HEALTH_OPENAI_STATUS_URL="http://127.0.0.1:1/page")
    page = page_for("openai", "gateway.example", config)
    assert page is not None
    assert page.url == "http://127.0.0.1:1/page"
    assert page.components is PAGES["openai"].components


def test_of_a_page_that_nobody_knows_every_component_counts() -> None:
    config = config_of(HEALTH_TOGETHER_STATUS_URL="http://127.0.0.1:1/page")
    page = page_for("together", "api.together.ai", config)
    assert page is not None
    assert page.components.search("Whatever")


@pytest.mark.parametrize(
    ("variables", "watched"),
    [
        ({}, set()),
        ({"OPENAI_API_KEY": "x"}, {"incidents:openai"}),
        ({"OPENAI_API_KEY": "x", "PM33_DISABLED_SERVICES": "openai"}, set()),
        ({"OPENAI_API_KEY": "x", "HEALTH_OPENAI_STATUS_URL": "off"}, set()),
        ({"OPENAI_API_KEY": "x", "STRIPE_SECRET_KEY": "x"}, {"incidents:openai"}),
    ],
    ids=["nothing", "configured", "disabled", "off", "refused"],
)
async def test_pages_are_read_of_checks_that_run(
    variables: dict[str, str], watched: set[str]
) -> None:
    watch, supervisor = IncidentWatch(config_of(**variables)), Supervisor()
    watch.start(supervisor, {"openai"})
    await supervisor.stop()
    await watch.close()

    assert set(supervisor.restarts) == watched
    assert watch.incident("openai") is watch.incident("nobody") is None


def test_blame_is_a_matter_of_vendors_checks_alone() -> None:
    watch = IncidentWatch(config_of())
    late = CheckResult.unhealthy(Failure.TIMEOUT, "no answer for 10.0 s")

    assert watch.blamed("openai", late).data == {"blame": "network"}
    assert watch.blamed("database", late) is late
    assert watch.blamed("ai_services", late) is late
