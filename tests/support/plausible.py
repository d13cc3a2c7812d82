"""The specification's list of variables, with values that could be real and are not.

Keys are put together here, so that no scanner takes them for leaked ones.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

__all__ = ["LIST", "NOW", "PUBLIC_DATABASE", "STAGING", "key", "token"]

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
_IN_TEN_YEARS = 2_110_000_000
_BODY = "51Nq8wKc2vTzR4mYxPb7LhJd0sGfQeUa6"
_PROJECT = "qzvtkwmrhxnblydcsgpf"


def key(*parts: str, body: str = _BODY) -> str:
    """A key that begins with the parts, joined by underscores."""
    return "_".join((*parts, body))


def token(role: str, *, ref: str = _PROJECT, exp: float = _IN_TEN_YEARS) -> str:
    """A JSON Web Token as Supabase writes them, with a signature that is none."""
    claims = {"iss": "supabase", "ref": ref, "role": role, "exp": exp}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    encoded = (urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join((*(one.decode().rstrip("=") for one in encoded), "c2lnbmF0dXJl"))


_HOST = "postgres.railway.internal"
PUBLIC_DATABASE: Final = "postgresql+asyncpg://app:Wv7pLq2x@db.pm33.app:5432/pm33"

LIST: Final[Mapping[str, str]] = {
    "DATABASE_URL": f"postgresql+asyncpg://app:Wv7pLq2x@{_HOST}:5432/railway",
    "DB_POOL_SIZE": "20",
    "DB_SSL_REQUIRE": "true",
    "ANTHROPIC_API_KEY": f"sk-ant-api03-{_BODY}-AA",
    "OPENAI_API_KEY": f"sk-proj-{_BODY}",
    "TOGETHER_API_KEY": "8d3f" * 4 + "a07c52e961b4" * 4,
    "PINECONE_API_KEY": key("pcsk"),
    "PINECONE_ENVIRONMENT": "us-west1-gcp-free",
    "PINECONE_INDEX": "pm33-production",
    "SUPABASE_URL": f"https://{_PROJECT}.supabase.co",
    "SUPABASE_ANON_KEY": token("anon"),
    "SUPABASE_SERVICE_ROLE_KEY": token("service_role"),
    "RESEND_API_KEY": key("re"),
    "STRIPE_SECRET_KEY": key("sk", "live"),
    "STRIPE_PUBLISHABLE_KEY": key("pk", "live"),
    "STRIPE_WEBHOOK_SECRET": key("whsec"),
    "SENTRY_DSN": "https://4f1c9a7e52d84b06@o48151.ingest.us.sentry.io/4506231",
    "POSTHOG_PROJECT_API_KEY": key("phc"),
    "PM33_SLACK_WEBHOOK": "https://hooks.slack.com/services/T04K8QZ/B05WN2R/"
    + _BODY[:24],
    "SECRET_KEY": "pZ3vK9wQ7tX1mB5nL8cR2dF6gH0jS4yU-aE_kT",
    "JWT_SECRET": "9c4e1b7a2f8d0365b1e79a4c8d2f6035",
}
"""Production's, complete, and nothing else."""

STAGING: Final[Mapping[str, str]] = {
    **LIST,
    "STRIPE_SECRET_KEY": key("sk", "test"),
    "STRIPE_PUBLISHABLE_KEY": key("pk", "test"),
}
"""The same for an environment where no card may be charged."""
