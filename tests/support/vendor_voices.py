"""What each vendor says of each of its reads: data for the fake of all vendors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KEYS", "VOICES", "Asked", "Reply", "Voice"]


@dataclass(frozen=True)
class Asked:
    """One request; header names are in lower case."""

    voice: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """Status and body; text where it is no JSON."""

    status: int
    body: Any = field(default_factory=dict)
    media: str = "application/json"
    headers: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The bytes of the whole answer."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return self.head(len(text.encode())) + text.encode()

    def head(self, length: int) -> bytes:
        """Its head, for a body of that many bytes."""
        lines = [f"HTTP/1.1 {self.status} Some", f"content-length: {length}"]
        lines += [f"content-type: {self.media}"] if self.media else []
        return "\r\n".join([*lines, *self.headers, "", ""]).encode()


@dataclass(frozen=True)
class Voice:
    """One route of a vendor: where it is, what proves itself there, what it says."""

    route: str
    ok: Reply
    refusal: Reply
    credential: Callable[[Asked], str | None]
    forbidden: Reply = field(default_factory=lambda: Reply(403, {"error": {}}))
    quota: Reply = field(default_factory=lambda: Reply(402, {"error": {}}))


KEYS: Mapping[str, str] = {
    "anthropic": "sk-ant-" + "api03-" + "a" * 24,
    "openai": "sk-" + "proj-" + "b" * 24,
    "together": "tgp_" + "v1_" + "c" * 24,
    "pinecone": "pcsk_" + "d" * 24,
    "stripe": "sk_" + "test_" + "e" * 24,
    "supabase_anon": "sb_" + "publishable_" + "f" * 24,
    "supabase_service": "sb_" + "secret_" + "g" * 24,
    "resend": "re_" + "h" * 24,
    "sentry_ingest": "0123456789abcdef" * 2,
    "sentry_key": "sntryu_" + "i" * 24,
    "posthog": "phc_" + "j" * 24,
    "slack_webhook": "T00000000/B00000000/" + "k" * 24,
    "slack_bot": "xoxb-" + "l" * 24,
}
"""What each voice knows; none is anybody's."""


def _header(name: str) -> Callable[[Asked], str | None]:
    return lambda asked: asked.headers.get(name)


def _bearer(asked: Asked) -> str | None:
    return asked.headers.get("authorization", "").removeprefix("Bearer ")


def _anthropics(asked: Asked) -> str | None:
    """Its API takes the key in either header; its SDK sends the second."""
    return asked.headers.get("x-api-key") or _bearer(asked)


def _in_body(asked: Asked) -> str | None:
    value = json.loads(asked.body or b"{}")
    return str(value.get("api_key"))


def _error(code: str, kind: str = "error") -> dict[str, Any]:
    # As vendors do, it quotes what it was sent: that must show nowhere.
    return {"error": {"type": kind, "code": code, "message": "key sk-quoted"}}


def _text(status: int, word: str) -> Reply:
    return Reply(status, word, media="text/plain")


_INDEX = {
    "name": "articles",
    # What the SDK wants of each index, beside what the plain read looks at.
    "host": "articles-a1b2c3d.svc.aped-1234.pinecone.io",
    "deployment": {
        "deployment_type": "managed",
        "environment": "aws-us-east-1",
        "cloud": "aws",
        "region": "us-east-1",
    },
    "deletion_protection": "disabled",
    "schema": {
        "fields": {
            "embedding": {
                "type": "dense_vector",
                "dimension": 1536,
                "metric": "cosine",
            }
        }
    },
    "status": {"ready": True, "state": "Ready"},
}

VOICES: Mapping[str, Voice] = {
    "anthropic": Voice(
        "GET /anthropic/v1/models?limit=1",
        Reply(200, {"data": [{"id": "claude"}], "has_more": True}),
        Reply(401, _error("", "authentication_error")),
        _anthropics,
        quota=Reply(
            429,
            {
                "error": {
                    "type": "rate_limit_error",
                    "details": {"error_code": "enforced_spend_limit_reached"},
                }
            },
        ),
    ),
    "openai": Voice(
        "GET /openai/v1/models",
        Reply(200, {"object": "list", "data": [{"id": "gpt"}]}),
        Reply(401, _error("invalid_api_key", "invalid_request_error")),
        _bearer,
        quota=Reply(429, _error("credit_balance_exhausted", "insufficient_quota")),
    ),
    "together": Voice(
        "GET /together/v1/models?dedicated=true",
        Reply(200, [{"id": "llama"}]),
        Reply(401, _error("invalid_api_key")),
        _bearer,
    ),
    "pinecone": Voice(
        "GET /pinecone/indexes/articles",
        Reply(200, _INDEX),
        _text(401, "Invalid API Key"),
        _header("api-key"),
    ),
    "stripe": Voice(
        "GET /stripe/v1/balance",
        Reply(200, {"object": "balance", "livemode": False}),
        Reply(401, _error("", "invalid_request_error")),
        _bearer,
    ),
    "supabase_anon": Voice(
        "GET /supabase/auth/v1/health",
        Reply(200, {"version": "v2.197.0", "name": "GoTrue"}),
        Reply(401, {"message": "Invalid API key"}),
        _header("apikey"),
    ),
    "supabase_service": Voice(
        "GET /supabase/auth/v1/admin/users/00000000-0000-0000-0000-000000000000",
        Reply(404, {"code": 404, "error_code": "user_not_found"}),
        Reply(401, {"message": "Invalid API key"}),
        _header("apikey"),
        forbidden=Reply(403, {"code": 403, "error_code": "not_admin"}),
    ),
    "resend": Voice(
        "GET /resend/domains",
        Reply(200, {"data": [{"name": "example.com", "status": "verified"}]}),
        Reply(403, {"statusCode": 403, "name": "invalid_api_key"}),
        _bearer,
        quota=Reply(429, {"statusCode": 429, "name": "daily_quota_exceeded"}),
    ),
    "sentry_ingest": Voice(
        "GET /sentry/api/42/envelope/",
        Reply(405, "", media=""),
        Reply(405, "", media=""),
        lambda _: KEYS["sentry_ingest"],
    ),
    "sentry_key": Voice(
        f"GET /sentry/api/0/projects/acme/web/keys/{KEYS['sentry_ingest']}/",
        Reply(200, {"isActive": True, "projectId": 42}),
        Reply(401, {"detail": "Invalid token"}),
        _bearer,
    ),
    "posthog": Voice(
        "POST /posthog/flags/?v=2",
        Reply(200, {"flags": {}, "errorsWhileComputingFlags": False}),
        _text(401, "The provided API key is invalid or has expired."),
        _in_body,
        quota=Reply(200, {"flags": {}, "quotaLimited": ["feature_flags"]}),
    ),
    "slack_webhook": Voice(
        f"POST /slack/services/{KEYS['slack_webhook']}",
        _text(400, "no_text"),
        _text(403, "invalid_token"),
        lambda asked: asked.path.removeprefix("/slack/services/"),
        forbidden=_text(403, "action_prohibited"),
    ),
    "slack_bot": Voice(
        "POST /slack/api/auth.test",
        Reply(200, {"ok": True, "team_id": "T0"}),
        Reply(200, {"ok": False, "error": "invalid_auth"}),
        _bearer,
    ),
}
"""Every read there is, by the route it must take."""
