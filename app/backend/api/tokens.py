"""Who may see details: a bearer token, compared in constant time."""

import hmac
from dataclasses import dataclass
from enum import Enum, auto

from pydantic import SecretStr

from app.backend.config.environment import Config

__all__ = ["Access", "TokenCheck", "bears", "is_secret"]


class Access(Enum):
    """What a request's credentials amount to."""

    NONE = auto()
    WRONG = auto()
    METRICS = auto()
    ADMIN = auto()


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Compares ``Authorization: Bearer …`` with what is configured.

    Attributes:
        admin: ``PM33_ADMIN_TOKEN``; unset: nobody is an admin.
        metrics: ``PM33_METRICS_TOKEN``, good for ``/metrics`` only.
        open_to_all: development, where everybody may see details.
    """

    admin: SecretStr | None
    metrics: SecretStr | None
    open_to_all: bool

    @classmethod
    def of(cls, config: Config) -> "TokenCheck":
        """As configured."""
        security = config.security
        return cls(security.admin_token, security.metrics_token, config.is_development)

    @property
    def configured(self) -> bool:
        """Whether any token would be accepted."""
        return self.admin is not None or self.metrics is not None

    def access(self, authorization: str | None) -> Access:
        """Judges the header's value."""
        if authorization is None:
            return Access.NONE
        given = _given(authorization)
        # Both are compared in any case, so that time tells nothing.
        is_admin = _equal(given, self.admin)
        is_metrics = _equal(given, self.metrics)
        if is_admin:
            return Access.ADMIN
        return Access.METRICS if is_metrics else Access.WRONG

    def sees_details(self, access: Access) -> bool:
        """Whether messages, remedies and data may be shown."""
        return self.open_to_all or access is Access.ADMIN


def bears(authorization: str, expected: SecretStr) -> bool:
    """Whether the header's value is that bearer token; nobody bears a blank one."""
    return _equal(_given(authorization), expected)


def is_secret(given: str, expected: SecretStr) -> bool:
    """Whether somebody knows that secret, in a time that does not tell how nearly."""
    return _equal(given.encode(errors="replace"), expected)


def _given(authorization: str) -> bytes:
    scheme, _, token = authorization.partition(" ")
    return token.strip().encode() if scheme.lower() == "bearer" else b""


def _equal(given: bytes, expected: SecretStr | None) -> bool:
    # A newline at the end of a pasted value or a secret file is no part of it.
    secret = expected.get_secret_value().strip().encode() if expected else b""
    return hmac.compare_digest(given, secret) and bool(secret)
