"""What the reader is told before a deploy to Railway."""

from dataclasses import replace
from typing import Any

import pytest

from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.railway.judging import HEALTH_PATH, Setup, judge
from app.backend.deploy.platforms.railway.keys import canonical
from app.backend.deploy.platforms.railway.tokens import TokenKind

OVERLAP = "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS"
DRAIN = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
GOOD: dict[str, Any] = {
    "healthcheckPath": HEALTH_PATH,
    "overlapSeconds": 20,
    "drainingSeconds": 30,
}


def setup(wanted: dict[str, Any] | None = None, **facts: Any) -> Setup:
    """A service with nothing to say of, but for what is given."""
    given = canonical(GOOD if wanted is None else wanted)
    stored = facts.pop("stored", given)
    return Setup(wanted=given, stored=stored, **facts)


def code_of(found: tuple[Concern, ...]) -> list[tuple[str, str]]:
    return [(one.code, one.severity) for one in found]


def test_of_a_service_as_it_should_be_there_is_nothing_to_say() -> None:
    assert judge(setup()) == ()


def test_a_project_token_may_not_be_allowed_to_roll_back() -> None:
    first = setup(token=TokenKind.PROJECT)
    assert judge(first) == (), "there is nothing to go back to"
    (found,) = judge(replace(first, serving=first.wanted))
    assert (found.code, found.severity) == ("token_may_not_roll_back", "info")
    assert "RAILWAY_API_TOKEN" in found.remedy


def test_with_railways_defaults_requests_will_be_lost() -> None:
    (found,) = judge(setup({"healthcheckPath": HEALTH_PATH}))

    assert (found.code, found.severity) == ("requests_will_be_lost", "warning")
    assert "overlapSeconds is 0" in found.text
    assert "drainingSeconds is 0" in found.text
    assert "railway.toml" in found.remedy


@pytest.mark.parametrize("name", ["overlapSeconds", "drainingSeconds"])
def test_one_of_both_is_enough_to_lose_requests(name: str) -> None:
    (found,) = judge(setup(GOOD | {name: 0}))
    assert found.code == "requests_will_be_lost"
    assert f"{name} is 0" in found.text
    assert found.text.count(" is 0") == 1


def test_the_variables_of_the_same_meaning_count_as_well() -> None:
    bare = {"healthcheckPath": HEALTH_PATH}
    both = {OVERLAP: "20", DRAIN: "30"}
    assert judge(setup(bare, variables=both)) == ()
    (found,) = judge(setup(bare, variables={OVERLAP: "20", DRAIN: "0"}))
    assert "drainingSeconds is 0" in found.text
    assert "overlap" not in found.text


@pytest.mark.parametrize("value", ["", "soon", None, "nan", "-1"])
def test_a_variable_that_says_nothing_saves_no_request(value: str | None) -> None:
    bare = {"healthcheckPath": HEALTH_PATH, "drainingSeconds": 30}
    (found,) = judge(setup(bare, variables={OVERLAP: value}))
    assert "overlapSeconds is 0" in found.text


@pytest.mark.parametrize(("setting", "variable"), [(20, 0), (0, 20)])
def test_setting_and_variable_that_disagree_are_told_of(
    setting: int, variable: int
) -> None:
    wanted = GOOD | {"overlapSeconds": setting}
    (found,) = judge(setup(wanted, variables={OVERLAP: str(variable)}))
    assert found.code == "requests_will_be_lost"
    assert "may be lost" in found.text
    assert f"overlapSeconds is {setting} and {OVERLAP} {variable}" in found.text
    assert judge(setup(variables={OVERLAP: "5"})) == ()


def test_a_release_that_serves_without_overlap_may_lose_requests_once_more() -> None:
    serving = canonical({"drainingSeconds": 30})
    (found,) = judge(setup(serving=serving))
    assert found.code == "requests_will_be_lost"
    assert "may be lost at this switch: overlapSeconds was 0" in found.text


def test_with_a_volume_no_setting_helps() -> None:
    found = judge(setup({"healthcheckPath": HEALTH_PATH}, volumes=("/data",)))
    assert code_of(found) == [("volume", "warning")]
    assert "/data" in found[0].text


@pytest.mark.parametrize(
    ("wanted", "code", "severity"),
    [
        ({"cronSchedule": "0 * * * *"}, "cron", "error"),
        ({"sleepApplication": True}, "serverless", "warning"),
        ({"healthcheckPath": None}, "no_health_path", "warning"),
        ({"healthcheckPath": "/health"}, "foreign_health_path", "warning"),
    ],
)
def test_each_setting_has_its_own_code(
    wanted: dict[str, Any], code: str, severity: str
) -> None:
    found = judge(setup(GOOD | wanted))
    assert code_of(found) == [(code, severity)]
    assert found[0].remedy


def test_the_startup_gate_may_be_asked_with_a_slash_or_a_query() -> None:
    for path in (f"{HEALTH_PATH}/", f"{HEALTH_PATH}?verbose"):
        assert judge(setup(GOOD | {"healthcheckPath": path})) == ()


def test_a_domain_that_goes_to_another_port_is_told_of() -> None:
    domains = [("a.example", None), ("b.example", 8000), ("c.example", 9000)]

    (found,) = judge(setup(domains=domains, variables={"PORT": "8000"}))

    assert (found.code, found.severity) == ("target_port", "warning")
    assert "c.example goes to 9000" in found.text
    assert "b.example" not in found.text
    # Without a PORT of its own Railway gives one, and tells which to nobody.
    assert judge(setup(domains=domains)) == ()


@pytest.mark.parametrize(
    ("enabled", "severity"), [(True, "info"), (False, None), (None, "warning")]
)
def test_a_push_that_deploys_by_itself_is_told_of(
    enabled: bool | None,  # noqa: FBT001 - a case of the table
    severity: str | None,
) -> None:
    found = judge(setup(autodeploy=enabled))
    assert code_of(found) == ([("autodeploy", severity)] if severity else [])


@pytest.mark.parametrize(
    ("plan", "bake", "severity"),
    [
        ("hobby", 1800.0, "info"),
        ("hobby", None, "info"),
        ("free", 86_400.0, "warning"),
        ("unheard-of", 86_400.0, None),
        (None, 86_400.0, None),
    ],
)
def test_how_long_an_image_is_kept_depends_on_the_plan(
    plan: str | None, bake: float | None, severity: str | None
) -> None:
    found = judge(setup(plan=plan, bake=bake))
    assert code_of(found) == ([("retention", severity)] if severity else [])


def test_what_is_stored_with_the_deploy_is_said_before() -> None:
    (found,) = judge(setup(stored=canonical(GOOD | {"overlapSeconds": 0})))
    assert (found.code, found.severity) == ("settings_applied", "info")
    assert "overlapSeconds 0 -> 20" in found.text


def test_no_value_of_a_variable_is_shown() -> None:
    secret = "a-secret-value"
    one = setup({}, variables={OVERLAP: secret, "PORT": secret, "SECRET_KEY": secret})
    one = replace(one, domains=[("a.example", 1)], autodeploy=True, plan="pro")
    assert secret not in repr(one)
    assert secret not in repr(judge(one))


def test_a_service_that_is_made_from_an_image_builds_no_commit() -> None:
    (found,) = judge(setup(image="registry.example/shop:3"))
    assert (found.code, found.severity) == ("image_source", "error")
    assert "registry.example/shop:3" in found.text
    assert "PM33_RAILWAY_SERVICE" in found.remedy
