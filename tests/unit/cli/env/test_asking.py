import json
import re
import socket

import pytest

from tests.support.canned_http import CannedService
from tests.support.env_command import KEY, ask, led_to, rules

pytestmark = pytest.mark.usefixtures("own_logging")


def test_each_configured_service_is_asked_once(anthropic: CannedService) -> None:
    said = ask("--verbose", **led_to(anthropic))

    assert said.exit_code == 0, said.output
    assert len(anthropic.asked) == 1
    assert said.stderr.splitlines()[1:] == ["asking 1 service, up to 10 s"]
    assert re.search(r"anthropic +\d+ ms  answered +ANTHROPIC_API_KEY", said.stdout)
    assert "1 service asked" in said.stdout


def test_offline_asks_nobody(anthropic: CannedService) -> None:
    said = ask("--offline", "--verbose", **led_to(anthropic))

    assert anthropic.asked == []
    assert len(said.stderr.splitlines()) == 1
    assert "no service was asked" in said.stdout


def test_who_refuses_us_is_an_error(anthropic: CannedService) -> None:
    anthropic.answers({"error": {"type": "authentication_error"}}, 401)
    said = ask("--json", **led_to(anthropic))

    assert said.exit_code == 1
    assert rules(said)["ANTHROPIC_API_KEY"] == "service-refused"


def test_who_cannot_be_reached_is_an_error_only_if_it_has_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    given = {
        "ANTHROPIC_API_KEY": KEY,
        "HEALTH_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
    }
    said, insisting = ask("--json", **given), ask("--json", "--connect", **given)

    assert (said.exit_code, insisting.exit_code) == (0, 1)
    assert rules(said)["ANTHROPIC_API_KEY"] == "service-unreachable"
    assert rules(insisting)["ANTHROPIC_API_KEY"] == "service-unreachable"


def test_a_key_that_is_known_to_be_wrong_is_shown_to_nobody(
    anthropic: CannedService,
) -> None:
    given = led_to(anthropic) | {"ANTHROPIC_API_KEY": "your-anthropic-key-here"}
    said = ask("--json", "-e", "production", **given)

    assert anthropic.asked == []
    assert json.loads(said.stdout)["not_asked"] == ["anthropic"]
