import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from app.backend.config.environment import (
    Config,
    Environment,
    get_config,
    knob_of,
    read_config,
)
from app.backend.config.model import fields
from app.backend.config.settings import CheckKnobs
from app.errors import ConfigError

FIELDS = {str(field.alias): (group, name) for group, field, name, _ in fields()}
SECRETS = [str(field.alias) for _, field, _, secret in fields() if secret]
KNOBS = [knob.upper() for knob in CheckKnobs.model_fields]

NAMING = ["ENVIRONMENT", "PM33_DEFAULT_ENVIRONMENT"]

UNUSABLE = {
    "DB_POOL_SIZE": ["0", "-1", "1001", "five", "1.5", " "],
    "PM33_DB_POOL_TIMEOUT": ["0", "-1", "nan", "inf", "soon", "86401"],
    "DB_SSL_REQUIRE": ["maybe", "2", "yes please"],
    "DB_SSL_VERIFY": ["paranoid", "FULL!"],
    "PM33_LOG_LEVEL": ["loud"],
    "PM33_LAME_DUCK": ["-1", "nan", "a while"],
    "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": ["-5"],
    "HEALTH_GATE_GRACE": ["-1", "nan"],
    "HEALTH_STALE_PERIODS": ["0.5", "101", "nan", "inf"],
    "HEALTH_DATABASE_PERIOD": ["0", "-1", "nan", "often"],
    "HEALTH_DATABASE_CRITICAL": ["perhaps"],
    "HEALTH_DATABASE_FALL": ["0", "101", "2.5"],
    "HEALTH_DATABASE_MIN_TIME": ["-1", "inf"],
    "HEALTH_AI_SERVICES_BUDGET": ["-1"],
}


def sole_problem(environ: dict[str, str]) -> tuple[Config, Any]:
    config = read_config(environ)
    [problem] = config.problems
    return config, problem


def test_an_empty_environment_is_a_usable_development_machine() -> None:
    config = read_config({})

    assert config.problems == ()
    assert config.is_development
    assert config.database.url is None
    assert config.server.port == 8000
    assert list(config.secrets()) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [(variable, value) for variable, values in UNUSABLE.items() for value in values],
)
def test_an_unusable_value_is_one_problem_that_names_the_variable(
    variable: str, value: str
) -> None:
    _, problem = sole_problem({variable: value})

    assert problem.variable == variable
    assert problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        ("DB_POOL_SIZE", 5),
        ("DB_SSL_REQUIRE", False),
        ("HEALTH_STALE_PERIODS", 3.0),
        ("PM33_LAME_DUCK", None),
    ],
)
def test_in_place_of_an_unusable_value_stands_the_default(
    variable: str, default: object
) -> None:
    config, _ = sole_problem({variable: "canary"})
    group, name = FIELDS[variable]

    assert getattr(getattr(config, group), name) == default


def test_all_problems_are_told_at_once_and_the_good_values_are_kept() -> None:
    wrong = {variable: values[0] for variable, values in UNUSABLE.items()}
    config = read_config(wrong | {"REDIS_URL": "redis://x", "HEALTH_CACHE_FALL": "4"})

    assert sorted(one.variable for one in config.problems) == sorted(wrong)
    assert config.services.redis_url == SecretStr("redis://x")
    assert config.health.checks["cache"] == CheckKnobs(fall=4)


@settings(deadline=None)
@given(
    variable=st.sampled_from(
        [*FIELDS, *NAMING, *(f"HEALTH_DATABASE_{knob}" for knob in KNOBS)]
    ),
    value=st.text(),
)
def test_no_problem_ever_repeats_a_value(variable: str, value: str) -> None:
    canary = f"<{value}>"
    try:
        told = [repr(one) for one in read_config({variable: canary}).problems]
    except ConfigError as error:
        told = [str(error), error.remedy]
        assert variable in {"HOST", "PORT"}

    assert not any(canary in text or repr(canary) in text for text in told)


@pytest.mark.parametrize("value", ["http", "-1", "65536", "80.5", "0x50"])
def test_without_a_usable_port_nothing_starts(value: str) -> None:
    with pytest.raises(ConfigError, match="PORT") as caught:
        read_config({"PORT": value})

    assert caught.value.exit_code == 78
    assert caught.value.remedy
    assert value not in str(caught.value)


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize("check", ["database", "ai_services", "min", "x_base", "s3"])
def test_every_check_is_set_by_its_own_variables(check: str, knob: str) -> None:
    values = {"ENABLED": "no", "CRITICAL": "yes", "SHARED": "1", "GATE": "0"}
    value = values | {"BACKOFF": "false", "BASE_URL": "http://x", "STATUS_URL": "x"}
    text = (value | {"PROBE": "sdk"}).get(knob, "7")
    config = read_config({f"HEALTH_{check.upper()}_{knob}": text})

    assert config.problems == ()
    given_ = config.health.checks[check].model_dump(exclude_none=True)
    expected = {"no": False, "yes": True, "1": True, "0": False, "false": False}
    assert given_ == {knob.lower(): expected.get(text, 7 if text == "7" else text)}


def test_knobs_of_one_check_are_collected_and_its_bad_ones_left_out() -> None:
    config = read_config(
        {
            "HEALTH_DATABASE_PERIOD": "2.5",
            "HEALTH_DATABASE_FALL": "none",
            "HEALTH_DATABASE_MIN_TIME": "0",
            "HEALTH_CACHE_RISE": "9",
        }
    )

    assert dict(config.health.checks) == {
        "database": CheckKnobs(period=2.5, min_time=0),
        "cache": CheckKnobs(rise=9),
    }
    assert [one.variable for one in config.problems] == ["HEALTH_DATABASE_FALL"]


@pytest.mark.parametrize(
    "variable", ["HEALTH_GATE_GRACE", "HEALTH_STALE_PERIODS", "HEALTH_LAG_WARNING"]
)
def test_the_health_systems_own_settings_are_no_checks(variable: str) -> None:
    assert read_config({variable: "5"}).health.checks == {}


@pytest.mark.parametrize(
    ("environ", "environment", "problems"),
    [
        ({"ENVIRONMENT": " Production "}, "production", 0),
        ({"ENVIRONMENT": "prod"}, "production", 1),
        ({"ENVIRONMENT": ""}, "development", 0),
        ({"RAILWAY_ENVIRONMENT_NAME": "staging"}, "staging", 0),
        ({"RAILWAY_ENVIRONMENT_NAME": "pr-12"}, "production", 0),
        (
            {"RAILWAY_ENVIRONMENT_NAME": "production", "ENVIRONMENT": "staging"},
            "staging",
            0,
        ),
        ({"RAILWAY_ENVIRONMENT_NAME": "staging", "ENVIRONMENT": "?"}, "production", 1),
        ({"PM33_DEFAULT_ENVIRONMENT": "Staging"}, "staging", 0),
        ({"PM33_DEFAULT_ENVIRONMENT": "prod"}, "production", 1),
        (
            {"PM33_DEFAULT_ENVIRONMENT": "prod", "ENVIRONMENT": "staging"},
            "staging",
            0,
        ),
    ],
)
def test_what_is_not_understood_is_production(
    environ: dict[str, str], environment: str, problems: int
) -> None:
    config = read_config(environ)

    assert config.environment is Environment(environment)
    assert len(config.problems) == problems


@pytest.mark.parametrize("variable", SECRETS)
def test_every_secret_can_come_from_a_file(variable: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-secret\n")
    config = read_config({f"{variable}_FILE": str(file)})

    assert config.problems == ()
    assert list(config.secrets()) == ["canary-secret"]


def test_a_value_beats_its_file() -> None:
    config = read_config({"JWT_SECRET": "canary", "JWT_SECRET_FILE": "/nowhere"})

    assert config.problems == ()
    assert list(config.secrets()) == ["canary"]


@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe", b"", b" \n"],
    ids=["missing", "binary", "empty", "only spaces"],
)
def test_a_secret_file_that_cannot_be_read_is_a_problem(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "canary-name"
    if content is not None:
        file.write_bytes(content)
    config, problem = sole_problem({"JWT_SECRET_FILE": str(file)})

    assert problem.variable == "JWT_SECRET_FILE"
    assert "canary" not in problem.message
    assert config.security.jwt_secret is None


@pytest.mark.parametrize("kind", ["pipe", "endless device", "folder"])
def test_a_file_that_may_have_no_end_is_not_read(kind: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = {"pipe": pipe, "endless device": Path("/dev/zero"), "folder": tmp_path}
    config, problem = sole_problem({"JWT_SECRET_FILE": str(path[kind])})

    assert problem.variable == "JWT_SECRET_FILE"
    assert config.security.jwt_secret is None


def test_a_secret_has_a_size_that_a_variable_could_have(tmp_path: Path) -> None:
    fits, too_large = tmp_path / "fits", tmp_path / "large"
    fits.write_text("x" * 131_072)
    too_large.write_text("x" * 131_073)

    assert read_config({"JWT_SECRET_FILE": str(fits)}).problems == ()
    _, problem = sole_problem({"JWT_SECRET_FILE": str(too_large)})
    assert "larger than 131072 bytes" in problem.message


def test_a_knob_of_a_check_that_may_not_exist_is_doubtful() -> None:
    config = read_config(
        {"HEALTH_CHECK_TIMEOUT": "soon", "HEALTH_DATABASE_TIMEOUT": "soon"}
    )

    assert {one.variable: one.is_doubtful for one in config.problems} == {
        "HEALTH_CHECK_TIMEOUT": True,
        "HEALTH_DATABASE_TIMEOUT": False,
    }


@pytest.mark.parametrize("knob", ["PERIOD", "TIMEOUT", "MIN_TIME"])
def test_a_knob_of_time_is_read_with_its_unit(knob: str) -> None:
    config = read_config({f"HEALTH_CACHE_{knob}": "2m"})

    assert config.problems == ()
    assert getattr(config.health.checks["cache"], knob.lower()) == 120


def test_the_redactor_gets_every_secret_and_no_text_shows_one() -> None:
    environ = {variable: f"canary-{number}" for number, variable in enumerate(SECRETS)}
    config = read_config(environ)

    assert len(SECRETS) > 20
    assert sorted(config.secrets()) == sorted(environ.values())
    for text in (repr(config), str(config), repr(config.model_dump())):
        assert "canary" not in text


@pytest.mark.parametrize(
    ("variable", "knob"),
    [
        ("HEALTH_DATABASE_MIN_TIME", ("database", "min_time")),
        ("HEALTH_GATE_GRACE", None),
        ("HEALTH_DATABASE_COLOUR", None),
        ("DATABASE_URL", None),
    ],
)
def test_a_knob_is_told_from_all_other_names(
    variable: str, knob: tuple[str, str] | None
) -> None:
    assert knob_of(variable) == knob


def test_lists_are_split_at_commas() -> None:
    config = read_config({"ALLOWED_HOSTS": " a.example, ,b.example,"})

    assert config.security.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ('["a.example", " b.example "]', ("a.example", "b.example")),
        ("[]", ()),
        ("[1]", ("[1]",)),
        ("[::1]", ("[::1]",)),
        ('"a.example"', ('"a.example"',)),
        ("[" * 100_000, ("[" * 100_000,)),
    ],
)
def test_a_list_of_jsons_is_one_too(text: str, hosts: tuple[str, ...]) -> None:
    assert read_config({"ALLOWED_HOSTS": text}).security.allowed_hosts == hosts


def test_a_configuration_does_not_change_once_it_is_read() -> None:
    config = read_config({})
    with pytest.raises(ValidationError):
        config.environment = Environment.PRODUCTION  # type: ignore[misc] # the mistake
    with pytest.raises(ValidationError):
        config.server.port = 1  # type: ignore[misc] # the mistake


def test_the_process_environment_is_what_get_config_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEALTH_QUEUE_PERIOD", "12")

    assert get_config().health.checks["queue"] == CheckKnobs(period=12)
