from pathlib import Path

import pytest

from app.backend.config.variables import Variables
from app.cli.env.faults import Spot, spot_of
from app.cli.env.sources import (
    PROCESS_PLACE,
    environment_of,
    load_files,
    load_source,
    refuse_ambiguous,
    secrets_of,
)
from app.errors import UnreadableSourceError


def written(folder: Path, content: str | bytes, name: str = "some.env") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_process_environment_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PM33_COMMIT", "c0ffee")
    found = load_source("process")

    assert found.values["PM33_COMMIT"] == "c0ffee"
    assert found.place("PM33_COMMIT") == PROCESS_PLACE


def test_a_file_tells_the_line_of_each_variable(tmp_path: Path) -> None:
    path = written(tmp_path, "# first\nPORT=80\n\nexport SECRET_KEY='a b'\n")
    found = load_source(str(path))

    assert found.values == {"PORT": "80", "SECRET_KEY": "a b"}
    assert found.source == str(path)
    assert found.place("SECRET_KEY") == f"{path}, line 4"
    assert found.place("JWT_SECRET") == str(path)


def test_several_files_are_one_source(tmp_path: Path) -> None:
    first = written(tmp_path, "PORT=80\n", "a.env")
    second = written(tmp_path, "HOST=::\n", "b.env")
    found = load_files((first, second))

    assert found.values == {"PORT": "80", "HOST": "::"}
    assert found.source == f"{first} and {second}"
    assert found.place("HOST") == f"{second}, line 1"


def test_what_two_files_set_is_refused_with_both_places(tmp_path: Path) -> None:
    first = written(tmp_path, "A=1\nPORT=80\n", "a.env")
    second = written(tmp_path, "PORT=80\n", "b.env")

    with pytest.raises(UnreadableSourceError) as raised:
        load_files((first, second))

    told = f"{second}, line 1 sets PORT, which {first}, line 2 sets as well"
    assert str(raised.value) == told
    assert raised.value.remedy
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", ""),
        ("# nothing\n", ""),
        (b"\x89PNG\r\n\x1a\n\x00\xff", ", line 1"),
        (b"A=1\nB=\xff\xfe\n", ", line 2"),
        ("A=1\nB=" + "canary" * 170_000 + "\n", ", line 2"),
        ("A=canary\nB=1\nA=canary\n", ", line 3"),
        ("\ufeffA=canary\n", ", line 1"),
        ("A=1\nB=canary\r\n", ", line 2"),
        ("A=1\nSECRET_KEY canary\n", ", line 2"),
        ("A=can\0ary\n", ", line 1"),
    ],
    ids=[
        *("empty", "comments alone", "a picture", "another encoding", "1 MB line"),
        *("a name twice", "byte order mark", "CRLF", "no assignment", "NUL"),
    ],
)
def test_what_cannot_be_read_is_told_by_file_and_line(
    content: str | bytes, line: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)

    with pytest.raises(UnreadableSourceError) as raised:
        load_source(str(path))

    assert str(raised.value).startswith(f"{path}{line} ")
    assert raised.value.exit_code == 2
    assert raised.value.remedy
    assert "canary" not in f"{raised.value}{raised.value.remedy}"
    assert raised.value.__cause__ is None
    [(spot, _), *_] = raised.value.spots
    assert str(spot) == f"{path}{line}"


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    first = written(tmp_path, "nonsense\nmore nonsense\nA=1\n", "a.env")
    second = written(tmp_path, "", "b.env")

    with pytest.raises(UnreadableSourceError) as raised:
        load_files((first, second))

    places = [str(spot) for spot, _ in raised.value.spots]
    assert places == [f"{first}, line 1", f"{first}, line 2", str(second)]
    assert len(str(raised.value).splitlines()) == 3


def test_of_very_many_faults_the_first_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "nonsense\n" * 1000)

    with pytest.raises(UnreadableSourceError, match="and 980 more"):
        load_source(str(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.env", tmp_path):
        with pytest.raises(UnreadableSourceError, match="cannot be read") as raised:
            load_source(str(path))
        assert str(path) in str(raised.value)


@pytest.mark.parametrize("name", ["local:", "local:prod", "railway:nowhere"])
def test_a_platform_has_known_environments_only(name: str) -> None:
    with pytest.raises(UnreadableSourceError, match="names no environment") as raised:
        load_source(name)
    assert "production" in raised.value.remedy


def test_railway_without_a_token_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnreadableSourceError, match="no token") as raised:
        load_source("railway:production")
    assert "RAILWAY_TOKEN" in raised.value.remedy


def test_a_local_platform_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PM33_HOME", str(tmp_path))
    with pytest.raises(UnreadableSourceError, match="has not been set up") as raised:
        load_source("local:development")
    assert "pm33 platform up" in raised.value.remedy


def test_a_platforms_source_names_the_environment() -> None:
    assert environment_of("local:Staging") == "staging"
    assert environment_of("process") is None
    assert environment_of("./prod.env") is None


def test_a_secret_given_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    text = "SECRET_KEY=canary\nSECRET_KEY_FILE=/run/secret\n"
    path = written(tmp_path, text)

    with pytest.raises(UnreadableSourceError) as raised:
        refuse_ambiguous(load_source(str(path)))

    assert str(raised.value) == (
        f"{path}, line 2 sets SECRET_KEY_FILE, and {path}, line 1 sets SECRET_KEY"
        " as well"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"SECRET_KEY": "", "SECRET_KEY_FILE": "/run/secret"},
        {"SECRET_KEY": "a", "SECRET_KEY_FILE": ""},
        {"PORT": "80", "PORT_FILE": "/run/port"},
    ],
    ids=["no value", "no file", "no secret"],
)
def test_what_can_be_meant_one_way_only_is_not_refused(values: dict[str, str]) -> None:
    refuse_ambiguous(Variables(values=values, source="here"))


def test_a_place_is_read_back_as_file_and_line() -> None:
    assert spot_of("a, line 3.env, line 12") == Spot("a, line 3.env", 12)
    assert spot_of(PROCESS_PLACE) is None


def test_secrets_are_found_by_name_in_files_and_behind_a_typo(tmp_path: Path) -> None:
    file = written(tmp_path, "canary-of-a-file\n", "secret")
    values = {
        "SECRET_KEY": " 'canary-quoted' ",
        "JWT_SECRET_FILE": str(file),
        "ANTROPIC_API_KEY": "canary-misspelt",
        "SENTRY_DNS": "canary-dns",
        "MY_OWN_TOKEN": "canary-token",
        "PORT": "eighty",
        "PM33_COMMIT": "c0ffee",
        "LANG": "C.UTF-8",
    }
    found = set(secrets_of(Variables(values=values, source="here")))

    assert found >= {
        *("canary-quoted", "canary-of-a-file", "canary-misspelt"),
        *("canary-dns", "canary-token"),
    }
    assert found.isdisjoint({"c0ffee", "C.UTF-8", "eighty", str(file)})
