import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.urls import (
    host_of,
    is_http,
    is_railways_own,
    is_this_machine,
    keeps_secrets,
    split_url,
)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://Pm33.App:8443/x", "pm33.app"),
        (" https://pm33.app\n", "pm33.app"),
        ("https://[fd12::1]/", "fd12::1"),
        ("pm33.app", None),
        ("https://[broken", None),
        ("https://pm33.app:x/", None),
        ("", None),
        (None, None),
    ],
)
def test_a_host_is_read_where_there_is_one(text: str | None, host: str | None) -> None:
    assert host_of(text) == host


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    split_url(f"https://{text}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://pm33.app", True),
        ("http://localhost:1", True),
        ("ftp://pm33.app", False),
        ("https://", False),
        ("https://pm33.app:port", False),
        ("pm33.app", False),
    ],
)
def test_a_browser_opens_http_only(text: str, *, expected: bool) -> None:
    assert is_http(text) is expected


@pytest.mark.parametrize(
    "host",
    [*("localhost", "db.localhost", "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::")],
)
def test_this_machine_has_many_names(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.pm33.app", "notlocalhost", "10.0.0.1", "128.0.0.1"]
)
def test_another_machine_does_not_pass_for_this_one(host: str) -> None:
    assert not is_this_machine(host)


def test_a_public_host_does_not_pass_for_one_of_railways_network() -> None:
    assert is_railways_own("postgres.railway.internal")
    assert not is_railways_own("postgres.railway.internal.io")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://pm33.app/x?y=z", True),
        ("http://127.0.0.1:1/", True),
        ("http://[::1]/", True),
        ("http://localhost", True),
        ("http://pm33.app", False),
        ("http://10.0.0.7", False),
        ("http://localhost.pm33.app", False),
        ("ftp://localhost", False),
        ("https://", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_a_secret_may_go_out_by_tls_or_not_leave_the_machine(
    text: str,
    expected: bool,  # noqa: FBT001 - a column
) -> None:
    assert keeps_secrets(text) == expected
