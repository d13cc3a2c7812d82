import time
from collections import Counter

import pytest

from app.backend.config.environment import Environment, knob_of
from app.backend.config.findings import Finding, Severity
from app.backend.config.rules import RULES, TIMED
from app.backend.config.rules.known import KNOWN
from app.backend.config.validation import UNUSABLE_VALUE, validate
from app.backend.config.variables import PROCESS, Variables
from tests.support.plausible import LIST, NOW, PUBLIC_DATABASE, STAGING
from tests.support.rule_cases import CASES, Case

# What the specification's list leaves open, and every case but those about it sets.
SETTLED = {
    "ALLOWED_HOSTS": "pm33.app",
    "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30",
}
RAILWAY_WILL_TELL = [
    ("ALLOWED_HOSTS", Severity.WARNING, "allowed-hosts-by-railway"),
    (
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
        Severity.WARNING,
        "drain-budget-by-railway",
    ),
]


def variables_of(case: Case) -> dict[str, str]:
    base = LIST if case.environment is Environment.PRODUCTION else STAGING
    changed = {**base, **SETTLED, **case.change}
    return {name: text for name, text in changed.items() if text is not None}


def found(
    variables: dict[str, str],
    environment: Environment = Environment.PRODUCTION,
    *,
    own: bool = False,
) -> tuple[Finding, ...]:
    given = Variables(values=variables, source=PROCESS if own else "here")
    return validate(given, environment, now=NOW)[1]


def brief(findings: tuple[Finding, ...]) -> list[tuple[str, Severity, str]]:
    return [(one.variable, one.severity, one.rule) for one in findings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_has_exactly_its_findings(case: Case) -> None:
    findings = found(variables_of(case), case.environment, own=case.own)

    assert brief(findings) == list(case.expected)


def test_there_are_many_cases_and_no_two_of_one_name() -> None:
    names = Counter((case.name, case.environment) for case in CASES)

    assert len(CASES) >= 80
    assert not [name for name, count in names.items() if count > 1]


def test_every_rule_has_a_case_in_every_environment_that_asks_it() -> None:
    broken = {
        (rule, case.environment, severity)
        for case in CASES
        for _, severity, rule in case.expected
        if rule != UNUSABLE_VALUE
    }

    assert broken == {
        (rule.name, environment, severity)
        for rule in RULES
        for environment, severity in rule.severity.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_message_shows_a_piece_of_a_value(case: Case) -> None:
    findings = found(variables_of(case), case.environment, own=case.own)
    said = " ".join(one.message for one in findings)
    for name in KNOWN:
        said = said.replace(name, "")
    pieces = {
        text[at : at + 8]
        for text in case.change.values()
        for at in range(len(text or "") - 7)
        if text
    }

    assert not {piece for piece in pieces if piece in said}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_remedy_is_the_rule_s_so_that_it_cannot_show_one(case: Case) -> None:
    remedies = {rule.name: rule.remedy for rule in RULES}

    for finding in found(variables_of(case), case.environment, own=case.own):
        if finding.rule != UNUSABLE_VALUE:
            assert finding.remedy == remedies[finding.rule]


def test_the_list_alone_is_enough_for_production() -> None:
    assert brief(found({**LIST})) == RAILWAY_WILL_TELL


def test_the_list_alone_with_a_public_database_can_be_verified_within_it() -> None:
    public = {**LIST, "DATABASE_URL": PUBLIC_DATABASE}
    verified = {**LIST, "DATABASE_URL": f"{PUBLIC_DATABASE}?sslmode=verify-full"}

    unverified = ("DATABASE_URL", Severity.WARNING, "database-unverified")
    assert brief(found(public)) == [unverified, *RAILWAY_WILL_TELL]
    assert brief(found(verified)) == RAILWAY_WILL_TELL


def test_nothing_is_wrong_with_a_staging_that_has_the_list() -> None:
    assert found({**STAGING}, Environment.STAGING) == ()


def test_development_needs_nothing() -> None:
    assert found({}, Environment.DEVELOPMENT) == ()


def test_an_empty_staging_is_only_advised_to_watch() -> None:
    findings = found({}, Environment.STAGING)

    assert {one.rule for one in findings} == {"recommended-monitoring"}


def test_sealed_variables_are_there_and_no_rule_asks_what_they_hold() -> None:
    given = Variables(values=SETTLED, source="here", sealed=frozenset(LIST))

    assert validate(given, Environment.PRODUCTION, now=NOW)[1] == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_why_and_what_to_do(rule: object) -> None:
    [one] = [one for one in RULES if one is rule]

    assert one.reason
    assert one.remedy
    assert one.severity
    assert all(name in KNOWN or knob_of(name) for name in one.variables)
    assert one.variables


def test_no_two_rules_have_one_name() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_only_expiry_and_old_keys_depend_on_the_clock() -> None:
    assert {
        *("supabase-key-expired", "supabase-key-expiring", "previous-key-kept"),
        "rotation-to-come",
    } == TIMED


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_no_clock_decides_is_found_at_any_time(case: Case) -> None:
    given = Variables(values=variables_of(case), source=PROCESS if case.own else "here")
    later = validate(given, case.environment, now=NOW.replace(year=2126))[1]

    untimed = [one for one in case.expected if one[2] not in TIMED]
    assert [one for one in brief(later) if one[2] not in TIMED] == untimed


def test_a_finding_says_where_its_variable_stands() -> None:
    given = Variables(
        values={**LIST, **SETTLED, "DEBUG": "1"},
        source="some.env",
        places={"DEBUG": "some.env, line 12"},
    )

    [finding] = validate(given, Environment.PRODUCTION, now=NOW)[1]
    assert finding.source == "some.env, line 12"


def test_it_is_fast_enough_for_every_start() -> None:
    crowd = {f"SOMEBODY_ELSES_{number}_VARIABLE": "x" for number in range(100)}
    given = Variables(values={**LIST, **crowd}, source="here")
    validate(given, Environment.PRODUCTION)  # Pydantic builds its validators once

    best = min(_seconds(given) for _ in range(5))
    assert best < 0.02  # seconds; 1 to 2 ms where nothing else runs


def _seconds(given: Variables) -> float:
    begun = time.perf_counter()
    validate(given, Environment.PRODUCTION, now=NOW)
    return time.perf_counter() - begun
