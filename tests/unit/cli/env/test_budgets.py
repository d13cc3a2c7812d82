"""Budgets of checks, as `pm33 env validate` foresees what the start refuses."""

import json

import pytest

from tests.support.env_command import ask

pytestmark = pytest.mark.usefixtures("own_logging")

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345"


def over_budget(**variables: str) -> list[dict[str, str]]:
    said = ask("--offline", "--json", ANTHROPIC_API_KEY=KEY, **variables)
    found: list[dict[str, str]] = json.loads(said.stdout)["findings"]
    return [one for one in found if one["rule"] == "check-budget"]


@pytest.mark.parametrize(
    ("variables", "blamed", "message"),
    [
        (
            {"HEALTH_ANTHROPIC_PERIOD": "5"},
            "HEALTH_ANTHROPIC_PERIOD",
            "its budget is 120",
        ),
        (
            {"HEALTH_ANTHROPIC_BUDGET": "10"},
            "HEALTH_ANTHROPIC_BUDGET",
            "its budget is 10",
        ),
        (
            {"HEALTH_DATABASE_BUDGET": "9"},
            "HEALTH_DATABASE_BUDGET",
            "its budget is 9",
        ),
    ],
)
def test_what_closes_the_gate_is_an_error_before(
    variables: dict[str, str], blamed: str, message: str
) -> None:
    [found] = over_budget(**variables)

    assert (found["variable"], found["severity"]) == (blamed, "error")
    assert message in found["message"]
    assert blamed.rpartition("_")[0] in found["remedy"]


@pytest.mark.parametrize(
    "variables",
    [
        {"HEALTH_ANTHROPIC_PERIOD": "60"},
        {"HEALTH_ANTHROPIC_PERIOD": "5", "HEALTH_ANTHROPIC_BUDGET": "0"},
        {"HEALTH_ANTHROPIC_PERIOD": "5", "HEALTH_ANTHROPIC_ENABLED": "false"},
        # Without a key nobody is asked, however often.
        {"HEALTH_OPENAI_PERIOD": "5"},
        {"HEALTH_ANTHROPIC_PROBE": "sdk"},
        # Somebody's own check, or one of the checks file.
        {"HEALTH_QUEUE_PERIOD": "1", "HEALTH_QUEUE_BUDGET": "1"},
    ],
)
def test_what_the_start_takes_is_none(variables: dict[str, str]) -> None:
    assert over_budget(**variables) == []
