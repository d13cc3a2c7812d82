import re
from pathlib import Path

import pytest

from app.backend.config.environment import Environment, Problem, known_variables
from app.backend.config.findings import Finding, Severity
from app.backend.config.validation import (
    REQUIRED,
    UNUSABLE_VALUE,
    is_set,
    of_problem,
    validate,
)
from app.backend.config.variables import PROCESS, Variables
from tests.support.plausible import LIST, NOW

COMPLETE = {
    **LIST,
    "ALLOWED_HOSTS": "pm33.app",
    "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30",
}


def found(
    variables: dict[str, str], environment: Environment | None = Environment.PRODUCTION
) -> tuple[Finding, ...]:
    given = Variables(values=variables, source="here")
    return validate(given, environment, now=NOW)[1]


def rules_of(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(one.variable, one.rule) for one in findings}


def test_production_with_the_whole_list_has_nothing_to_mend() -> None:
    assert found(COMPLETE) == ()


@pytest.mark.parametrize("variable", REQUIRED)
def test_each_variable_of_the_list_is_missed_in_production(variable: str) -> None:
    [finding] = found({k: v for k, v in COMPLETE.items() if k != variable})

    optional = variable == "PINECONE_ENVIRONMENT"
    assert finding.variable == variable
    assert finding.message == "is not set"
    assert finding.severity is (Severity.INFO if optional else Severity.ERROR)
    assert finding.remedy
    assert finding.source == "here"


def test_the_list_holds_only_variables_that_the_settings_know() -> None:
    assert set(REQUIRED) <= set(known_variables())


@pytest.mark.parametrize("service", sorted({one for one in REQUIRED.values() if one}))
def test_a_disabled_service_needs_none_of_its_variables(service: str) -> None:
    kept = {k: v for k, v in COMPLETE.items() if REQUIRED.get(k) != service}
    findings = found(kept | {"PM33_DISABLED_SERVICES": service.upper()})

    assert {one.variable for one in findings} <= {"PM33_DISABLED_SERVICES"}
    assert {one.severity for one in findings} <= {Severity.INFO}


def test_a_service_that_does_not_exist_is_told_which_there_are() -> None:
    [finding] = found(COMPLETE | {"PM33_DISABLED_SERVICES": "strip"})

    assert finding.message == "entry 1 is no service, so nothing is left out by it"
    assert "stripe" in finding.remedy


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_missing(value: str) -> None:
    [finding] = found(COMPLETE | {"SECRET_KEY": value})
    assert finding.variable == "SECRET_KEY"


def test_a_secret_may_be_in_a_file_and_nothing_else_may(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(LIST["SECRET_KEY"])
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}

    assert found(without | {"SECRET_KEY_FILE": str(file)}) == ()
    assert not is_set("DB_POOL_SIZE", {"DB_POOL_SIZE_FILE": str(file)})


def test_what_a_file_holds_is_judged_like_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("changeme")
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}

    given = Variables(
        values=without | {"SECRET_KEY_FILE": str(file)},
        source="some.env",
        places={"SECRET_KEY_FILE": "some.env, line 7"},
    )
    [finding] = validate(given, Environment.PRODUCTION, now=NOW)[1]

    assert (finding.variable, finding.rule) == ("SECRET_KEY", "placeholder")
    assert finding.source == "some.env, line 7"


def test_a_random_key_may_end_with_a_quote_and_no_other_value_may() -> None:
    free = COMPLETE | {"SECRET_KEY": COMPLETE["SECRET_KEY"] + "'"}
    bound = COMPLETE | {"RESEND_API_KEY": COMPLETE["RESEND_API_KEY"] + "'"}

    assert found(free) == ()
    assert rules_of(found(bound)) == {("RESEND_API_KEY", "pasted-quotes")}


def test_a_file_that_cannot_be_read_is_not_missed_as_well(tmp_path: Path) -> None:
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}
    values = without | {"SECRET_KEY_FILE": str(tmp_path / "none")}
    own = Variables(values=values, source=PROCESS)

    findings = validate(own, Environment.PRODUCTION, now=NOW)[1]
    assert rules_of(findings) == {("SECRET_KEY_FILE", UNUSABLE_VALUE)}


def test_a_file_of_another_machine_is_as_good_as_sealed(tmp_path: Path) -> None:
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}
    given = Variables(
        values=without | {"SECRET_KEY_FILE": str(tmp_path / "none")},
        source="some.env",
        places={"SECRET_KEY_FILE": "some.env, line 7"},
    )
    config, [finding] = validate(given, Environment.PRODUCTION, now=NOW)

    assert (finding.rule, finding.severity) == ("file-elsewhere", Severity.INFO)
    assert finding.source == "some.env, line 7"
    assert config.problems == ()


def test_a_file_that_is_here_is_judged_wherever_its_name_comes_from(
    tmp_path: Path,
) -> None:
    without = {k: v for k, v in COMPLETE.items() if k != "SECRET_KEY"}
    findings = found(without | {"SECRET_KEY_FILE": str(tmp_path)})

    assert rules_of(findings) == {("SECRET_KEY_FILE", UNUSABLE_VALUE)}


@pytest.mark.parametrize(
    ("replicas", "rules"), [(1, set()), (2, set()), (3, {"connection-budget"})]
)
def test_each_replica_has_connections_of_its_own(
    replicas: int, rules: set[str]
) -> None:
    given = Variables(values=COMPLETE, source="here")
    findings = validate(given, Environment.PRODUCTION, now=NOW, replicas=replicas)[1]

    assert {one.rule for one in findings} == rules
    assert all("3 replicas open 132" in one.message for one in findings)


def test_every_unusable_value_is_found_also_what_would_stop_the_service() -> None:
    broken = {"PORT": "eighty", "DB_POOL_SIZE": "many", "HEALTH_DATABASE_FALL": "0"}
    findings = found(broken, Environment.DEVELOPMENT)

    assert rules_of(findings) == {(name, UNUSABLE_VALUE) for name in broken}


def test_an_unusable_value_is_not_missing_as_well() -> None:
    [finding] = found(COMPLETE | {"DB_POOL_SIZE": "many"})
    assert finding.rule == UNUSABLE_VALUE


def test_a_problem_found_elsewhere_becomes_an_error() -> None:
    problem = Problem("PORT", "is taken", "take another")

    assert of_problem(problem, source="here") == Finding(
        variable="PORT",
        severity=Severity.ERROR,
        rule=UNUSABLE_VALUE,
        message="is taken",
        remedy="take another",
        source="here",
    )


def test_an_environment_that_does_not_exist_has_the_strict_rules() -> None:
    given = Variables(values={"ENVIRONMENT": "prod"}, source="here")
    config, findings = validate(given, None)

    assert config.is_production
    assert {"ENVIRONMENT", "SECRET_KEY"} <= {one.variable for one in findings}


def test_the_named_environment_beats_the_variable() -> None:
    given = {"ENVIRONMENT": "production"}

    assert found(given, Environment.DEVELOPMENT) == ()
    assert found(given, None) != ()


def test_errors_come_first() -> None:
    given = {k: v for k, v in COMPLETE.items() if k != "PINECONE_ENVIRONMENT"}
    findings = found(given | {"PM33_DISABLED_SERVICES": "x", "PORT": "x"})

    severities = [one.severity for one in findings]
    assert severities == [Severity.ERROR, Severity.WARNING, Severity.INFO]


def test_a_missing_variable_is_told_beside_one_that_may_be_meant() -> None:
    given = {k: v for k, v in COMPLETE.items() if k != "PM33_SLACK_WEBHOOK"}
    [finding] = found(given | {"SLACK_WEBHOOK": "https://hooks.slack.com/x"})

    assert finding.variable == "PM33_SLACK_WEBHOOK"
    assert finding.message == "is not set, but SLACK_WEBHOOK is"


def test_no_finding_shows_a_secret() -> None:
    secrets = {name for name, secret in known_variables().items() if secret}
    given = dict.fromkeys(secrets, "canary-of-a-secret") | {"PORT": "canary-port"}

    assert not re.search("canary", repr(found(given)))


def test_no_rule_falls_over_odd_values() -> None:
    for text in (
        "\x00",
        "http://[",
        "eyJ..",
        "eyJ.e30.",
        "=",
        "a" * 20_000,
        "\U0001f511",
    ):
        for environment in Environment:
            assert found(dict.fromkeys(known_variables(), text), environment)
