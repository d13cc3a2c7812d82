from collections.abc import Mapping
from datetime import timedelta

import pytest

from app.backend.deploy.planning.environment import (
    ENVIRONMENT_INVALID,
    TWO_NAMES,
    differing,
    findings_of_variables,
    judge_variables,
    of_its_name,
)
from app.backend.deploy.planning.findings import Finding, Severity
from tests.support.plausible import LIST, NOW, token


def told(
    given: Mapping[str, str | None], environment: str = "production"
) -> list[Finding]:
    found = judge_variables(given, environment, platform="local", now=NOW)
    return findings_of_variables(found, environment)


def errors(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.severity is Severity.ERROR]


def test_an_environment_that_is_complete_has_nothing_that_refuses() -> None:
    assert errors(told(LIST)) == []


def test_all_that_is_wrong_is_one_refusal_with_each_name_and_remedy() -> None:
    given = {**LIST, "SECRET_KEY": "changeme", "JWT_SECRET": ""}
    (refusal,) = errors(told(given))

    assert refusal.code == ENVIRONMENT_INVALID
    headline, *lines = refusal.text.splitlines()
    assert headline == "2 variables are not fit for production:"
    assert {line.split()[0] for line in lines} == {"SECRET_KEY", "JWT_SECRET"}
    assert all("; " in line for line in lines)
    assert "pm33 env validate --source local:production" in refusal.remedy
    assert "changeme" not in f"{refusal.text}{refusal.remedy}"


def test_what_nobody_may_read_is_there_and_is_not_judged() -> None:
    assert errors(told(dict.fromkeys(LIST))) == []


def test_warnings_are_told_one_by_one_and_refuse_nothing() -> None:
    found = told({**LIST, "ANTROPIC_API_KEY": "x"})

    assert errors(found) == []
    assert any(one.text.startswith("ANTROPIC_API_KEY ") for one in found)


def test_before_a_release_goes_out_the_clock_counts_too() -> None:
    expired = token("anon", exp=(NOW - timedelta(days=1)).timestamp())
    (refusal,) = errors(told({**LIST, "SUPABASE_ANON_KEY": expired}))

    assert "SUPABASE_ANON_KEY" in refusal.text


def test_in_development_nothing_is_demanded() -> None:
    assert errors(told({}, "development")) == []


def test_what_two_deployments_differ_in_is_told_by_name_and_never_by_value() -> None:
    before = {"SAME": "1", "MODE": "secret-1", "OLD": "secret-2", "SEALED": None}
    today = {"SAME": "1", "MODE": "secret-3", "NEW": "secret-4", "SEALED": "secret-5"}
    assert differing(today, before) == ["MODE", "NEW (new)", "OLD (gone)"]
    assert differing(before, before) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ENVIRONMENT": "Production"}, True),
        ({"RAILWAY_ENVIRONMENT_NAME": "production"}, True),
        ({"ENVIRONMENT": "staging", "RAILWAY_ENVIRONMENT_NAME": "production"}, False),
        ({"RAILWAY_ENVIRONMENT_NAME": "pr-17"}, False),
        ({"ENVIRONMENT": None}, False),
        ({}, False),
    ],
)
def test_a_service_that_goes_by_another_name_is_told_of(
    given: dict[str, str | None],
    told: bool,  # noqa: FBT001 - a case of the table
) -> None:
    found = of_its_name(given, "staging")
    assert [one.code for one in found] == [TWO_NAMES] * told
    assert all("as production" in one.text for one in found)
