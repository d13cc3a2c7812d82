"""``pm33 env validate``, asked in this process."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.backend.config.environment import known_variables
from app.cli.env.validate import validate
from tests.support.canned_http import CannedService

__all__ = ["CLEAN", "KEY", "ask", "led_to", "rules", "written"]

CLEAN = dict.fromkeys(
    (*known_variables(), "ENVIRONMENT", "PM33_DEFAULT_ENVIRONMENT", "NO_COLOR")
)
"""Takes everything that the settings read out of a command's environment."""
KEY = "sk-ant-" + "api03-" + "c4naryC4NARY" * 8


def ask(*options: str, **variables: str) -> Result:
    """What the command says with these variables and no others."""
    return CliRunner(env={**CLEAN, **variables}).invoke(validate, options)


def led_to(service: CannedService) -> dict[str, str]:
    """A key of Anthropic's, and the service in its place."""
    return {"ANTHROPIC_API_KEY": KEY, "HEALTH_ANTHROPIC_BASE_URL": service.url}


def written(folder: Path, text: str, name: str = "some.env") -> str:
    """The path of a new file."""
    path = folder / name
    path.write_text(text)
    return str(path)


def rules(said: Result) -> dict[str, str]:
    """The variables and rules of the findings in JSON."""
    return {one["variable"]: one["rule"] for one in json.loads(said.stdout)["findings"]}
