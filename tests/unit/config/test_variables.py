import pytest

from app.backend.config.catalogue import catalogue
from app.backend.config.variables import PROCESS, Variables, may_be_shown


@pytest.mark.parametrize(
    "name", ["PATH", "http_proxy", "_", "DATABASE_URL_2", "S3_BUCKET", "A1"]
)
def test_what_is_written_as_names_are_may_be_shown(name: str) -> None:
    assert may_be_shown(name)


@pytest.mark.parametrize("name", [one for one in catalogue() if "<" not in one])
def test_every_known_name_may_be_shown(name: str) -> None:
    assert may_be_shown(name)
    assert may_be_shown(f"{name}_FILE")


@pytest.mark.parametrize(
    "text",
    [
        *("", "sk-ant-api03-x", "sk_live_51Nq8wKc2vTz", "MIIEvQIBADANBgkqhkiG9w0"),
        *("deadbeefcafe4711", "A" * 65, "9c4e1b7a2f8d0365", "letmein\n", "a b"),
    ],
)
def test_what_may_be_a_value_is_not(text: str) -> None:
    assert not may_be_shown(text)


def test_only_the_process_s_own_files_have_to_be_here() -> None:
    assert Variables(values={}, source=PROCESS).are_own
    assert not Variables(values={}, source="some.env").are_own
