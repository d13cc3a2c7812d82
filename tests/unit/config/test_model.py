import pytest

from app.backend.config.environment import read_config


@pytest.mark.parametrize(
    ("variables", "debug", "rate_limit"),
    [
        ({"ENVIRONMENT": "production"}, False, True),
        ({"ENVIRONMENT": "prod"}, False, True),
        ({"ENVIRONMENT": "production", "DEBUG": ""}, False, True),
        ({"ENVIRONMENT": "production", "DEBUG": "perhaps"}, False, True),
        ({"ENVIRONMENT": "production", "RATE_LIMIT_ENABLED": "perhaps"}, False, True),
        ({"ENVIRONMENT": "staging"}, False, True),
        ({}, True, False),
        (
            {"ENVIRONMENT": "production", "DEBUG": "1", "RATE_LIMIT_ENABLED": "0"},
            True,
            False,
        ),
        ({"DEBUG": "no", "RATE_LIMIT_ENABLED": "yes"}, False, True),
    ],
)
def test_what_is_not_set_is_safe_outside_development(
    variables: dict[str, str], *, debug: bool, rate_limit: bool
) -> None:
    config = read_config(variables)

    assert (config.debug, config.rate_limit) == (debug, rate_limit)


RAILWAY = {
    "RAILWAY_ENVIRONMENT_NAME": "production",
    "RAILWAY_PUBLIC_DOMAIN": "app.up.railway.app",
    "RAILWAY_PRIVATE_DOMAIN": "app.railway.internal",
}
PROBE = "healthcheck.railway.app"


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, ()),
        ({"RAILWAY_ENVIRONMENT_NAME": "production"}, ()),
        ({"ALLOWED_HOSTS": "A.example, *.b.example"}, ("a.example", "*.b.example")),
        ({"PM33_PUBLIC_URL": "https://Your-App.example:8443/x"}, ("your-app.example",)),
        ({"PM33_PUBLIC_URL": "your-app.example"}, ()),
        ({"PM33_PUBLIC_URL": "https://[broken"}, ()),
        (RAILWAY, ("app.up.railway.app", "app.railway.internal", PROBE)),
        (
            RAILWAY | {"PM33_PUBLIC_URL": "https://app.up.railway.app"},
            ("app.up.railway.app", "app.railway.internal", PROBE),
        ),
        (RAILWAY | {"ALLOWED_HOSTS": "a.example"}, ("a.example",)),
    ],
)
def test_hosts_are_those_that_are_set_or_those_that_are_known(
    variables: dict[str, str], hosts: tuple[str, ...]
) -> None:
    assert read_config(variables).allowed_hosts == hosts
