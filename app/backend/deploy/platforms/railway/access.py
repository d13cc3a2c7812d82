"""Whose token it is, what it may see, and whether that is more than it needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.tokens import Credentials, TokenKind

__all__ = ["Access", "Identity", "Reach", "access", "warnings_of", "who"]

_PRODUCTION: Final = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom Railway takes us for; of the token itself only where it came from.

    Attributes:
        name: the user's, the workspace's or the token's.
        email: of an account.
        scope: what the token is good for, in words.
    """

    kind: TokenKind
    source: str
    name: str
    email: str = ""
    scope: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reach:
    """An environment of the target's project, and whether the token may work there."""

    environment: str
    id: str
    can_access: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the token reaches."""

    identity: Identity
    environments: tuple[Reach, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


async def who(api: RailwayApi) -> Identity:
    """Asks whom the token belongs to; one request.

    Raises:
        NotAuthorizedError: it is not accepted.
        PlatformError: Railway does not say.
    """
    credentials = await api.credentials()
    match credentials.kind:
        case TokenKind.PROJECT:
            return _of_project(credentials, await api.ask("ProjectToken"))
        case TokenKind.WORKSPACE:
            return _of_workspace(credentials, await api.ask("ApiToken"))
        case TokenKind.ACCOUNT:
            return _of_account(credentials, await api.ask("Me"))


async def access(api: RailwayApi, target: Target, environment: str) -> Access:
    """Asks what the token reaches in the target's project; two requests.

    Args:
        api: with the token.
        target: whose project is looked at.
        environment: ours, by its name.

    Raises:
        PlatformError: Railway does not say.
    """
    identity = await who(api)
    body = await api.ask("ProjectNames", id=target.project)
    nodes = [edge["node"] for edge in body["project"]["environments"]["edges"]]
    found = tuple(
        Reach(one["name"], one["id"], bool(one["canAccess"]))
        for one in nodes
        if one.get("deletedAt") is None
    )
    return Access(
        identity=identity,
        environments=found,
        warnings=warnings_of(identity.kind, environment, target.environment, found),
    )


def warnings_of(
    kind: TokenKind, environment: str, target: str, found: tuple[Reach, ...]
) -> tuple[str, ...]:
    """What is unwise about a token. Pure.

    Args:
        kind: of the token.
        environment: ours, by its name.
        target: id of Railway's environment.
        found: what the token reaches.
    """
    told = []
    reached = [one.environment for one in found if one.can_access and one.id != target]
    if kind is TokenKind.ACCOUNT and environment == _PRODUCTION:
        told.append(
            "an account's token may do whatever its owner may, in every project; for"
            " production use a token of this project and environment (Railway: project"
            " settings, Tokens) as RAILWAY_TOKEN"
        )
    elif kind is not TokenKind.PROJECT and reached:
        told.append(
            f"it reaches {', '.join(sorted(reached))} as well; a token of this project"
            " and environment reaches no other"
        )
    if kind is TokenKind.PROJECT:
        told.append(
            "whether a project's token may roll back is not documented by Railway;"
            " a rollback that is refused says so and changes nothing"
        )
    return tuple(told)


def _of_project(credentials: Credentials, body: Mapping[str, Any]) -> Identity:
    told = body["projectToken"]
    names = f"{told['project']['name']} / {told['environment']['name']}"
    return Identity(
        kind=credentials.kind,
        source=credentials.source,
        name=told.get("name") or "",
        scope=f"one environment: {names}",
    )


def _of_workspace(credentials: Credentials, body: Mapping[str, Any]) -> Identity:
    names = ", ".join(one["name"] for one in body["apiToken"]["workspaces"])
    return Identity(
        kind=credentials.kind,
        source=credentials.source,
        name=names,
        scope="every project of the workspace",
    )


def _of_account(credentials: Credentials, body: Mapping[str, Any]) -> Identity:
    told = body["me"]
    return Identity(
        kind=credentials.kind,
        source=credentials.source,
        name=told.get("name") or "",
        email=told.get("email") or "",
        scope="whatever its owner may do",
    )
