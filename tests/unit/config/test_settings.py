import re

import pytest

from app.backend.config.environment import Config, read_config
from app.backend.config.model import fields
from app.backend.config.settings import CHECKS, CheckKnobs, parse_duration
from app.backend.health.checks.vendors import VENDORS
from app.backend.main import create_app

FIELDS = {str(field.alias): field for _, field, _, _ in fields()}
KNOBS = CheckKnobs.model_fields


@pytest.mark.parametrize(
    ("name", "description"),
    [(name, field.description or "") for name, field in (FIELDS | KNOBS).items()],
)
def test_every_variable_is_described_in_sentences(name: str, description: str) -> None:
    assert re.fullmatch(r"[A-Z].*[.]", description)
    assert "  " not in description
    assert len(description) < 240


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        (" 30M ", 1800.0),
        ("1.5h", 5400.0),
        ("30d", 30 * 86_400.0),
        ("d", "d"),
        ("1w", "1w"),
        ("a while", "a while"),
        (7.0, 7.0),
    ],
)
def test_a_duration_is_read_with_its_unit(text: object, seconds: object) -> None:
    assert parse_duration(text) == seconds


def test_the_checks_that_come_with_the_service_are_known_by_name() -> None:
    registry = create_app(read_config({}), chain_signals=False).health.registry
    vendors = {vendor.name for vendor in VENDORS}

    assert {*vendors, *(one.name for one in registry)} == CHECKS


@pytest.mark.parametrize(
    ("disabled", "uses"), [("", True), ("stripe", True), (" Sentry , stripe", False)]
)
def test_a_service_is_in_use_unless_it_is_named(disabled: str, *, uses: bool) -> None:
    services = read_config({"PM33_DISABLED_SERVICES": disabled}).services

    assert services.uses("sentry") is uses


def keys(config: Config) -> dict[str, list[str]]:
    chosen = {
        "SECRET_KEY": config.security.secret_keys,
        "JWT_SECRET": config.security.jwt_secrets,
        "STRIPE_WEBHOOK_SECRET": config.services.stripe_webhook_secrets,
    }
    return {
        name: [one.get_secret_value() for one in held] for name, held in chosen.items()
    }


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET", "STRIPE_WEBHOOK_SECRET"])
@pytest.mark.parametrize(
    ("current", "previous", "accepted"),
    [
        ("new", "old", ["new", "old"]),
        ("new", "", ["new"]),
        ("", "", []),
        ("", "old", []),
    ],
)
def test_the_first_key_signs_and_the_previous_one_is_still_accepted(
    name: str, current: str, previous: str, accepted: list[str]
) -> None:
    config = read_config({name: current, f"{name}_PREVIOUS": previous})
    nothing: dict[str, list[str]] = {other: [] for other in keys(config)}

    assert keys(config) == nothing | {name: accepted}


@pytest.mark.parametrize(
    ("variables", "days"), [({}, 30), ({"PM33_PREVIOUS_KEY_TTL": "7d"}, 7)]
)
def test_a_previous_key_may_be_kept_for_this_long(
    variables: dict[str, str], days: int
) -> None:
    assert read_config(variables).security.previous_key_ttl == days * 86_400


@pytest.mark.parametrize("text", ["-1d", "inf", "nan", "3651d", "a while"])
def test_a_time_that_no_calendar_holds_is_a_problem(text: str) -> None:
    config = read_config({"PM33_PREVIOUS_KEY_TTL": text})

    assert [one.variable for one in config.problems] == ["PM33_PREVIOUS_KEY_TTL"]
    assert config.security.previous_key_ttl == 30 * 86_400


def test_the_days_of_rotations_are_kept_as_they_are_written() -> None:
    text = "SECRET_KEY=2026-11-23,JWT_SECRET=2026-11-01"

    assert read_config({"PM33_ROTATED": text}).security.rotated == text
