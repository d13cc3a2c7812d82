import re
from pathlib import Path

import pytest

from app.backend.config.environment import Environment, known_variables
from app.backend.config.findings import Finding, Severity
from app.backend.config.validation import REQUIRED, Rule, is_set, validate

COMPLETE = {
    name: {"DB_POOL_SIZE": "20", "DB_SSL_REQUIRE": "true"}.get(name, "a-canary-value")
    for name in REQUIRED
}


def found(
    variables: dict[str, str], environment: Environment | None = Environment.PRODUCTION
) -> tuple[Finding, ...]:
    return validate(variables, environment, source="here")[1]


def test_production_with_the_whole_list_has_nothing_to_mend() -> None:
    assert found(COMPLETE) == ()


@pytest.mark.parametrize("variable", REQUIRED)
def test_each_variable_of_the_list_is_missed_in_production(variable: str) -> None:
    [finding] = found({k: v for k, v in COMPLETE.items() if k != variable})

    optional = variable == "PINECONE_ENVIRONMENT"
    assert finding.variable == variable
    assert finding.rule is Rule.REQUIRED
    assert finding.severity is (Severity.INFO if optional else Severity.ERROR)
    assert finding.remedy
    assert finding.source == "here"


def test_the_list_holds_only_variables_that_the_settings_know() -> None:
    assert set(REQUIRED) <= set(known_variables())


@pytest.mark.parametrize("environment", ["development", "staging"])
def test_elsewhere_nothing_is_required(environment: str) -> None:
    assert found({}, Environment(environment)) == ()


@pytest.mark.parametrize("service", sorted({one for one in REQUIRED.values() if one}))
def test_a_disabled_service_needs_none_of_its_variables(service: str) -> None:
    kept = {k: v for k, v in COMPLETE.items() if REQUIRED[k] != service}

    assert found(kept | {"PM33_DISABLED_SERVICES": service.upper()}) == ()


def test_a_service_that_does_not_exist_disables_nothing_and_is_said() -> None:
    [finding] = found(COMPLETE | {"PM33_DISABLED_SERVICES": "strip"})

    assert (finding.severity, finding.rule) == (
        Severity.WARNING,
        Rule.UNKNOWN_SERVICE,
    )
    assert "stripe" in finding.remedy


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_missing(value: str) -> None:
    [finding] = found(COMPLETE | {"SECRET_KEY": value})
    assert finding.variable == "SECRET_KEY"


def test_a_secret_may_be_in_a_file_and_nothing_else_may(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a-canary-value")
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}

    assert found(without | {"SECRET_KEY_FILE": str(file)}) == ()
    assert not is_set("DB_POOL_SIZE", {"DB_POOL_SIZE_FILE": str(file)})


def test_every_unusable_value_is_found_also_what_would_stop_the_service() -> None:
    broken = {"PORT": "eighty", "DB_POOL_SIZE": "many", "HEALTH_DATABASE_FALL": "0"}
    findings = found(broken, Environment.DEVELOPMENT)

    assert {one.variable for one in findings} == set(broken)
    assert {one.rule for one in findings} == {Rule.UNUSABLE_VALUE}


def test_an_unusable_value_is_not_missing_as_well() -> None:
    [finding] = found(COMPLETE | {"DB_POOL_SIZE": "many"})
    assert finding.rule is Rule.UNUSABLE_VALUE


def test_an_environment_that_does_not_exist_has_the_strict_rules() -> None:
    config, findings = validate({"ENVIRONMENT": "prod"}, None, source="here")

    assert config.is_production
    assert {"ENVIRONMENT", "SECRET_KEY"} <= {one.variable for one in findings}


def test_the_named_environment_beats_the_variable() -> None:
    given = {"ENVIRONMENT": "production"}

    assert found(given, Environment.STAGING) == ()
    assert found(given, None) != ()


def test_errors_come_first() -> None:
    given = {k: v for k, v in COMPLETE.items() if k != "PINECONE_ENVIRONMENT"}
    findings = found(given | {"PM33_DISABLED_SERVICES": "x", "PORT": "x"})

    severities = [one.severity for one in findings]
    assert severities == [Severity.ERROR, Severity.WARNING, Severity.INFO]


def test_no_finding_shows_a_secret() -> None:
    secrets = {name for name, secret in known_variables().items() if secret}
    given = dict.fromkeys(secrets, "canary-of-a-secret") | {"PORT": "canary-port"}

    assert not re.search("canary", repr(found(given)))
