import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.backend.config.environment import read_config
from app.backend.database.target import DatabaseTarget, parse_target
from app.errors import ConfigError

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def target(url: str, **variables: str) -> DatabaseTarget:
    return parse_target(SecretStr(url), read_config(variables).database)


def seen(url: str, **variables: str) -> dict[str, Any]:
    """What asyncpg is given."""
    return target(url, **variables).connect_arguments("test")


PROVIDERS = {
    "railway, private": (
        "postgresql://postgres:pw@postgres.railway.internal:5432/railway",
        {"host": "postgres.railway.internal", "database": "railway", "ssl": "prefer"},
    ),
    "railway, public": (
        "postgres://postgres:pw@junction.proxy.rlwy.net:41234/railway",
        {"host": "junction.proxy.rlwy.net", "port": 41234},
    ),
    "supabase, transaction pooler": (
        "postgresql://postgres.abcd:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        {"user": "postgres.abcd", "port": 6543, "statement_cache_size": 0},
    ),
    "supabase, direct": (
        "postgresql://postgres:pw@db.abcd.supabase.co:5432/postgres",
        {"host": "db.abcd.supabase.co", "statement_cache_size": 100},
    ),
    "neon, pooled": (
        (
            "postgresql://u:pw@ep-a-b-123-pooler.eu-central-1.aws.neon.tech/neondb"
            "?sslmode=require&channel_binding=require"
        ),
        {"database": "neondb", "ssl": "require", "statement_cache_size": 0},
    ),
    "neon, endpoint in the options": (
        "postgresql://u:pw@ep-a.aws.neon.tech/neondb?options=endpoint%3Dep-a",
        {
            "server_settings": {
                "application_name": "test",
                "options": "endpoint=ep-a",
            },
        },
    ),
    "prisma behind pgbouncer": (
        (
            "postgresql://u:pw@h:5432/d?schema=public&pgbouncer=true"
            "&connection_limit=1&pool_timeout=20&connect_timeout=30"
        ),
        {"statement_cache_size": 0, "port": 5432},
    ),
    "sqlalchemy with asyncpg": (
        "postgresql+asyncpg://u:pw@h/d?ssl=require&prepared_statement_cache_size=0",
        {"ssl": "require", "port": 5432},
    ),
    "sqlalchemy with psycopg": ("postgresql+psycopg://u:pw@h/d", {"host": "h"}),
    "an own pgbouncer": ("postgresql://u:pw@h:6432/d", {"statement_cache_size": 0}),
    "unix socket in the query": (
        "postgresql:///d?host=/var/run/postgresql&user=u&port=5433",
        {"host": "/var/run/postgresql", "port": 5433, "user": "u", "database": "d"},
    ),
    "unix socket as the host": (
        "postgresql://u@%2Fvar%2Frun%2FPostgreSQL:5433/d",
        {"host": "/var/run/PostgreSQL", "port": 5433},
    ),
    "ipv6": ("postgresql://u:pw@[fd12::1]:5433/d", {"host": "fd12::1", "port": 5433}),
    "percent-encoded": (
        "postgresql://us%40er:p%40ss%2F%3A%23w%25rd@h/d%20b",
        {"user": "us@er", "password": "p@ss/:#w%rd", "database": "d b"},
    ),
    "percent-encoded in the query": (
        "postgresql://h/d?user=u&password=100%2541",
        {"password": "100%41"},
    ),
    "a host alone": (
        "postgresql://h",
        {"user": "postgres", "database": "postgres", "port": 5432, "password": None},
    ),
    "the database is named like its user": ("postgresql://u@h", {"database": "u"}),
    "run-time settings": (
        "postgresql://h/d?search_path=a,b&statement_timeout=5s",
        {
            "server_settings": {
                "application_name": "test",
                "search_path": "a,b",
                "statement_timeout": "5s",
            }
        },
    ),
}


@pytest.mark.parametrize(("url", "expected"), PROVIDERS.values(), ids=PROVIDERS.keys())
def test_urls_as_providers_write_them_are_understood(
    url: str, expected: dict[str, Any]
) -> None:
    assert seen(url).items() >= expected.items()


@pytest.mark.parametrize(
    "parameter",
    [
        *("channel_binding=require", "gssencmode=disable", "sslcert=/c", "sslkey=/k"),
        *("sslmode=require", "ssl=true", "sslrootcert=/ca", "connect_timeout=5"),
        *("application_name=x", "target_session_attrs=any", "schema=public"),
        *("pgbouncer=true", "connection_limit=5", "pool_timeout=3", "keepalives=1"),
        *("keepalives_idle=30", "keepalives_interval=5", "keepalives_count=3"),
        *("tcp_user_timeout=5", "sslcompression=0", "sslcrl=/c", "sslsni=1"),
        *("sslnegotiation=direct", "sslpassword=x", "hostaddr=::1", "passfile=/p"),
        *("fallback_application_name=x", "require_auth=md5", "krbsrvname=x"),
        *("ssl_min_protocol_version=TLSv1.2", "load_balance_hosts=random"),
        *("sslaccept=strict", "socket_timeout=5"),
    ],
)
def test_what_is_meant_for_another_client_is_not_asked_of_the_server(
    parameter: str,
) -> None:
    # The server ends a session over a setting that it does not know.
    arguments = seen(f"postgresql://u@h/d?{parameter}")
    assert arguments["server_settings"] == {"application_name": "test"}


@pytest.mark.parametrize(
    ("mode", "variables", "expected"),
    [
        *((mode, {}, mode) for mode in SSL_MODES),
        ("", {}, "prefer"),
        ("", {"DB_SSL_REQUIRE": "true"}, "require"),
        ("disable", {"DB_SSL_REQUIRE": "true"}, "require"),
        ("verify-full", {"DB_SSL_REQUIRE": "true"}, "verify-full"),
        ("require", {"DB_SSL_VERIFY": "none"}, "require"),
        ("require", {"DB_SSL_VERIFY": "ca"}, "verify-ca"),
        ("verify-ca", {"DB_SSL_VERIFY": "full"}, "verify-full"),
        ("verify-full", {"DB_SSL_VERIFY": "ca"}, "verify-full"),
        ("", {"DB_SSL_CA": __file__}, "verify-ca"),
        ("disable", {"DB_SSL_CA": __file__, "DB_SSL_VERIFY": "full"}, "verify-full"),
    ],
)
def test_the_strictest_wish_wins(
    mode: str, variables: dict[str, str], expected: str
) -> None:
    query = f"?sslmode={mode}" if mode else ""

    assert target(f"postgresql://u@h/d{query}", **variables).ssl_mode == expected


@pytest.mark.parametrize(
    "url",
    ["postgresql://u@db.railway.internal/d", "postgresql:///d?host=/run/pg"],
    ids=["private network", "unix socket"],
)
def test_where_nobody_can_listen_encryption_is_not_required(url: str) -> None:
    assert target(url, DB_SSL_REQUIRE="true").ssl_mode == "prefer"


def test_a_public_host_does_not_pass_for_a_private_one() -> None:
    public = target("postgresql://u@db.railway.internal.io/d", DB_SSL_REQUIRE="true")

    assert public.ssl_mode == "require"


@pytest.mark.parametrize(
    ("mode", "checks_host"), [("verify-ca", False), ("verify-full", True)]
)
def test_verification_is_what_the_mode_says(mode: str, *, checks_host: bool) -> None:
    context = seen(f"postgresql://u@h/d?sslmode={mode}")["ssl"]

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is checks_host


def test_the_systems_certificates_can_be_asked_for() -> None:
    url = "postgresql://u@h/d?sslmode=verify-full&sslrootcert=system"

    assert seen(url)["ssl"].verify_mode is ssl.CERT_REQUIRED


def test_the_setting_beats_the_urls_certificate(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.touch()
    ours.touch()
    url = f"postgresql://u@h/d?sslmode=verify-full&sslrootcert={theirs}"

    assert target(url).ssl_ca == str(theirs)
    assert target(url, DB_SSL_CA=str(ours)).ssl_ca == str(ours)


def test_a_certificate_that_is_not_there_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="certificate authority"):
        target("postgresql://u@h/d", DB_SSL_CA="/nowhere/ca.pem")


BAD = {
    "no scheme": "u:canary@h/d",
    "another scheme": "mysql://u:canary@h/d",
    "no port number": "postgresql://u:pw@h:canary/d",
    "a slash in the password": "postgresql://u:canary/pw@h/d",
    "a hash in the password": "postgresql://u:canary#pw@h/d",
    "a bracket in the password": "postgresql://u:canary[pw@h/d",
    "a full-width sign": "postgresql://u:canary\u2100@h/d",
    "several hosts": "postgresql://u:canary@h1:5432,h2:5432/d",
    "a port beyond the last": "postgresql://u:canary@h:65536/d",
    "a port in the query": "postgresql://u:canary@h/d?port=canary",
    "a port in the query beyond the last": "postgresql://u:canary@h/d?port=65536",
    "digits that are no number": "postgresql://u:canary@h/d?port=²",
    "an unknown sslmode": "postgresql://u:pw@h/d?sslmode=canary",
}


@pytest.mark.parametrize("url", BAD.values(), ids=BAD.keys())
def test_a_url_that_cannot_be_used_says_how_to_write_it_and_is_never_shown(
    url: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        target(url)

    assert "canary" not in str(caught.value)
    assert "user:password@host" in caught.value.remedy
    # A log shows the chain of causes as well.
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@settings(deadline=None)
@given(rest=st.text())
@example("h/d?port=²")
def test_whatever_stands_in_the_url_nothing_else_is_raised(rest: str) -> None:
    try:
        parsed = target(f"postgresql://{rest}")
    except ConfigError:
        return
    assert 0 < parsed.port < 65536


def test_no_text_of_a_target_shows_its_password() -> None:
    url = "postgresql://u:canary@h/d?password=canary"

    assert "canary" not in repr(target(url))
    assert seen(url)["password"] == "canary"


def test_the_application_is_named_to_the_server() -> None:
    settings_ = seen("postgresql://h?application_name=theirs")["server_settings"]
    assert settings_["application_name"] == "test"
