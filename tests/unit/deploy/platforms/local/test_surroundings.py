"""What a release's processes are given."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.surroundings import (
    Surroundings,
    build_environment,
    drain_variables,
    git_environment,
)
from app.backend.server import plan_drain

HERE = Surroundings(
    home=Path("/home"),
    environment="staging",
    deployment="dep-1",
    commit="c0ffee",
    variables={"PM33_CLOSE_TIMEOUT": "9", "PM33_COMMIT": "mine", "COLOUR": "blue"},
    checkout=Path("/releases/c0ffee"),
    programs=Path("/venv/bin"),
)


@given(st.floats(min_value=0.1, max_value=3600))
def test_the_services_own_drain_ends_before_sigkill(seconds: float) -> None:
    plan, _ = plan_drain(read_config(drain_variables(seconds)))

    assert plan.lame_duck == 0
    assert 0.8 * seconds <= plan.total < seconds or plan.total >= seconds - 2.1


def test_the_platforms_names_beat_the_services_except_for_the_drain() -> None:
    settings = ServiceSettings(start_command="serve", draining_seconds=30)

    given = HERE.of_replica(2, Path("/run/2.sock"), settings)

    assert given["PM33_COMMIT"] == "c0ffee"
    assert given["PM33_CLOSE_TIMEOUT"] == "9"
    assert given["PM33_DRAIN_TIMEOUT"] == "25"
    assert given["PM33_REPLICA_ID"] == "dep-1-2"
    assert given["PM33_SOCKET"] == "/run/2.sock"
    assert given["PATH"].startswith("/venv/bin:")
    assert given["PYTHONPATH"] == "/releases/c0ffee"
    assert given["COLOUR"] == "blue"


def test_a_command_has_no_socket_and_no_replica() -> None:
    assert not {"PM33_SOCKET", "PM33_REPLICA_ID"} & set(HERE.of_command())


def test_code_of_strangers_is_built_without_the_shells_secrets() -> None:
    known = {
        "PATH": "/bin",
        "HOME": "/home",
        "PIP_INDEX_URL": "https://index",
        "UV_CACHE_DIR": "/cache",
        "HTTPS_PROXY": "http://proxy",
        "no_proxy": "localhost",
        "SSL_CERT_FILE": "/certs",
    }
    secrets = {"RAILWAY_TOKEN": "t", "DATABASE_URL": "u", "UV_PUBLISH_TOKEN": "p"}

    assert build_environment(known | secrets) == known


def test_git_is_not_led_to_another_repository() -> None:
    own = {"GIT_DIR": "/elsewhere", "GIT_CONFIG_COUNT": "1", "SSH_AUTH_SOCK": "/agent"}

    given = git_environment(own)

    assert given["SSH_AUTH_SOCK"] == "/agent"
    assert {name for name in given if name.startswith("GIT_")} == {
        "GIT_TERMINAL_PROMPT"
    }
