import pytest

from app.backend.config.environment import known_variables
from app.backend.health.checks.vendor import Answer, Read, base_url
from app.backend.health.checks.vendors import VENDORS
from tests.support.judging import config_of

SERVICES = {
    "anthropic",
    "openai",
    "together",
    "pinecone",
    "stripe",
    "supabase",
    "resend",
    "sentry",
    "posthog",
    "slack",
}


def test_every_service_has_its_read() -> None:
    assert {vendor.name for vendor in VENDORS} == SERVICES


def test_each_read_blames_a_variable_of_its_own() -> None:
    blamed = [vendor.variables[0] for vendor in VENDORS]
    assert len(set(blamed)) == len(VENDORS)


def test_only_what_can_be_set_is_blamed() -> None:
    named = {variable for vendor in VENDORS for variable in vendor.variables}
    assert named <= known_variables().keys()


def test_a_read_shows_neither_its_address_nor_what_it_carries() -> None:
    read = Read(
        url="https://x/canary", headers={"authorization": "canary"}, content=b"canary"
    )
    assert "canary" not in repr(read)


def test_an_answer_shows_nothing_of_what_was_said() -> None:
    answer = Answer(status=401, headers={"x": "canary"}, body="canary", text="canary")
    assert "canary" not in repr(answer)


@pytest.mark.parametrize("variables", [{}, {"ENVIRONMENT": "production"}])
def test_nothing_is_read_where_nothing_is_configured(
    variables: dict[str, str],
) -> None:
    config = config_of(**variables)
    assert [vendor.read(config) for vendor in VENDORS] == [None] * len(VENDORS)


def test_an_address_can_be_set_for_each_service() -> None:
    config = config_of(HEALTH_OPENAI_BASE_URL="http://127.0.0.1:9/")
    assert base_url("openai", config, "https://usual/") == "http://127.0.0.1:9"
    assert base_url("stripe", config, "https://usual/") == "https://usual"
