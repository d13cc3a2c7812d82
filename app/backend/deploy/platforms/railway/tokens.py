"""Railway's tokens: which one is meant, of what kind it is, in which header it goes.

The kind is found by probing, not by the variable's name: others (Terraform's provider)
put an account's token into ``RAILWAY_TOKEN``. A token in the header of another kind is
refused by Railway as if it were wrong (FACTS §1).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import SecretStr

from app.backend.config.environment import Config
from app.backend.deploy.platforms.railway.cli_config import CliConfig
from app.errors import (
    ConfigError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
)

__all__ = [
    "CLI",
    "Credentials",
    "Given",
    "Probe",
    "Scope",
    "TokenKind",
    "detect",
    "given_token",
]

CLI: Final = "the Railway CLI's login"
"""Where a token comes from that no variable gives."""

_RENEW: Final = "run `railway whoami`, which renews the login, or set RAILWAY_TOKEN"
_PROJECTS: Final = "RAILWAY_TOKEN"
_OTHERS: Final = "RAILWAY_API_TOKEN"
# What a header may hold (RFC 9110 §5.5), without blanks.
_TOKEN: Final = re.compile(r"[!-~]+")


class TokenKind(StrEnum):
    """Whose token it is, and so what it may do at most."""

    PROJECT = "project"
    """One environment of one project."""
    WORKSPACE = "workspace"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Scope:
    """The one environment that a project's token belongs to; ids and names."""

    project: str
    environment: str
    project_name: str
    environment_name: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token that Railway has been seen to accept, or that its CLI has stored.

    Attributes:
        token: never shown.
        kind: found by probing.
        source: the variable it came from, or :data:`CLI`.
        scope: of a project's token.
        workspaces: ids of those that a workspace's token is for; None: not told.
    """

    token: SecretStr
    kind: TokenKind
    source: str
    scope: Scope | None = None
    workspaces: tuple[str, ...] | None = None

    def header(self) -> dict[str, str]:
        """The one header that this kind goes in; for the request alone."""
        value = self.token.get_secret_value()
        if self.kind is TokenKind.PROJECT:
            return {"project-access-token": value}
        return {"authorization": f"Bearer {value}"}

    @property
    def words(self) -> str:
        """For a reader: of what kind, and from where."""
        return f"the {self.kind} token of {self.source}"

    @property
    def remedy(self) -> str:
        """What to do where Railway does not accept it."""
        if self.source == CLI:
            return _RENEW
        return f"see whether {self.source} is the token that is meant, and what it may"


@dataclass(frozen=True, slots=True)
class Given:
    """A token of which nothing is known yet."""

    token: SecretStr
    source: str


_AS_PROJECT = (TokenKind.PROJECT, "ProjectToken")
_AS_OTHERS = ((TokenKind.ACCOUNT, "Me"), (TokenKind.WORKSPACE, "ApiToken"))
_ORDER: Final = {
    _PROJECTS: (_AS_PROJECT, *_AS_OTHERS),
    _OTHERS: (*_AS_OTHERS, _AS_PROJECT),
}

Probe = Callable[[Credentials, str], Awaitable[Mapping[str, Any]]]
"""Asks one operation with these credentials, as ``RailwayApi.ask`` does."""


def given_token(config: Config, cli: CliConfig, now: datetime | None = None) -> Given:
    """``RAILWAY_TOKEN``, else ``RAILWAY_API_TOKEN``, else what the CLI has stored.

    Args:
        config: with the two variables.
        cli: what the CLI has stored.
        now: the time by which that has expired or not.

    Raises:
        ConfigError: there is none, or it cannot be one.
        NotAuthorizedError: the CLI's has expired; only the CLI may renew it.
    """
    deployment = config.deployment
    for token, source in (
        (deployment.railway_token, _PROJECTS),
        (deployment.railway_api_token, _OTHERS),
    ):
        if token is not None:
            return _sound(Given(token, source))
    if cli.token is None:
        raise ConfigError(
            "there is no token for Railway",
            remedy="set RAILWAY_TOKEN to a token of the project and environment, or log"
            " in with `railway login`",
        )
    if cli.expires_at is not None and cli.expires_at <= (now or datetime.now(UTC)):
        raise NotAuthorizedError(f"{CLI} has expired", remedy=_RENEW)
    return _sound(Given(cli.token, CLI))


async def detect(given: Given, probe: Probe) -> Credentials:
    """Finds the kind by asking as each of them, the likeliest first.

    The CLI's own login is an account's, and is not asked about.

    Raises:
        NotAuthorizedError: it is none of any kind.
        PlatformError: Railway could not be asked, or has refused to say.
    """
    if given.source == CLI:
        return Credentials(given.token, TokenKind.ACCOUNT, CLI)
    other: PlatformError | None = None
    for kind, operation in _ORDER[given.source]:
        credentials = Credentials(given.token, kind, given.source)
        try:
            data = await probe(credentials, operation)
        except PlatformUnreachableError:
            raise
        except PlatformError as error:
            # A token of another form may be refused as a malformed id is.
            if not isinstance(error, NotAuthorizedError):
                other = error
        else:
            scope, workspaces = _scope(data), workspaces_in(data)
            return replace(credentials, scope=scope, workspaces=workspaces)
    if other is not None:
        raise other
    raise NotAuthorizedError(
        f"Railway accepts {given.source} neither as a project's token nor as an"
        " account's or a workspace's",
        remedy="make a token in the project's settings, and set RAILWAY_TOKEN to it",
    )


def _sound(given: Given) -> Given:
    value = given.token.get_secret_value()
    if _TOKEN.fullmatch(value):
        return given
    raise ConfigError(
        f"{given.source} is no token: it holds blanks, or letters beyond ASCII",
        remedy="copy it once more, alone",
    )


def workspaces_in(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The ids that an answer to ``ApiToken`` tells; None: it is none. Pure."""
    token = data.get("apiToken")
    return None if token is None else tuple(one["id"] for one in token["workspaces"])


def _scope(data: Mapping[str, Any]) -> Scope | None:
    token = data.get("projectToken")
    if token is None:
        return None
    return Scope(
        project=token["projectId"],
        environment=token["environmentId"],
        project_name=token["project"]["name"],
        environment_name=token["environment"]["name"],
    )
