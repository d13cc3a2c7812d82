"""What the checks file takes from variables is known, and known as secret."""

from pathlib import Path

import pytest

from app.backend.config.environment import configured_secrets, read_config
from app.backend.config.references import referenced


def checks(folder: Path, text: str) -> dict[str, str]:
    path = folder / "checks.toml"
    path.write_text(text, encoding="utf-8")
    return {"HEALTH_CHECKS_FILE": str(path)}


def test_only_what_is_referred_to_is_taken_over(tmp_path: Path) -> None:
    given = checks(tmp_path, "url = '${SHOP_URL}/${SHOP_KEY}/${SHOP_URL}' # ${UNSET}")
    environ = {**given, "SHOP_URL": "https://a", "SHOP_KEY": "b", "OTHER": "c"}
    found = read_config(environ).health.references

    assert {name: one.get_secret_value() for name, one in found.items()} == {
        "SHOP_URL": "https://a",
        "SHOP_KEY": "b",
    }


def test_a_reference_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of-the-shop\n", encoding="utf-8")
    given = checks(tmp_path, "${SHOP_KEY}")
    config = read_config({**given, "SHOP_KEY_FILE": str(tmp_path / "key")})

    assert config.health.references["SHOP_KEY"].get_secret_value() == "of-the-shop"


def test_a_secret_file_that_cannot_be_read_is_a_problem_once(tmp_path: Path) -> None:
    given = checks(tmp_path, "${SHOP_KEY} ${SECRET_KEY}")
    nowhere = str(tmp_path / "none")
    files = {"SHOP_KEY_FILE": nowhere, "SECRET_KEY_FILE": nowhere}
    problems = read_config({**given, **files}).problems

    assert sorted(one.variable for one in problems) == [*sorted(files)]


def test_they_are_secrets_unless_a_setting_says_that_they_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = checks(tmp_path, "${SHOP_KEY} ${PORT} ${ENVIRONMENT}")
    environ = {**given, "SHOP_KEY": "abc", "PORT": "81", "ENVIRONMENT": "staging"}

    assert [*read_config(environ).secrets()] == ["abc"]
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    secrets = configured_secrets()
    assert "abc" in secrets
    assert "81" not in secrets


@pytest.mark.parametrize("path", ["", ".", "/dev/null", "no/such/file", "nul\0"])
def test_a_file_that_cannot_be_read_refers_to_nothing(path: str) -> None:
    assert referenced(path) == ()
    assert read_config({"HEALTH_CHECKS_FILE": path}).health.references == {}
