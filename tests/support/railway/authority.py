"""Tokens, what each may see, and the words of refusals (FACTS §1)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from graphql import GraphQLError

from tests.support.railway.records import Record
from tests.support.railway.world import World

__all__ = ["Asker", "RefusedError", "TokenKind", "Tokens", "internal", "unauthorized"]

_HEADER: Final = "project-access-token"
_NOT_AUTHORIZED: Final = "Not Authorized"


class TokenKind(StrEnum):
    """Whose token it is."""

    PROJECT = "project"
    WORKSPACE = "workspace"
    ACCOUNT = "account"


class RefusedError(GraphQLError):
    """An error that a client gets in an HTTP 200."""

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message, extensions={"code": code})


def unauthorized() -> RefusedError:
    """Wrong token, no access or no such id: they cannot be told apart."""
    return RefusedError(_NOT_AUTHORIZED)


def internal() -> RefusedError:
    """Malformed ids, illegal values, and whatever goes wrong inside."""
    return RefusedError("Problem processing request")


@dataclass(slots=True)
class Tokens:
    """One token of each kind; none is anybody's."""

    known: Mapping[TokenKind, str] = field(
        default_factory=lambda: {kind: secrets.token_hex(18) for kind in TokenKind},
        repr=False,
    )

    def kind_of(self, headers: Mapping[str, str]) -> "TokenKind | RefusedError":
        """Whose request it is; an error where no token is in its right header."""
        given = headers.get(_HEADER)
        if given is not None:
            if given == self.known[TokenKind.PROJECT]:
                return TokenKind.PROJECT
            if given in self.known.values():
                return unauthorized()
            return RefusedError("Project Token not found")
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        for kind in (TokenKind.WORKSPACE, TokenKind.ACCOUNT):
            if bearer == self.known[kind]:
                return kind
        return unauthorized()

    def revoke(self, kind: TokenKind) -> None:
        """Deletes the one of this kind, and makes another."""
        self.known = {**self.known, kind: secrets.token_hex(18)}

    def key(self, headers: Mapping[str, str]) -> str:
        """What requests are counted by."""
        return headers.get(_HEADER) or headers.get("authorization", "")


@dataclass(frozen=True, slots=True)
class Asker:
    """One request's world, and what it may see of it.

    Every method raises :class:`RefusedError`: "Problem processing request" for what is
    no UUID, "Not Authorized" for what may not be seen or does not exist.
    """

    world: World
    kind: TokenKind

    def needs(self, *kinds: TokenKind) -> None:
        """Only with one of these tokens."""
        if self.kind not in kinds:
            raise unauthorized()

    def project(self, identity: str) -> None:
        """Ours."""
        self._same(identity, self.world.project.id)

    def workspace(self, identity: str) -> None:
        """Ours."""
        self.needs(TokenKind.WORKSPACE, TokenKind.ACCOUNT)
        self._same(identity, self.world.workspace.id)

    def environment(self, identity: str) -> None:
        """The simulated one."""
        self._same(identity, self.world.environment.id)

    def service(self, identity: str) -> None:
        """The simulated one."""
        self._same(identity, self.world.service.id)

    def place(self, given: Mapping[str, str | None]) -> None:
        """Every id that is given, under its name."""
        checks = {
            "projectId": self.project,
            "environmentId": self.environment,
            "serviceId": self.service,
        }
        for name, check in checks.items():
            identity = given.get(name)
            if identity is not None:
                check(identity)

    def deployment(self, identity: str) -> Record:
        """One that there is."""
        self._is_uuid(identity)
        record = self.world.records.get(identity)
        if record is None or not record.shown:
            raise unauthorized()
        return record

    def _same(self, identity: str, own: str) -> None:
        self._is_uuid(identity)
        if identity != own:
            raise unauthorized()

    def _is_uuid(self, identity: str) -> None:
        try:
            UUID(identity)
        except ValueError:
            raise internal() from None
