from collections.abc import Mapping
from datetime import timedelta

import pytest
from fastapi import FastAPI

from app.backend.config.environment import Environment
from app.backend.config.process import judged_config
from app.backend.config.validation import validate
from app.backend.config.variables import Variables
from app.backend.health.config_faults import config_faults
from app.backend.health.gate import FaultKind, GateFault
from app.backend.health.models import Failure
from app.backend.main import create_app, install
from tests.support.plausible import LIST, NOW, key, token

WITHOUT = {"SECRET_KEY": "", "STRIPE_SECRET_KEY": key("sk", "test")}


def faults(
    variables: Mapping[str, str], environment: Environment = Environment.PRODUCTION
) -> tuple[GateFault, ...]:
    given = Variables(values=variables, source="a test")
    return config_faults(*validate(given, environment, now=NOW))


def test_what_is_complete_does_not_hold_the_gate() -> None:
    assert faults(LIST) == ()


def test_in_development_nothing_is_demanded() -> None:
    assert faults({}, Environment.DEVELOPMENT) == ()


def test_errors_of_the_rules_hold_it_with_their_remedies() -> None:
    (fault,) = faults({**LIST, "SECRET_KEY": ""})

    assert (fault.source, fault.kind) == ("SECRET_KEY", FaultKind.RELEASE)
    assert fault.failure is Failure.CONFIG
    assert fault.message.startswith("SECRET_KEY ")
    assert fault.remedy


def test_what_a_clock_alone_can_break_never_holds_it() -> None:
    expired = token("anon", exp=(NOW - timedelta(days=1)).timestamp())
    given = Variables(values={**LIST, "SUPABASE_ANON_KEY": expired}, source="a test")
    config, findings = validate(given, Environment.PRODUCTION, now=NOW)

    assert "error" in {one.severity for one in findings}
    assert config_faults(config, findings) == ()


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.DEVELOPMENT])
def test_a_live_key_outside_production_holds_it_as_a_wrong_mode(
    environment: Environment,
) -> None:
    found = faults({"STRIPE_SECRET_KEY": key("sk", "live")}, environment)

    modes = {one.source for one in found if one.failure is Failure.WRONG_MODE}
    assert modes == {"STRIPE_SECRET_KEY"}


def test_what_cannot_be_used_is_told_once() -> None:
    found = faults({**LIST, "DB_POOL_SIZE": "many", "DB_SSL_REQUIRE": "maybe"})

    assert [one.source for one in found] == ["DB_POOL_SIZE", "DB_SSL_REQUIRE"]


def test_what_may_be_another_program_s_does_not_hold_it() -> None:
    assert faults({**LIST, "HEALTH_CHECK_TIMEOUT": "never"}) == ()


def test_a_drain_that_does_not_fit_is_told_once() -> None:
    short = {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30", "PM33_DRAIN_TIMEOUT": "60"}
    found = faults({**LIST, **short})

    assert [one.source for one in found] == ["RAILWAY_DEPLOYMENT_DRAINING_SECONDS"]


def test_the_process_environment_is_judged_where_it_is_what_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in LIST:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENVIRONMENT", "production")

    missing = {one.source for one in config_faults(*judged_config())}
    assert {"SECRET_KEY", "DATABASE_URL", "OPENAI_API_KEY"} <= missing
    for service in (create_app(chain_signals=False), install(FastAPI())):
        gate = service.health.board.publish().gate
        assert not gate.passed
        assert missing <= {one.source for one in gate.faults}


def test_a_given_configuration_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    config, _ = validate(Variables(values={}, source="a test"), Environment.PRODUCTION)

    gate = create_app(config, chain_signals=False).health.board.publish().gate
    assert "SECRET_KEY" not in {one.source for one in gate.faults}
