from pathlib import Path

import pytest

from app.cli.delivery import Delivery
from app.errors import ConfigError
from tests.support.captured_logs import captured_logs


def test_a_deploy_never_runs_with_a_default_in_place_of_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PM33_HOME", str(tmp_path))
    monkeypatch.setenv("PM33_BAKE", "soon")
    with captured_logs({}), pytest.raises(ConfigError, match="PM33_BAKE") as refused:
        Delivery.into("development").refuse_unusable()

    assert refused.value.remedy == "correct the value; without one its default counts"
