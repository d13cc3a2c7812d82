import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.database_url import (
    SSL_MODES,
    UNUSABLE_REMEDY,
    UnusableDatabaseUrlError,
    read_database_url,
)
from app.backend.config.environment import read_config


def test_a_url_is_read_as_it_is_written() -> None:
    url = read_database_url(" postgresql+asyncpg://u:p%40@h:5433/d?sslmode=require\n")

    assert (url.host, url.port, url.user) == ("h", 5433, "u")
    assert (url.password, url.database) == ("p@", "d")
    assert url.parameters == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mysql://u:canary@h/d", "it does not begin with postgresql://"),
        ("canary", "it does not begin with postgresql://"),
        ("postgresql://u:W[canary@h/d", "its host or port cannot be read"),
        (
            "postgresql://u:canary/pw@h/d",
            "its password holds a /, ? or # that is not percent-encoded",
        ),
        ("postgresql://h/d?port=canary", "its port is none"),
        (
            "postgresql://h/d?sslmode=canary",
            f"its sslmode is none of {', '.join(SSL_MODES)}",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_words_without_it(
    text: str, reason: str
) -> None:
    with pytest.raises(UnusableDatabaseUrlError) as caught:
        read_database_url(text)

    assert caught.value.reason == reason
    assert reason in str(caught.value)
    assert caught.value.remedy == UNUSABLE_REMEDY


@given(st.text())
def test_whatever_it_says_it_is_read_or_refused(rest: str) -> None:
    try:
        url = read_database_url(f"postgresql://{rest}")
    except UnusableDatabaseUrlError:
        return
    assert 0 < url.port < 65_536


def test_no_text_of_it_shows_its_password() -> None:
    url = read_database_url("postgresql://u:canary@h/d?password=canary")

    assert "canary" not in repr(url)


@pytest.mark.parametrize(
    ("text", "pooled"),
    [
        ("postgresql://a.pooler.supabase.com:6543/d", True),
        ("postgresql://a.pooler.supabase.com:5432/d", False),
        ("postgresql://h:6432/d", True),
        ("postgresql://ep-x-pooler.neon.tech/d", True),
        ("postgresql://h/d?pgbouncer=true", True),
        ("postgresql://h/d", False),
    ],
)
def test_a_transaction_pooler_is_recognised(text: str, *, pooled: bool) -> None:
    assert read_database_url(text).goes_through_a_transaction_pooler is pooled


@pytest.mark.parametrize(
    ("query", "variables", "path"),
    [
        ("", {}, None),
        ("?sslrootcert=/theirs", {}, "/theirs"),
        ("?sslrootcert=system", {}, None),
        ("?sslrootcert=/theirs", {"DB_SSL_CA": "/ours"}, "/ours"),
    ],
)
def test_the_setting_beats_the_url_s_certificate(
    query: str, variables: dict[str, str], path: str | None
) -> None:
    settings = read_config(variables).database

    assert read_database_url(f"postgresql://h/d{query}").ssl_ca(settings) == path
