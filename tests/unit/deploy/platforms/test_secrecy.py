import pytest

from app.backend.deploy.platforms.local.ground import redactor_for
from app.backend.deploy.platforms.secrecy import secrets_among


@pytest.mark.parametrize(
    "name", ["API_KEY", "SECRET_KEY_PREVIOUS", "DB_PASSWORD", "MY_THING"]
)
def test_what_is_named_like_a_secret_or_was_rotated_is_one(name: str) -> None:
    given = {name: "v4lue-1", "MODE": "quiet", "PM33_ROTATED": "MY_THING=2026-11-23"}

    assert [*secrets_among(given)] == ["v4lue-1"]


def test_a_url_may_hold_a_password_whatever_its_name() -> None:
    assert [*secrets_among({"WHERE": "amqp://me:pw@host"})] == ["amqp://me:pw@host"]


def test_what_is_sealed_empty_or_plain_is_none() -> None:
    assert [*secrets_among({"API_KEY": None, "TOKEN": "", "MODE": "quiet"})] == []


def test_a_deployments_log_hides_what_was_once_rotated_whatever_it_is_called() -> None:
    redactor = redactor_for({"MY_THING": "v4lue-1", "PM33_ROTATED": "MY_THING=x, A=y"})

    assert redactor.redact("started with v4lue-1") == "started with [redacted]"
