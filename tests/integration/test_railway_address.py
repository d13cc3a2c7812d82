"""Where Railway's API is asked: over TLS, or on this machine."""

from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind
from app.errors import ConfigError

TOKEN = Credentials(SecretStr("a-token"), TokenKind.PROJECT, "RAILWAY_TOKEN")


@pytest.mark.parametrize(
    "url",
    [
        "http://backboard.railway.com/graphql/v2",
        "http://10.0.0.7/graphql",
        "ftp://x",
        "",
        "https://",
        "http://[::1",
    ],
)
def test_an_address_where_the_token_would_travel_in_clear_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="PM33_RAILWAY_API_URL"):
        RailwayApi(TOKEN, url=url)


@pytest.mark.parametrize("url", ["https://x/y", "http://127.0.0.1:1/", "http://[::1]/"])
def test_tls_and_this_machine_are_fine(url: str) -> None:
    RailwayApi(TOKEN, url=url)


def test_by_default_the_edge_in_front_of_railway_does_not_limit_us() -> None:
    parts = urlsplit(read_config({}).deployment.railway_api_url)
    assert (parts.scheme, parts.hostname) == ("https", "backboard.railway.com")
    assert parts.path == "/graphql/v2"
    assert parts.query
