"""What the API's client tells a reader without asking anything."""

from pydantic import SecretStr

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind


def test_a_wait_that_only_a_limit_asks_for_is_told() -> None:
    told: list[str] = []
    token = Credentials(SecretStr("t"), TokenKind.PROJECT, "RAILWAY_TOKEN")
    api = RailwayApi(token, url="https://railway.example/", say=told.append)

    api.tell_of_wait(59.0)
    assert told == []
    api.tell_of_wait(90.0)
    assert told == ["0 requests of Railway's API: looked at again in 90 s"]
