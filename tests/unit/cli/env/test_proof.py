from collections.abc import Iterator

import pytest

from app.backend.config.environment import read_config
from app.backend.config.variables import Variables
from app.cli.env.proof import Proof, prove
from tests.support.canned_http import CannedService, canned_service

DSN = {"SENTRY_DSN": "https://canary@o7.ingest.us.sentry.io/42"}
NAMED = {"SENTRY_AUTH_TOKEN": "sntryu_x", "SENTRY_ORG": "a", "SENTRY_PROJECT": "b"}
SUPABASE = {"SUPABASE_ANON_KEY": "sb_publishable_canary"}


@pytest.fixture
def vendor() -> Iterator[CannedService]:
    with canned_service() as service:
        service.headers = {"content-type": "application/json"}
        yield service


def proof(name: str, **values: str) -> Proof | None:
    variables = Variables(values=values, source="here")
    return prove(name, variables, read_config(values))


def test_who_takes_the_credential_has_proven_it(vendor: CannedService) -> None:
    vendor.answers({"data": [{"id": "claude"}]})
    given = {"ANTHROPIC_API_KEY": "sk-x", "HEALTH_ANTHROPIC_BASE_URL": vendor.url}
    found = proof("ANTHROPIC_API_KEY", **given)

    assert found is not None
    assert (found.proven, found.reached, found.errors) == (("anthropic",), (), ())
    assert found.words == "anthropic has taken it"


def test_who_can_only_be_reached_has_proven_nothing(vendor: CannedService) -> None:
    vendor.answers({}, 405)
    found = proof("SENTRY_DSN", **DSN, HEALTH_SENTRY_BASE_URL=vendor.url)

    assert found is not None
    assert (found.proven, found.reached) == ((), ("sentry",))
    assert found.words == "sentry was reached, which proves no key"


def test_one_proof_is_enough_beside_a_mere_answer(vendor: CannedService) -> None:
    vendor.answers({"isActive": True})
    found = proof("SENTRY_DSN", **DSN, **NAMED, HEALTH_SENTRY_BASE_URL=vendor.url)

    assert found is not None
    assert (found.proven, found.reached) == (("sentry",), ())


def test_a_refusal_counts_whichever_variable_is_to_blame(vendor: CannedService) -> None:
    vendor.answers({}, 404)
    found = proof("SUPABASE_ANON_KEY", **SUPABASE, SUPABASE_URL=vendor.url)

    assert found is not None
    [error] = found.errors
    assert (error.variable, error.rule) == ("SUPABASE_URL", "service-refused")
    assert not found.proven


def test_a_service_that_has_failed_proves_nothing_and_refuses_nothing(
    vendor: CannedService,
) -> None:
    vendor.answers({}, 500)
    found = proof("SUPABASE_ANON_KEY", **SUPABASE, SUPABASE_URL=vendor.url)

    assert found is not None
    assert (found.proven, found.reached, found.errors) == ((), (), ())
    assert "failed on its side" in found.words


def test_nobody_is_asked_about_a_value_that_is_for_nobody() -> None:
    assert proof("SECRET_KEY", SECRET_KEY="x", **DSN) is None


def test_only_who_has_to_do_with_the_variable_is_asked() -> None:
    found = proof(
        "MIGRATION_DATABASE_URL",
        MIGRATION_DATABASE_URL="postgresql://u:canary@127.0.0.1:1/app",
        REDIS_URL="redis://:canary@127.0.0.1:1",
    )

    assert found is not None
    [error] = found.errors
    assert (error.variable, error.rule) == (
        *("MIGRATION_DATABASE_URL", "service-unreachable"),
    )
    assert "where MIGRATION_DATABASE_URL says" in error.remedy
    assert "canary" not in found.words
